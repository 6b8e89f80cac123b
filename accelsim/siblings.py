"""The packages beside accelsim (compress, workloads, plots, explore), found by file location and not by name alone.

A user's script may have a `plots.py` of its own beside it, which Python finds first under that name. What accelsim
means by `plots` is the folder beside its own.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent


def sibling(name: str) -> ModuleType:
    """The package `name` that lies beside accelsim.

    Where something else answers to its name, in `sys.modules` or first on the path, the package is loaded from its
    location as `accelsim_<name>` and leaves the name alone; its files import one another relatively, and so meet there.
    """
    if _is_ours(name):
        return import_module(name)
    alias = f"accelsim_{name}"
    return sys.modules.get(alias) or _load(name, alias)


def claim(*names: str) -> None:
    """Let these names mean the packages beside accelsim from here on, for packages that import them by name.

    Nothing happens where they mean them already. A module of the user's keeps working where it was imported before.
    """
    for name in names:
        if not _is_ours(name):
            for other in [*_modules_of(name)]:
                del sys.modules[other]
            _load(name, name)


def _is_ours(name: str) -> bool:
    """Whether `import name` gives the package beside accelsim; so it does where there is none, for all that we know."""
    path = _location(name)
    if not path.is_file():
        return True
    loaded = sys.modules.get(name)
    spec = find_spec(name) if loaded is None else loaded.__spec__
    return spec is not None and spec.origin is not None and Path(spec.origin).resolve() == path


def _location(name: str) -> Path:
    return ROOT / name / "__init__.py"


def _modules_of(name: str) -> Iterator[str]:
    """The module of that name and all below it, as they are loaded."""
    return (module for module in sys.modules if module == name or module.startswith(f"{name}."))


def _load(name: str, as_name: str) -> ModuleType:
    """The package beside accelsim, imported under a name."""
    path = _location(name)
    spec = spec_from_file_location(as_name, path, submodule_search_locations=[str(path.parent)])
    if spec is None or spec.loader is None:
        raise ImportError(f"the package {name!r} beside accelsim cannot be loaded from {path}", name=name)
    module = module_from_spec(spec)
    sys.modules[as_name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[as_name]
        raise
    return module
