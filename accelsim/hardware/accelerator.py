"""Accelerator: the whole machine as frozen, validated parts."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, SerializeAsAny, model_validator

from ..arrays.base import PEArray
from ..arrays.registry import ARRAYS
from ..config import Config, build
from ..errors import ConfigError, shortened, suggestion
from ..memory.base import DramConfig
from ..memory.ideal import IdealDram
from ..memory.registry import DRAM_MODELS
from ..registry import Registry
from ..technology.settings import energy_settings, table_of
from ..trace.operand_names import BUFFERS
from .parts import Buffers, MappingConfig, TensorConfig, Validated, VectorConfig

SHIPPED_NM = 45.0  # of the shipped energy table


def _array(value: object) -> object:
    return _by_key(value, "kind", ARRAYS, "array")


def _fallback(value: object) -> object:
    return None if value is None else _by_key(value, "kind", ARRAYS, "fallback")


def _dram(value: object) -> object:
    return _by_key(value, "model", DRAM_MODELS, "dram")


def _by_key(value: object, key: str, known: Registry[Any], part: str) -> object:
    """The part of the class that `value[key]` names; a part that is made already is taken as it is."""
    if isinstance(value, Config):
        return value
    if not isinstance(value, Mapping):
        raise ConfigError(f"{part} is {value!r:.60}; a mapping with {key!r} is expected")
    if key not in value:
        wrong = next((k for k in value if suggestion(str(k), [key]).startswith("did")), None)
        fault, names = "unknown" if wrong else "missing", ", ".join(known.names())
        raise ConfigError(f"{part}.{wrong or key} is {fault}; {key!r} is expected: {names}")
    name = value[key]
    if not isinstance(name, str) or name not in known:
        raise ConfigError(f"{part}.{key} is {name!r:.60}; {suggestion(str(name), known.names())}")
    return build(known.get(name), dict(value), prefix=f"{part}.")


class Accelerator(Config):
    """A machine. `buffers` None is unlimited; `fallback` runs the layers that `array` refuses.

    `validated` says against what the machine was validated, where, and how far off it is; None where nothing was.
    `energy` holds figures in place of the shipped table's, as in `energy: {mult_8_pj: 0.25}`: at `technology_nm` and as
    they are written, unless its `node_nm` says that they are of another node.
    """

    name: Annotated[str, Field(min_length=1, max_length=200)]
    description: str = ""
    source: str = ""
    validated: Validated | None = None
    technology_nm: Annotated[float, Field(ge=1, le=1000)] = 45.0
    clock_mhz: Annotated[float, Field(gt=0, le=1e9)] = 1000.0
    array: Annotated[SerializeAsAny[PEArray], BeforeValidator(_array)]
    buffers: Buffers | None = None
    dram: Annotated[SerializeAsAny[DramConfig], BeforeValidator(_dram)] = IdealDram()
    mapping: MappingConfig = MappingConfig()
    tensors: TensorConfig = TensorConfig()
    vector: VectorConfig = VectorConfig()
    energy: Annotated[SerializeAsAny[Config] | None, BeforeValidator(energy_settings)] = None
    fallback: Annotated[SerializeAsAny[PEArray] | None, BeforeValidator(_fallback)] = None

    def __repr__(self) -> str:
        """One line of what it can do at best; `to_dict` has every field."""
        return f"Accelerator({shortened(self.name)!r}: {self.peaks}; .to_dict() has every field)"

    __str__ = __repr__

    @property
    def peaks(self) -> str:
        """Its array, clock, peak rate, buffers, DRAM and node in one line: two operations a MAC, GB/s of 10⁹ bytes.

        >>> from accelsim.hardware.loading import load_hardware
        >>> load_hardware("dense/os-32x32").peaks
        'systolic, 1,024 MACs/cycle at 500 MHz = 1.02 TOPS; buffers 64 + 64 + 64 KiB; DRAM bank, 19.28 GB/s; 45 nm'
        """
        buffers, rate = self.buffers, self.peak_gbps
        sizes = "unlimited" if buffers is None else f"{' + '.join(f'{buffers.kib(name):g}' for name in BUFFERS)} KiB"
        dram = f"DRAM {self.dram.model}" + ("" if rate == inf else f", {rate:.4g} GB/s")
        macs = f"{self.array.kind}, {self.array.peak_macs:,} MACs/cycle at {self.clock_mhz:g} MHz"
        return f"{macs} = {self.peak_tops:.3g} TOPS; buffers {sizes}; {dram}; {self.technology_nm:g} nm"

    @property
    def peak_tops(self) -> float:
        """10¹² operations a second of the array at best, two a MAC."""
        return 2 * self.array.peak_macs * self.clock_mhz * 1e-6

    @property
    def peak_gbps(self) -> float:
        """10⁹ bytes a second of the DRAM at best; inf where no transfer takes time."""
        return self.dram.bytes_per_cycle(self.clock_mhz) * self.clock_mhz / 1000

    @property
    def reaches_fallback(self) -> bool:
        """Whether there can be a layer that the array refuses and the fallback may run."""
        array, fallback = self.array, self.fallback
        return fallback is not None and (not array.runs_every_layer or array.operation != fallback.operation)

    @model_validator(mode="after")
    def _figures_reach_the_node(self) -> Self:
        """ConfigError for a node that the shipped figures cannot be scaled to."""
        if self.technology_nm != SHIPPED_NM or self.energy is not None:
            table_of(self.energy, self.technology_nm)
        return self

    def to_dict(self) -> dict[str, Any]:
        """The configuration as YAML would hold it; `load_hardware` takes it back."""
        return self.model_dump(mode="json", exclude_none=True)
