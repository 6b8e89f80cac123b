"""The `shift` array: its configuration, its program and its kernels."""
