"""Workloads from torch modules: torch.export, or hooks where that cannot follow."""
