"""How a GEMM is cut into tiles for the buffers: footprint of a tile, traffic of a tiling, the search for the best one.

Imports: hardware and what lies below.
"""
