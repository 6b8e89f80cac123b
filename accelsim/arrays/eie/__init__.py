"""The `eie` array: its configuration, its program and its kernels."""
