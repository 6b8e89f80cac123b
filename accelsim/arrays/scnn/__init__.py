"""The `scnn` array: its configuration, its program and its kernels."""
