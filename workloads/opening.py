"""Whatever a user calls a workload on the command line or in a sweep, opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from accelsim.errors import ConfigError, FileFormatError, unknown_name
from accelsim.trace.workload import Workload

from .files.importers import EXPECTED, exists, require_there
from .files.shipped import shipped_names, shipped_path
from .models import list_models
from .registry import Importer, importer_of
from .settings import Settings, with_settings


@dataclass(frozen=True)
class Asked:
    """What an importer is asked for beyond settings: sizes of open dimensions, and whether work may be left out."""

    dimensions: Mapping[str, int] = field(default_factory=dict)
    open_sizes: str = "refuse"
    partial: str = "refuse"

    def keywords(self, name: str, importer: Importer | None = None) -> dict[str, Any]:
        """Those of them that the importer takes; ConfigError where one is asked of another (None: of the zoo)."""
        result: dict[str, Any] = {}
        if importer is not None and importer.takes_dimensions:
            result |= {"dimensions": self.dimensions or None, "open_sizes": self.open_sizes}
        elif self.dimensions:
            raise ConfigError(f"dimension {min(self.dimensions)!r} is given; workload {name[:200]!r} has no open sizes")
        if importer is not None and importer.takes_partial:
            result["partial"] = self.partial
        elif self.partial != "refuse":
            raise ConfigError(
                f"partial is {self.partial!r:.60} (--partial), which is for models that an importer lowers, as .onnx "
                f"files; workload {name[:200]!r} is taken as it is: only 'refuse' is expected"
            )
        return result


def load(
    source: str | Path,
    weights: str | Path | None = None,
    *,
    batch: int = 1,
    density: float | None = None,
    seed: int = 0,
    profile: str | Path | None = None,
    weight_bits: int | None = None,
    activation_bits: int | None = None,
    dimensions: Mapping[str, int] | None = None,
    open_sizes: str = "refuse",
    partial: str = "refuse",
) -> Workload:
    """A network of the zoo, as `workloads.zoo.load` takes it, or what `open_workload` opens.

    `batch` inputs run at once, `density` of the weights are not 0 (random weights), and `weight_bits` and
    `activation_bits` stand in for the source's own: all of them work on every source, `settings.with_settings` says
    how. `profile` and files of `weights` are for networks of the zoo; `dimensions` and `open_sizes` for the open sizes
    of an ONNX model (`workloads.from_onnx`). `partial` "allow" goes on where an importer has no lowering for matrix
    work, which `Workload.not_simulated` then names. Raises what these two raise.

    >>> load("lenet5", weight_bits=4, batch=2).traces[0].weight_bits
    4
    """
    settings = Settings(batch, density, seed, weight_bits, activation_bits)
    asked = Asked(dimensions or {}, open_sizes, partial)
    name, _, published = str(source).partition("@")
    if name in list_models():
        asked.keywords(str(source))
        from .zoo import load as from_zoo

        profile = profile or published or None
        return from_zoo(
            name,
            weights,
            batch=batch,
            density=density,
            seed=seed,
            profile=profile,
            weight_bits=weight_bits,
            activation_bits=activation_bits,
        )
    path, importer = _importer(str(source))
    if profile is not None or weights not in {None, "random"}:
        given = "profile" if profile is not None else "weights"
        raise ConfigError(f"{given} is for networks of the zoo; workload {str(source)[:200]!r} carries its own weights")
    settings = replace(settings, density=1.0) if weights == "random" and density is None else settings
    return _opened(path, importer, settings, asked.keywords(str(source), importer), values=False)


def open_workload(
    text: str | Path,
    *,
    batch: int = 1,
    density: float | None = None,
    values: bool = False,
    weight_bits: int | None = None,
    activation_bits: int | None = None,
    dimensions: Mapping[str, int] | None = None,
    open_sizes: str = "refuse",
    partial: str = "refuse",
) -> Workload:
    """A zoo name, that of a shipped checkpoint, a saved .npz, a checkpoint folder, an .onnx file, a SCALE-Sim CSV, a
    Timeloop or ZigZag YAML file, and whatever else an importer opens (`workloads.register_importer`).

    NETWORK@PROFILE is a zoo network with the densities and bits of a published compression, by name or YAML file.
    `batch`, `density`, `weight_bits`, `activation_bits`, `dimensions`, `open_sizes` and `partial` are as in `load`; a
    saved workload repeats its inputs. `values` fills a zoo network with seeded random integers and quantizes the
    weights of an ONNX model. Raises
    UnknownNameError with the nearest name, MissingFileError, FileFormatError, or ConfigError for a setting that this
    kind does not take.

    >>> open_workload("lenet5").macs
    2293000
    """
    name = str(text)
    network, _, profile = name.partition("@")
    if name in list_models() or (profile and network in list_models()):
        weights = "random" if values and not profile else None
        return load(
            name,
            weights,
            batch=batch,
            density=density,
            weight_bits=weight_bits,
            activation_bits=activation_bits,
            dimensions=dimensions,
            open_sizes=open_sizes,
            partial=partial,
        )
    settings = Settings(batch, density, 0, weight_bits, activation_bits)
    asked = Asked(dimensions or {}, open_sizes, partial)
    path, importer = _importer(name)
    return _opened(path, importer, settings, asked.keywords(name, importer), values=values)


def _opened(path: Path, importer: Importer, settings: Settings, keywords: dict[str, Any], *, values: bool) -> Workload:
    """What the importer makes of the file, as the settings ask for it."""
    batch = settings.batch if importer.takes_batch else 1
    network = importer.load(path, batch=batch, values=values, **keywords)
    return with_settings(network, settings, batched=importer.takes_batch)


def _importer(name: str) -> tuple[Path, Importer]:
    """The file behind a name, and what opens it."""
    path = shipped_path(name) if name in shipped_names() and not exists(Path(name)) else Path(name)
    importer = importer_of(path)
    if importer is None and _is_name(path, name):
        raise unknown_name("workload", name[:200], [*list_models(), *shipped_names()])
    return path, importer or _refused(path)


def _is_name(path: Path, text: str) -> bool:
    """Whether a text that names nothing here was meant as a name and not as a path."""
    return not exists(path) and not path.suffix and "/" not in text and "\\" not in text


def _refused(path: Path) -> Importer:
    """Raise the error for a path that no importer opens."""
    require_there(path)
    raise FileFormatError(f"workload {str(path)[:200]!r} has an unknown ending {path.suffix!r}; {EXPECTED} is expected")
