"""The `ternary` array: its configuration, its program and its kernels."""
