"""The `adder` array: its configuration, its program and its kernels."""
