"""The `csr_rows` array: its configuration, its program and its kernels."""
