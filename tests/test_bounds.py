"""The tests of all numba kernels again, with an error where a kernel reads or writes past the end of an array."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numba import njit

ROOT = Path(__file__).parent.parent
ROOMS = ("arrays", "memory", "formats")  # where kernels are
BEYOND = "from tests.test_bounds import read_beyond; read_beyond()"


@njit
def _last(values, at):
    return values[at]


def read_beyond():
    """What the check must notice."""
    _last(np.zeros(3), 3)


def checked(tmp_path: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """A fresh process with kernels of its own that are compiled with the check."""
    environment = os.environ | {
        "NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    return subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True)


def test_the_check_is_on(tmp_path):
    result = checked(tmp_path, "-c", BEYOND)
    assert result.returncode == 1
    assert "IndexError: index is out of bounds" in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("room", ROOMS)
def test_kernels_stay_within_their_arrays(room, tmp_path):
    result = checked(tmp_path, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", f"tests/accelsim/{room}")
    assert result.returncode == 0, result.stdout[-4000:]
