"""Searches: the points of a sweep's space that Optuna proposes, simulated and kept as a sweep keeps them.

A search is a space, objectives and constraints by column, and a sampler. Points are proposed in batches of one size,
each from what the whole batches before it have shown, so that a search that was killed goes on as if it had not been.
It may import all packages below `explore`, and `explore.sweep`.
"""
