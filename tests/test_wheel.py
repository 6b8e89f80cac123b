"""The wheel holds everything: installed in an environment of its own, it runs far from the sources."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from accelsim.hardware.loading import config_names

ROOT = Path(__file__).parent.parent
PACKAGES = ("accelsim", "compress", "workloads", "plots", "explore", "hwconfigs")
pytestmark = pytest.mark.xdist_group("wheel")


def run(*command: object, cwd: Path) -> str:
    apart = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run([str(c) for c in command], cwd=cwd, env=apart, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def built(folder: Path, source: Path | None = None) -> Path:
    """The wheel of a project's folder, or of this one, built in `folder` without network from a copy of the sources."""
    if source is None:
        source = folder / "source"
        for package in PACKAGES:
            shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, source / name)
    folder.mkdir(exist_ok=True)
    options = ("-q", "--no-deps", "--no-build-isolation", "--no-index")
    run(sys.executable, "-m", "pip", "wheel", *options, "-w", folder, source, cwd=folder)
    return next(folder.glob("*.whl"))


def environment(folder: Path, *wheels: Path) -> Path:
    """The python of a fresh environment in `folder` with the wheels in it; what they depend on is borrowed from this
    one, the sources are not."""
    run(sys.executable, "-m", "venv", "--without-pip", folder / "venv", cwd=folder)
    python = folder / "venv" / "bin" / "python"
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])", cwd=folder).strip())
    (site / "borrowed.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    options = ("-q", "--no-deps", "--no-index")
    run(sys.executable, "-m", "pip", "--python", python, "install", *options, *wheels, cwd=folder)
    return python


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of this project."""
    return built(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A fresh environment with the wheel in it."""
    folder = tmp_path_factory.mktemp("environment")
    environment(folder, wheel)
    return folder


def test_the_wheel_holds_every_source_and_data_file(wheel):
    from zipfile import ZipFile

    packed = set(ZipFile(wheel).namelist())
    kinds = ("*.py", "*.yaml", "*.json", "*.npz", "*.zip", "*.md", "*.css", "*.js", "py.typed")
    ours = {
        p.relative_to(ROOT).as_posix() for package in PACKAGES for kind in kinds for p in (ROOT / package).rglob(kind)
    }
    assert ours - packed == set()
    assert not [name for name in packed if name.startswith("tests")]


def test_the_command_runs_elsewhere(installed):
    command = installed / "venv" / "bin" / "accelsim"
    where = run(installed / "venv" / "bin" / "python", "-c", "import accelsim; print(accelsim.__file__)", cwd=installed)
    assert where.startswith(str(installed))
    listed = run(command, "hw", "list", cwd=installed)
    assert all(name in listed for name in config_names())
    report = json.loads(run(command, "run", "lenet5", "--hw", "dense/os-32x32", "--json", cwd=installed))
    assert report["cycles"] > 0
    assert run(command, "workload", "list", cwd=installed).count(" lenet5 ") == 1


def test_the_digits_and_the_models_come_along(installed):
    code = "import workloads, workloads.datasets as d; print(len(d.read_digits()[1]), workloads.model('lenet5').fc1)"
    out = run(installed / "venv" / "bin" / "python", "-c", code, cwd=installed)
    assert out.startswith("10000 Linear(in_features=800")
