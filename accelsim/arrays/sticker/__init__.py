"""The `sticker` array: its configuration, its program and its kernels."""
