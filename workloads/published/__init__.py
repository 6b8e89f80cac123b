"""Densities and bits of published compressions, and networks that have them."""
