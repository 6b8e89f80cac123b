"""The rules of the house that keep it light: who imports whom, and what `import accelsim` costs."""

import ast
import subprocess
import sys
import time
from pathlib import Path

import pytest

import accelsim
import compress
import workloads

ROOT = Path(__file__).parent.parent
FLOORS = ("accelsim", "compress", "workloads", "plots", "explore")  # from the ground up
HEAVY = ("torch", "pandas", "matplotlib", "numba", "simpy", "pydantic")
COMPRESS_MAY_USE = ("accelsim.errors", "accelsim.files", "accelsim.formats", "accelsim.trace", "accelsim.validation")
SOURCES = [p for package in FLOORS for p in sorted((ROOT / package).rglob("*.py"))]


def imports(path: Path) -> set[str]:
    """Dotted names that a file imports anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_down(path):
    room = path.relative_to(ROOT).parts[0]
    above = FLOORS[FLOORS.index(room) + 1 :]
    found = imports(path)
    assert not [name for name in found if name.split(".")[0] in above]
    if room == "accelsim":
        assert not [name for name in found if name.split(".")[0] == "torch"]
    if room == "compress":
        ours = [name for name in found if name.split(".")[0] == "accelsim"]
        assert not [name for name in ours if not name.startswith(COMPRESS_MAY_USE)]


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


@pytest.mark.parametrize("package", [accelsim, compress, workloads])
def test_every_public_name_is_there(package):
    assert package.__all__ == sorted(package.__all__)
    for name in package.__all__:
        assert getattr(package, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        package.nonsense  # noqa: B018  # the access is what is tested


def test_functions_stay_functions_once_their_modules_are_loaded():
    code = (
        "import accelsim.simulate, accelsim; from accelsim.simulate import simulate;"
        "assert accelsim.simulate is simulate and callable(accelsim.ppr)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
