"""Exploration: the command line, studies, sweeps and search over everything below."""
