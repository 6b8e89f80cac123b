"""Exploration: the command line, studies, sweeps and search over everything below."""

from accelsim.siblings import claim

claim("compress", "workloads", "plots")  # what the files here mean by these names, whatever lies beside a script
