"""Accelerators as YAML files, one folder a family; read through `accelsim.load_hardware`."""
