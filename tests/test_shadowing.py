"""A user's own compress.py, workloads/ and plots.py beside his script change nothing in ours, and go on for him."""

import os
import subprocess
import sys

import pytest

from tests.places import ROOT

SCRIPT = """
import sys
sys.path.append({root!r})  # behind the script's folder, as an installed package is
import accelsim
assert accelsim.__file__.startswith({root!r})
layer = accelsim.GemmTrace.random("fc", M=1, N=50, K=80, weight_density=0.1)
report = accelsim.simulate(layer, "dense/os-16x16")
"""
COMMAND = """
import sys
sys.path.append({root!r})
from explore.cli import main
sys.argv = ["accelsim", *{arguments!r}]
main()
"""


@pytest.fixture
def folder(tmp_path):
    """All three, each of which says that it was imported and holds a name of its own."""
    (tmp_path / "workloads").mkdir()
    for place in ("compress.py", "plots.py", "workloads/__init__.py"):
        (tmp_path / place).write_text("MINE = 'the user'\n")
    return tmp_path


def run(folder, code, as_file=True):
    """What a script in the folder prints; this checkout is not on the path but for what the script does."""
    (folder / "script.py").write_text(code)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, str(folder / "script.py")] if as_file else [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_simulate_and_plot_beside_the_users_modules(folder):
    code = SCRIPT.format(root=str(ROOT)) + (
        "axes = accelsim.plot('cycles', report)\n"
        "assert axes.get_xlabel().startswith('cycles')\n"
        "assert accelsim.plots()[0] == 'cycles'\n"
        "import compress, plots, workloads\n"
        "print(compress.MINE, plots.MINE, workloads.MINE)\n"
    )
    assert run(folder, code).strip() == "the user the user the user"


def test_plot_once_the_users_modules_are_imported(folder):
    code = "import plots\n" + SCRIPT.format(root=str(ROOT)) + (
        "accelsim.plot('energy', report)\nassert sys.modules['plots'] is plots\nprint(plots.MINE)\n"
    )  # fmt: skip
    assert run(folder, code).strip() == "the user"


@pytest.mark.parametrize("arguments", [["run", "lenet5", "--hw", "dense/os-16x16", "--json"], ["workload", "list"]])
def test_the_command_line_in_such_a_folder(folder, arguments):
    out = run(folder, COMMAND.format(root=str(ROOT), arguments=arguments), as_file=False)
    assert "lenet5" in out


def test_what_means_ours_is_not_loaded_twice():
    code = (
        "import sys, plots, accelsim; layer = accelsim.GemmTrace('fc', M=1, N=5, K=8);"
        "accelsim.plot('cycles', accelsim.simulate(layer, 'dense/os-16x16'));"
        "assert not [m for m in sys.modules if m.startswith('accelsim_')], 'an alias was loaded';"
        "assert accelsim.plot is plots.plot"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_claiming_takes_the_name_over_and_leaves_the_users_module_alone(folder):
    code = (
        "import compress\nimport sys\n"
        f"sys.path.append({str(ROOT)!r})\n"
        "import explore\n"
        "assert compress.MINE == 'the user'\n"
        "import compress as now\n"
        "print(now.methods()[0].name)\n"
    )
    assert run(folder, code).strip() == "admm"
