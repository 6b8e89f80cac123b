"""The rules of the house that keep it light: who imports whom, and what `import accelsim` costs."""

import ast
import subprocess
import sys
import time
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import accelsim
import compress
import plots
import workloads
import workloads.datasets

ROOT = Path(__file__).parent.parent
FLOORS = ("accelsim", "compress", "workloads", "plots", "explore")  # from the ground up
ROOMS = (  # files and folders of accelsim, from the ground up
    "errors",
    "validation",
    "files",
    "config",
    "registry",
    "siblings",
    "trace",
    "formats",
    "technology",
    "arrays",
    "memory",
    "hardware",
    "mapping",
    "engine",
    "energy",
    "results",
    "analysis simulate",  # comparisons simulate, and simulate verifies
    "testing",
)
RANKS = {room: rank for rank, line in enumerate(ROOMS) for room in line.split()}
MOST_TOP_MODULES = 8
HEAVY = ("torch", "pandas", "matplotlib", "numba", "simpy", "pydantic")
COMPRESS_MAY_USE = (
    "accelsim.errors",
    "accelsim.files",
    "accelsim.formats",
    "accelsim.siblings",
    "accelsim.trace",
    "accelsim.validation",
)
SOURCES = [p for package in FLOORS for p in sorted((ROOT / package).rglob("*.py"))]


def module_of(path: Path) -> str:
    """The dotted name of a file; of an `__init__`, its folder's."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


TREES = {module_of(path): (path, ast.parse(path.read_text())) for path in SOURCES}


def imports(module: str) -> set[str]:
    """Dotted names that a file imports anywhere in it, for annotations and inside functions too.

    `from a import b` is a.b, as a module where that is one.
    """
    path, tree = TREES[module]
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            found |= {f"{base}.{alias.name}" for alias in node.names}
    return found


def imported_modules(module: str) -> set[str]:
    """The files of ours, but `__init__`, that a file imports."""
    named = {name if name in TREES else name.rpartition(".")[0] for name in imports(module)}
    return {name for name in named if name in TREES and TREES[name][0].name != "__init__.py"} - {module}


@pytest.mark.parametrize("module", TREES)
def test_imports_point_down(module):
    package = module.split(".")[0]
    above = FLOORS[FLOORS.index(package) + 1 :]
    found = imports(module)
    assert not [name for name in found if name.split(".")[0] in above]
    if package == "accelsim":
        assert not [name for name in found if name.split(".")[0] == "torch"]
    if package == "compress":
        ours = [name for name in found if name.split(".")[0] == "accelsim"]
        assert not [name for name in ours if not name.startswith(COMPRESS_MAY_USE)]


@pytest.mark.parametrize("module", [m for m in TREES if m.startswith("accelsim.")])
def test_rooms_of_accelsim_point_down(module):
    room = module.split(".")[1]
    assert room in RANKS, f"{room} has no place in the order of rooms"
    above = [other for other, rank in RANKS.items() if rank > RANKS[room]]
    assert not [name for name in imports(module) if name.startswith(tuple(f"accelsim.{other}." for other in above))]
    assert not [name for name in imports(module) if name in {f"accelsim.{other}" for other in above}]


def test_no_circle_of_files():
    graph = {m: imported_modules(m) for m in TREES if TREES[m][0].name != "__init__.py"}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_every_room_says_what_lives_there():
    folders = [p for p in (ROOT / "accelsim").iterdir() if (p / "__init__.py").is_file()]
    for folder in folders:
        text = ast.get_docstring(TREES[f"accelsim.{folder.name}"][1])
        assert text is not None, folder
        assert "imports" in text.lower(), folder


def test_only_the_door_looks_up():
    """Names of the packages above are looked up in accelsim/__init__ and nowhere else in accelsim."""
    users = [m for m in TREES if m.startswith("accelsim") and "accelsim.siblings.sibling" in imports(m)]
    assert users == ["accelsim"]


def test_few_modules_lie_directly_in_accelsim():
    names = [path.name for path in (ROOT / "accelsim").glob("*.py")]
    assert len(names) <= MOST_TOP_MODULES, sorted(names)


def test_no_class_name_stands_for_two_things():
    places: dict[str, list[str]] = {}
    for module, (_, tree) in TREES.items():
        if module.split(".")[0] in {"accelsim", "compress"}:
            for node in tree.body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    places.setdefault(node.name, []).append(module)
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_stay_short(path):
    assert len(path.read_text().splitlines()) <= 400


@pytest.mark.parametrize("package", ["accelsim", "compress", "workloads", "plots", "explore", "hwconfigs"])
def test_importing_a_package_loads_nothing_heavy(package):
    code = f"import sys, {package}; print(*[m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_import_accelsim_is_quick():
    def seconds(code: str) -> float:
        times = []
        for _ in range(3):
            started = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            times.append(time.perf_counter() - started)
        return min(times)

    assert seconds("import accelsim") - seconds("pass") < 0.3


@pytest.mark.parametrize("package", [accelsim, compress, plots, workloads])
def test_every_public_name_is_there(package):
    assert package.__all__ == sorted(package.__all__)
    for name in package.__all__:
        assert getattr(package, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        package.nonsense  # noqa: B018  # the access is what is tested


LAZY = [accelsim, accelsim.formats, accelsim.memory, accelsim.testing, compress, workloads, workloads.datasets, plots]


@pytest.mark.parametrize("package", LAZY, ids=lambda package: package.__name__)
def test_completion_shows_public_names_alone(package):
    shown = {name for name in dir(package) if not name.startswith("__")}
    assert shown == set(package.__all__)


def test_functions_stay_functions_once_their_modules_are_loaded():
    code = (
        "import accelsim.simulate, accelsim; from accelsim.simulate import simulate;"
        "assert accelsim.simulate is simulate and callable(accelsim.ppr)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
