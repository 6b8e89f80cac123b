"""Workloads from files: checkpoints, topologies of other simulators, PyTorch state files."""
