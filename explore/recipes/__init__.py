"""Recipes run: stages and searches with their steps kept on disk, so that a run that was cut off goes on."""
