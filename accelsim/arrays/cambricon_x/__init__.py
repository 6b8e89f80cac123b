"""The `cambricon_x` array: its configuration, its program and its kernels."""
