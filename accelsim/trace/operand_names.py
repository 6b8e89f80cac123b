"""The operands of a GEMM by name, in the orders in which the simulator goes through them; named here alone."""

from __future__ import annotations

from typing import Literal

IFMAP, WEIGHT, INDEX, PSUM, OFMAP = "ifmap", "weight", "index", "psum", "ofmap"
FETCHED = (IFMAP, WEIGHT, INDEX)  # what the array reads, each by a DMA engine of its own
DRAM_REGIONS = (IFMAP, WEIGHT, INDEX, PSUM, OFMAP)  # where each begins in DRAM
DRAM_OPERANDS = (IFMAP, WEIGHT, INDEX, OFMAP, PSUM)  # as a report lists their bytes

BufferName = Literal["ifmap", "filter", "ofmap"]
BUFFERS: tuple[BufferName, ...] = ("ifmap", "filter", "ofmap")  # on chip; weights and indices share the filter buffer
