"""Recipes: compression as YAML, its stages and its searches."""
