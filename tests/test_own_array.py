"""An array of anybody's own, in a package outside the tree: installed beside the wheel, it works as it is."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from tests.test_wheel import ROOT, built, environment, run

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("wheel")]
EXAMPLE = ROOT / "examples" / "own_array"
SMALL = 150  # lines of a new sparse array, kernels included


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A fresh environment with both wheels, and a folder beside it that holds the example's machine and its tests."""
    folder = tmp_path_factory.mktemp("own_array")
    source = folder / "own_array"
    shutil.copytree(EXAMPLE, source, ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
    wheels = [built(folder / "ours"), built(folder / "theirs", source)]
    shutil.rmtree(source / "bitmap_rows")  # only the installed one is left
    return environment(folder, *wheels), source


def command(installed, *arguments):
    """What the installed `accelsim` prints, far from the sources."""
    python, source = installed
    return run(python.parent / "accelsim", *arguments, cwd=source)


def test_the_array_is_small():
    files = (EXAMPLE / "bitmap_rows").glob("*.py")
    assert sum(len(path.read_text().splitlines()) for path in files) < SMALL


def test_nothing_of_ours_names_it():
    ours = [p for package in ("accelsim", "explore", "hwconfigs") for p in (ROOT / package).rglob("*.*")]
    assert not [p for p in ours if p.suffix in {".py", ".yaml"} and "bitmap_rows" in p.read_text()]


def test_it_runs_and_every_output_is_right(installed):
    report = json.loads(command(installed, "run", "lenet5", "--hw", "bitmap-rows-16x16.yaml", "--verify", "--json"))
    assert {row["array"] for row in report["layers"]} <= {"bitmap_rows", "vector"}
    assert sum(row.get("bitmap_rows_idle_edge", 0) for row in report["layers"]) > 0
    sparse = ("run", "lenet5", "--hw", "bitmap-rows-16x16.yaml", "--density", "0.1", "--json")
    assert json.loads(command(installed, *sparse))["cycles"] < report["cycles"]


@pytest.mark.parametrize("iso", ["mac", "area"])
def test_it_is_compared_at_equal_size(installed, iso):
    """A machine of 4 x 4 MACs grows by the sizes that the array names as scalable."""
    text = (EXAMPLE / "bitmap-rows-16x16.yaml").read_text()
    small = text.replace("16x16", "4x4").replace("rows: 16, cols: 16", "rows: 4, cols: 4")
    (installed[1] / "small.yaml").write_text(small)
    machines = ("--hw", "dense/os-16x16", "--hw", "small.yaml")
    out = json.loads(command(installed, "compare", "lenet5", *machines, "--density", "0.1", "--iso", iso, "--json"))
    own, (sizing,) = out["machines"][1], out["sizings"]
    array = own["configuration"]["array"]
    assert array["kind"] == "bitmap_rows"
    assert (array["rows"], array["cols"]) == (16, 16) or iso == "area"
    assert array["rows"] * array["cols"] > 16
    assert sizing["iso"] == iso
    assert own["against_first"]["ppr"] > 0


def test_its_own_tests_pass(installed):
    python, source = installed
    pytest.importorskip("accelsim.testing")
    out = run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests", cwd=source)
    assert "passed" in out


def test_the_kind_is_known_only_where_it_is_installed(installed):
    assert "bitmap_rows" in command(installed, "hw", "validate", "bitmap-rows-16x16.yaml")
    import accelsim

    with pytest.raises(accelsim.errors.ConfigError, match=r"array.kind is 'bitmap_rows'"):
        accelsim.load_hardware(EXAMPLE / "bitmap-rows-16x16.yaml")
    assert Path(sys.prefix) != installed[0].parent.parent
