"""A study of somebody's own runs by its name, registered or installed."""

import pytest
from typer.testing import CliRunner

from accelsim.errors import ConfigError
from explore.cli import app
from explore.studies import register_study
from explore.studies.registry import STUDIES, STUDY_RUNS
from tests.packages import install


@pytest.fixture(autouse=True)
def forget(monkeypatch):
    """What a test registers is forgotten after it."""
    monkeypatch.setattr(STUDY_RUNS, "_values", {})


def printed(*arguments):
    result = CliRunner().invoke(app, ["study", *map(str, arguments)])
    assert result.exit_code == 0, result.stderr
    return result.stdout


def test_a_registered_study(tmp_path):
    @register_study("three")
    def three(out, quick, jobs, progress):
        progress(3, 3)
        return f"{out.name} {quick} {jobs}"

    assert printed("three", "--quick", "--jobs", 2, "--out", tmp_path / "out") == "out True 2\n"
    with pytest.raises(ConfigError, match="study 'ppr' is registered already"):
        register_study("ppr")(three)
    with pytest.raises(ConfigError, match="a function"):
        register_study("number")(3)


def test_an_installed_study(tmp_path, monkeypatch):
    text = "def run(out, quick, jobs, progress):\n    return 'installed'\n"
    install(tmp_path, monkeypatch, "accelsim.studies", {"far": "far_study:run"}, far_study=text)
    assert printed("far", "--out", tmp_path / "out") == "installed\n"


def test_an_unknown_study_is_told_the_nearest():
    result = CliRunner().invoke(app, ["study", "pprr"])
    assert result.exit_code == 2
    assert result.stderr == "error: unknown study 'pprr'; did you mean 'ppr'?\n"
    assert STUDY_RUNS.names() == [*STUDIES]
