"""How the activations of an operator that runs by itself lie in DRAM: dense or compressed, tile by tile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..formats.sizes import Packing, best_run_bits, least_bits, packed_size
from ..hardware.accelerator import Accelerator
from ..trace.operand import Ints
from .tensor_storage import DENSE, Stored
from .tensor_values import TensorValues


@dataclass(frozen=True, eq=False)
class PackedTensors:
    """Tensors that an operator reads or writes, each cut into equal shares, of which a tile has one of each."""

    packing: Packing
    bits: int
    tensors: tuple[Ints, ...]

    def tile(self, job: int, tiles: int) -> Stored:
        """The shares of tile `job` of `tiles`, encoded one behind the other."""
        shares = [flat[flat.size * job // tiles : flat.size * (job + 1) // tiles] for flat in self.tensors]
        return Stored(*packed_size(np.concatenate(shares), self.packing, self.bits, self._run_bits))

    @property
    def least_bits(self) -> int:
        """What must cross, however they are cut."""
        flat = np.concatenate(self.tensors)
        return least_bits(flat.size, int(np.count_nonzero(flat)), self.packing, self.bits, self._run_bits)

    @cached_property
    def _run_bits(self) -> int:
        return best_run_bits(np.concatenate(self.tensors), self.bits) if self.packing == "rle" else 1


@dataclass(frozen=True)
class VectorStorage:
    """Of what is compressed the tensors, None of what lies dense.

    `burst_bytes` is 0 but where tensors lie whole: a tile's share of one is then the bursts that it touches.
    """

    ifmap: PackedTensors | None = None
    ofmap: PackedTensors | None = None
    burst_bytes: int = 0

    @property
    def formats(self) -> tuple[str, str]:
        """Of ifmap and ofmap."""
        ifmap, ofmap = (DENSE if tensors is None else tensors.packing for tensors in (self.ifmap, self.ofmap))
        return ifmap, ofmap


def vector_storage(
    machine: Accelerator, bits: int, inputs: Sequence[TensorValues], outputs: TensorValues | None
) -> VectorStorage:
    """How the activations of an operator lie in DRAM; `inputs` are all that it reads, none where one is not known."""
    packing = machine.tensors.activation_format
    if machine.tensors.layout != "tiled":
        return VectorStorage(burst_bytes=machine.dram.burst_bytes)
    if packing == "dense":
        return VectorStorage()
    read = PackedTensors(packing, bits, tuple(tensor.flat for tensor in inputs)) if inputs else None
    written = PackedTensors(packing, bits, (outputs.flat,)) if outputs is not None else None
    return VectorStorage(read, written)
