"""Recipes run: stages and searches with their steps stored on disk, so that a run that was cut off goes on."""
