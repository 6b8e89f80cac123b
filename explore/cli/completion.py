"""What the shell offers behind a command: names of workloads, machines, recipes, figures, studies, and files.

Each function takes what is typed so far and returns what may follow; Typer calls it in the shell's own process, so
that none loads torch.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from glob import escape, iglob


def workload_names(incomplete: str) -> list[str]:
    """Networks of the zoo, their published compressions, and files.

    >>> workload_names("lenet5")[0]
    'lenet5'
    """
    import workloads

    names = [*workloads.list_models()]
    names += [f"{name}@{profile}" for name, known in workloads.profiles().items() for profile in known]
    return [*_begun(names, incomplete), *paths(incomplete)]


def machine_names(incomplete: str) -> list[str]:
    """Machines that ship, and YAML and .cfg files.

    >>> machine_names("published/ey")
    ['published/eyeriss']
    """
    from accelsim.hardware.loading import config_names

    return [*_begun(config_names(), incomplete), *machine_files(incomplete)]


def machine_files(incomplete: str) -> list[str]:
    """YAML and .cfg files, and folders that may hold some."""
    return list(paths(incomplete, (".yaml", ".yml", ".cfg")))


def model_names(incomplete: str) -> list[str]:
    """Networks of the zoo.

    >>> "resnet18" in model_names("res")
    True
    """
    import workloads

    return _begun(workloads.list_models(), incomplete)


def recipe_names(incomplete: str) -> list[str]:
    """Recipes that ship, and YAML files.

    >>> "lenet5-inq-quick" in recipe_names("lenet5-i")
    True
    """
    from compress.recipes.recipe import recipe_names as shipped

    return [*_begun(shipped(), incomplete), *paths(incomplete, (".yaml", ".yml"))]


def study_names(incomplete: str) -> list[str]:
    """Studies that ship or are installed.

    >>> study_names("p")
    ['ppr']
    """
    from ..studies.registry import STUDY_RUNS

    return _begun(STUDY_RUNS.names(), incomplete)


def table_names(incomplete: str) -> list[str]:
    """Tables of the papers.

    >>> table_names("XI")
    ['XI', 'XII', 'XIII', 'XIV']
    """
    from ..reproduce import TABLES

    return _begun(TABLES, incomplete.upper())


def figure_names(incomplete: str) -> list[str]:
    """Figures that `accelsim.plot` draws.

    >>> "cycles" in figure_names("cyc")
    True
    """
    import accelsim

    return _begun(accelsim.plots(), incomplete)


def iso_names(incomplete: str) -> list[str]:
    """What machines may be made equal in.

    >>> iso_names("")
    ['mac', 'area', 'bandwidth']
    """
    return _begun(("mac", "area", "bandwidth"), incomplete)


def sampler_names(incomplete: str) -> list[str]:
    """Samplers of a search.

    >>> sampler_names("n")
    ['nsga2']
    """
    from ..search.samplers import SAMPLERS

    return _begun(SAMPLERS, incomplete)


def float_names(incomplete: str) -> list[str]:
    """Floating-point formats that have names.

    >>> float_names("fp8")
    ['fp8_e4m3', 'fp8_e5m2']
    """
    from accelsim.trace.float_format import NAMED

    return _begun(NAMED, incomplete)


def paths(incomplete: str, endings: tuple[str, ...] = ("",)) -> Iterator[str]:
    """Files that begin so and end with one of `endings`, and folders with a slash behind."""
    for path in sorted(iglob(f"{escape(incomplete)}*")):
        if os.path.isdir(path):
            yield f"{path}/"
        elif path.endswith(endings):
            yield path


def _begun(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
