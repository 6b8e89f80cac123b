"""A machine brought to the size of another, for comparisons at equal MACs a cycle, equal area or equal bandwidth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import log
from typing import Any

from ..arrays.base import PEArray
from ..energy.area import machine_area
from ..errors import ConfigError, unknown_name
from ..hardware.accelerator import Accelerator
from ..hardware.loading import load_hardware
from ..trace.workload import Workload
from .equal_area import nearest_area, whole_area

LONGEST_SIDE = 2**40  # what a size of an array may be
MOST_DOUBLINGS = 80  # of the whole array, either way
LONGEST_NAME = 150  # of a machine's, so that the size fits behind it

Figure = Callable[[Accelerator], float]


@dataclass(frozen=True)
class IsoScaling:
    """What was chosen for one machine.

    `settings` are the dotted fields that were set, as `load_hardware` and `--set` take them. `reached` and `target` are
    dense MACs a cycle for `mac` and µm² of the whole machine for `area`; None for `bandwidth`: the whole DRAM part is
    the same. `grain` says what forbids areas within 2 %, "" where nothing does.
    """

    iso: str
    machine: Accelerator
    like: str
    settings: Mapping[str, Any]
    reached: float | None = None
    target: float | None = None
    grain: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "hardware": self.machine.name, "iso": self.iso, "like": self.like, "settings": dict(self.settings),
            "reached": self.reached, "target": self.target, "grain": self.grain,
        }  # fmt: skip

    def __str__(self) -> str:
        chosen = ", ".join(f"{place} = {value}" for place, value in self.settings.items())
        said = f"iso-{self.iso}: {self.machine.name} has {chosen}"
        if self.reached is None or self.target is None:
            return f"{said}, the DRAM of {self.like}"
        unit, factor, digits = ("mm²", 1e-6, 3) if self.iso == "area" else ("dense MACs a cycle", 1.0, 0)
        reached, target = (f"{value * factor:,.{digits}f}" for value in (self.reached, self.target))
        line = f"{said}: {reached} {unit}, {self.reached / self.target:.2f}x the {target} of {self.like}"
        return f"{line}; {self.grain}" if self.grain else line


def iso_scaled(machine: Accelerator, like: Accelerator, *, iso: str, workload: Workload) -> IsoScaling:
    """`machine` brought to the size of `like` for a workload, and what was chosen.

    `mac` scales the array in powers of two, keeping its aspect to within one doubling, to the nearest ratio of
    `baseline_macs` at the bits of the workload's layer of most MACs. `area` does so until the areas of the whole
    machines, buffers and fallback included, agree within 2 %, in single steps of a side where no power of two does;
    buffers and fallback stay as they are. A new size stands behind the machine's name. `bandwidth` takes the DRAM part
    of `like`. Source: DESIGN sections 1 and 6. Raises UnknownNameError for another `iso`, and ConfigError
    for an array that names no sizes to scale.
    """
    if iso not in CHOICES:
        raise unknown_name("iso", iso, CHOICES)
    return CHOICES[iso](machine, like, workload)


def _by_macs(machine: Accelerator, like: Accelerator, workload: Workload) -> IsoScaling:
    layer = max(workload.traces, key=lambda trace: trace.macs)

    def macs(option: Accelerator) -> float:
        return max(1, option.array.baseline_macs(layer.weight_bits, layer.activation_bits))

    return _nearest("mac", machine, like, macs)


def _by_area(machine: Accelerator, like: Accelerator, workload: Workload) -> IsoScaling:
    for one in (like, machine):
        _not_zero("area", one, machine_area(one, 8, 8)["array"])
    area, target = whole_area(workload, machine), whole_area(workload, like)(like)
    sides = array_sides(machine.array)
    best, grain = nearest_area(machine, list(array_sizes(machine.array)), sides, area, target)
    return _scaled("area", machine, best.array, like, (area(best), target), grain)


def _by_dram(machine: Accelerator, like: Accelerator, workload: Workload) -> IsoScaling:
    settings = {"dram": like.to_dict()["dram"]}
    return IsoScaling("bandwidth", load_hardware(machine, **settings), like.name, settings)


CHOICES: dict[str, Callable[[Accelerator, Accelerator, Workload], IsoScaling]] = {
    "mac": _by_macs,
    "area": _by_area,
    "bandwidth": _by_dram,
}


def _nearest(iso: str, machine: Accelerator, like: Accelerator, figure: Figure) -> IsoScaling:
    """The array size at which `figure` has the ratio to `like`'s nearest to 1; of equals the least change."""
    target = figure(like)
    for one in (like, machine):
        _not_zero(iso, one, figure(one))
    options = [machine.model_copy(update={"array": array}) for array in array_sizes(machine.array)]
    best = min(options, key=lambda option: abs(log(figure(option) / target)))
    return _scaled(iso, machine, best.array, like, (figure(best), target))


def _not_zero(iso: str, machine: Accelerator, figure: float) -> None:
    if not figure:
        message = f"iso-{iso}: the {iso} of {machine.name}'s array is 0; figures above 0 are expected in `energy`"
        raise ConfigError(message)


def _scaled(
    iso: str, machine: Accelerator, array: PEArray, like: Accelerator, figures: tuple[float, float], grain: str = ""
) -> IsoScaling:
    """`machine` with the sides of `array`; `figures` are what is reached and the target."""
    sides = {side: getattr(array, side) for side in array_sides(array)}
    settings = {f"array.{side}": value for side, value in sides.items()}
    size = "x".join(map(str, sides.values()))
    name = machine.name if array == machine.array else f"{machine.name[:LONGEST_NAME]} at {size}"
    return IsoScaling(iso, load_hardware(machine, **settings, name=name), like.name, settings, *figures, grain)


def array_sides(array: PEArray) -> tuple[str, ...]:
    """The fields that an array's size consists of, as it says itself; ConfigError where it names none."""
    if not array.scalable:
        raise ConfigError(
            f"array kind {array.kind!r} has no sizes to scale; names of fields in `scalable` are expected"
        )
    return array.scalable


def array_sizes(array: PEArray) -> Iterator[PEArray]:
    """The array itself, then doubled and halved again and again, its least changes first.

    The first side is doubled first and the last halved first, so that two steps keep the aspect of two; every size is
    whole.
    """
    sides = array_sides(array)
    for doublings in sorted(range(-MOST_DOUBLINGS, MOST_DOUBLINGS + 1), key=abs):
        shares = [(doublings + after) // len(sides) for after in reversed(range(len(sides)))]
        sizes = [_doubled(getattr(array, side), share) for side, share in zip(sides, shares, strict=True)]
        if all(1 <= size <= LONGEST_SIDE for size in sizes):
            yield array.model_copy(update=dict(zip(sides, sizes, strict=True)))


def _doubled(size: int, times: int) -> int:
    """size · 2^times, or 0 where that is no whole number."""
    if times >= 0:
        return size << times
    return 0 if size % (1 << -times) else size >> -times
