"""What CONTRIBUTING says is so: its example runs, and the files and tables that it names are there."""

import os
import re
import subprocess
import sys

import pytest

from tests.places import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
TABLE = re.findall(r"^\| an? [^|]+ \| [^|]+ \| ([^|]+) \|$", TEXT, re.MULTILINE)


@pytest.mark.parametrize("code", EXAMPLES)
def test_the_example_runs(tmp_path, code):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "area.svg").stat().st_size > 0


@pytest.mark.parametrize("page", ["README.md", "docs/vector.md"])
def test_examples_of_the_pages_run(tmp_path, page):
    code = "\n".join(re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert code
    assert done.returncode == 0, done.stderr


def test_there_is_an_example_and_a_table():
    assert EXAMPLES
    assert len(TABLE) >= 10


@pytest.mark.parametrize("line", TABLE)
def test_the_table_it_sends_to_is_there(line):
    """`NAME` in `path`, or a path alone."""
    for name, path in re.findall(r"(?:`(\w+)` in )?`([\w/]+\.py)`", line):
        assert (ROOT / path).is_file(), path
        assert re.search(rf"^{name}\b.*=", (ROOT / path).read_text(), re.MULTILINE) or not name, (name, path)


@pytest.mark.parametrize(
    "path", sorted({*re.findall(r"`((?:accelsim|compress|workloads|plots|explore|tests)/[\w/.]*)`", TEXT)})
)
def test_every_path_is_there(path):
    assert (ROOT / path.partition("NAME")[0]).exists()
