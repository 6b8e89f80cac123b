"""Weights on few levels: uniform, powers of two, binary, ternary, and the integers that hardware sees."""
