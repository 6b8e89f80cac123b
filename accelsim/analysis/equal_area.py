"""The size of an array at which a whole machine has a given area, and what grain forbids it where none has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import log

from ..arrays.base import PEArray
from ..energy.area import machine_area
from ..energy.built import Widths, widest, widest_float
from ..engine.array_selection import runs_natively
from ..hardware.accelerator import Accelerator
from ..trace.workload import Workload

TOLERANCE = 0.02  # of whole-machine areas that count as equal
ARRAY_SHARE = 0.1  # of the array, by which they may differ as well
STRETCH = 3 / 2  # how far one side may go from its doubling, either way, so that the aspect is kept
NEAR = log(3)  # doublings of a part that is so much larger or smaller than wanted lead nowhere


def whole_area(workload: Workload, machine: Accelerator) -> Callable[[Accelerator], float]:
    """A function: µm² of a size of `machine`, each of its arrays for the layers of the workload that it runs."""
    bits = [(trace.weight_bits, trace.activation_bits) for trace in workload.traces]
    native = [runs_natively(machine, trace) for trace in workload.traces]
    own = widest(b for b, runs in zip(bits, native, strict=True) if runs)
    other = widest(b for b, runs in zip(bits, native, strict=True) if not runs)
    floats = widest_float(trace.float_format for trace in workload.traces)
    return lambda option: sum(machine_area(option, *(own or other or Widths()), other, float_format=floats).values())


def nearest_area(
    machine: Accelerator, sizes: list[PEArray], sides: tuple[str, ...], area: Callable[[Accelerator], float], um2: float
) -> tuple[Accelerator, str]:
    """(the machine at the size whose area is nearest to `um2`, what forbids a nearer one; "" within 2 %).

    `sizes` are doublings, the least change first. The first is taken that is near enough, within 2 % and within a tenth
    of what twice the array adds; otherwise one side of one of them goes on in single steps, and of those near enough
    the one that changes the aspect least is taken.
    """
    doubled = [machine.model_copy(update={"array": array}) for array in sizes]
    for option in doubled:
        if _is_near(option, sides, area, um2):
            return option, ""
    stepped = [
        step for option in doubled if _misfit(area(option), um2) < NEAR for side in sides
        for step in _steps(option, side, area, um2)
    ]  # fmt: skip
    near = [option for option in stepped if _is_near(option, sides, area, um2)]
    best = min(
        near or [*doubled, *stepped],
        key=lambda option: (_stretch(option, machine, sides) if near else 0.0, _misfit(area(option), um2)),
    )
    return best, _grain(best, sides, area, um2)


def _is_near(option: Accelerator, sides: tuple[str, ...], area: Callable[[Accelerator], float], um2: float) -> bool:
    """Within 2 %, and within a tenth of the array: beside large buffers 2 % may be many times an array."""
    here = area(option)
    array = area(_with(option, sides[0], 2 * getattr(option.array, sides[0]))) - here
    return _misfit(here, um2) <= log(1 + TOLERANCE) and abs(here - um2) <= ARRAY_SHARE * array


def _stretch(option: Accelerator, machine: Accelerator, sides: tuple[str, ...]) -> float:
    """How far the sides have grown apart; 0 where the aspect is the machine's own."""
    growth = [log(getattr(option.array, side) / getattr(machine.array, side)) for side in sides]
    return max(growth) - min(growth)


def _misfit(area: float, um2: float) -> float:
    return abs(log(area / um2))


def _with(machine: Accelerator, side: str, size: int) -> Accelerator:
    return machine.model_copy(update={"array": machine.array.model_copy(update={side: size})})


def _steps(option: Accelerator, side: str, area: Callable[[Accelerator], float], um2: float) -> Iterator[Accelerator]:
    """The sizes of one side whose areas are next to `um2`, from below and from above; area grows with a side."""
    size = getattr(option.array, side)
    low, high = max(1, int(size / STRETCH)), int(size * STRETCH)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if area(_with(option, side, middle)) <= um2 else (low, middle)
    yield from (_with(option, side, end) for end in (low, high))


def _grain(best: Accelerator, sides: tuple[str, ...], area: Callable[[Accelerator], float], um2: float) -> str:
    """The areas around `um2` of one step of a side, where the best is not within 2 %."""
    if _misfit(area(best), um2) <= log(1 + TOLERANCE):
        return ""
    side = sides[0]
    size = getattr(best.array, side)
    around = sorted({max(1, size - 1), size, size + 1})
    steps = ", ".join(f"{n} gives {area(_with(best, side, n)) * 1e-6:,.3f}" for n in around)
    areas = [area(_with(best, side, n)) for n in around]
    beyond = all(a > um2 for a in areas) or all(a < um2 for a in areas)
    why = "what is not the array forbids it" if beyond else f"a step of array.{side} is coarser"
    return f"no size is within {TOLERANCE:.0%}, {why}: of array.{side}, {steps} mm²"
