"""What the shell completes: names behind each option, files beside them, and nothing heavy loaded for it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import accelsim
import workloads
from accelsim.analysis.iso_scaling import CHOICES
from accelsim.hardware.loading import config_names
from explore.cli import app, completion

COMMAND = Path(sys.executable).parent / "accelsim"


def completed(text: str) -> list[str]:
    """What a shell is offered at the end of a line, asked as bash asks."""
    words = text.split(" ")
    environment = {"_ACCELSIM_COMPLETE": "complete_bash", "COMP_WORDS": text, "COMP_CWORD": str(len(words) - 1)}
    result = CliRunner().invoke(app, [], env=environment, prog_name="accelsim")
    return result.stdout.split()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("accelsim run resnet5", "resnet50"), ("accelsim run lenet5 --hw published/e", "published/eyeriss"),
     ("accelsim compare lenet5 --hw sparse/ei", "sparse/eie-64pe"), ("accelsim compare lenet5 --iso a", "area"),
     ("accelsim compress len", "lenet5"), ("accelsim compress lenet5 --recipe lenet5-inq", "lenet5-inq-quick"),
     ("accelsim study p", "ppr"), ("accelsim reproduce XI", "XIV"), ("accelsim hw show dense/os-3", "dense/os-32x32"),
     ("accelsim hw new x --from dense/os-3", "dense/os-32x32"), ("accelsim workload show mobi", "mobilenet_v2"),
     ("accelsim run lenet5 --float b", "bf16"), ("accelsim h", "hw")],
)  # fmt: skip
def test_names_are_completed(text, expected):
    assert expected in completed(text)


def test_all_names_are_there_and_files_beside_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("net.npz", "mine.yaml", "tpu.cfg", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "folder").mkdir()
    assert completion.machine_names("") == [*config_names(), "folder/", "mine.yaml", "tpu.cfg"]
    names = completion.workload_names("")
    assert set(workloads.list_models()) < set(names)
    assert {"net.npz", "folder/"} < set(names)
    assert completion.machine_names("nosuch") == []
    assert completion.iso_names("") == list(CHOICES)
    assert completion.figure_names("") == accelsim.plots()


def test_it_can_be_installed():
    options = {name for parameter in typer.main.get_command(app).params for name in parameter.opts}
    assert {"--install-completion", "--show-completion"} <= options


def test_completing_a_name_loads_nothing_heavy():
    script = (
        "import sys; from explore.cli import completion as c; "
        "c.workload_names(''); c.machine_names(''); c.recipe_names(''); c.study_names(''); "
        "print(*{'torch', 'pandas', 'matplotlib', 'numba'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_the_installed_command_answers_bash():
    environment = {
        **os.environ,
        "_ACCELSIM_COMPLETE": "complete_bash",
        "COMP_WORDS": "accelsim hw sh",
        "COMP_CWORD": "2",
    }
    done = subprocess.run([COMMAND], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["show"]
