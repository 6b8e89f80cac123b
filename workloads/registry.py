"""Importers by name: what opens the file or folder that a user calls a workload.

One that ships is a class in `workloads/files/importers.py` and a line in IMPORTERS. One of anybody's own comes by
`workloads.register_importer`, or by an entry point of the group `accelsim.importers` in an installed package (name =
the class's `name`, value = class).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, TypeVar

from accelsim.registry import Registry
from accelsim.trace.workload import Workload


class Importer(ABC):
    """Opens one kind of file. `open_workload` asks each importer `opens(path)`, the shipped ones first, and has the
    first that says yes `load` it.

    `suffixes` are lower-case endings (".csv"); an importer that looks at more than the ending overrides `opens`.
    `takes_batch` says that `load` makes the workload for so many inputs; where it is False, `load` is asked for one
    and what it returns is repeated. `takes_dimensions` says that the file may leave sizes open: `load` then has the
    keywords `dimensions` and `open_sizes` of `workloads.from_onnx` too. `takes_partial` says that `load` has the
    keyword `partial` ("refuse" or "allow"): the importer may meet work that it has no lowering for, and goes on
    without it where that is allowed; others are never asked to leave anything out. Bits and densities are for
    `open_workload` to change.
    """

    name: ClassVar[str] = ""
    suffixes: ClassVar[tuple[str, ...]] = ()
    takes_batch: ClassVar[bool] = True
    takes_dimensions: ClassVar[bool] = False
    takes_partial: ClassVar[bool] = False

    def opens(self, path: Path) -> bool:
        """Whether this importer is for `path`, which need not exist. Reads no more than it must; raises nothing."""
        return path.suffix.lower() in self.suffixes

    @abstractmethod
    def load(self, path: Path, *, batch: int, values: bool) -> Workload:
        """The workload for `batch` inputs; `values` asks for integers where the file holds what they are made from.

        With `takes_partial` it has a keyword `partial`: "allow" goes on without matrix work that has no lowering, which
        `Workload.not_simulated` then names.
        Raises MissingFileError where nothing is there, and FileFormatError where the content is not what it should be.
        """


IMPORTERS = {  # name -> "module:class", in the order in which they are asked
    "scalesim": "workloads.files.importers:ScaleSimImporter",
    "onnx": "workloads.files.importers:OnnxImporter",
    "checkpoint": "workloads.files.importers:CheckpointImporter",
    "saved": "workloads.files.importers:SavedImporter",
    "timeloop": "workloads.files.importers:TimeloopImporter",
    "zigzag": "workloads.files.importers:ZigZagImporter",
}
Kind = TypeVar("Kind", bound=type[Importer])


def _check(name: str, value: object) -> str | None:
    """An Importer whose `name` is the registered one."""
    good = isinstance(value, type) and issubclass(value, Importer) and value.name == name
    return None if good else f"a subclass of Importer with `name = {name!r}` is expected"


FILE_IMPORTERS: Registry[type[Importer]] = Registry("importer", "accelsim.importers", IMPORTERS, check=_check)


def register_importer(importer: Kind) -> Kind:
    """Decorator: let `open_workload` and the command line ask an Importer.

        @workloads.register_importer
        class TinyImporter(workloads.Importer):
            name, suffixes = "tiny", (".tiny",)

            def load(self, path, *, batch, values): ...

    Raises ConfigError where the class is no Importer with a name, or the name already stands for another class.
    """
    FILE_IMPORTERS.add(getattr(importer, "name", "") or str(importer), importer)
    return importer


def importer_of(path: Path) -> Importer | None:
    """The importer that opens `path`, or None where there is none; installed packages are asked last."""
    return next((importer for importer in _importers() if importer.opens(path)), None)


def _importers() -> Iterator[Importer]:
    """The shipped importers, and only then, where none of these opens the file, all others."""
    yield from (FILE_IMPORTERS.get(name)() for name in IMPORTERS)
    yield from (FILE_IMPORTERS.get(name)() for name in FILE_IMPORTERS.names() if name not in IMPORTERS)
