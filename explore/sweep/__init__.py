"""Sweeps: every combination of workloads, machines and settings, simulated once each and kept in one SQLite file.

A sweep is a `Space` of points (read from a YAML file, or named in Python); workers evaluate its points, here or on a
Dask cluster, and one store holds a row a point. It may import all packages below `explore` and `explore.cache`.
"""
