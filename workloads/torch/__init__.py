"""Workloads from torch modules: `compress.tracing` follows them, `compress.lowering` says what their calls become."""
