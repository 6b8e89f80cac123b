"""The `xnor` array: its configuration, its program and its kernels."""
