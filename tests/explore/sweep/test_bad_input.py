"""What no sweep can be: refused before anything runs, with the file, the place and the nearest right name."""

import pytest
import yaml

from accelsim.errors import AccelSimError, ConfigError
from explore.sweep.reading import read_sweep
from explore.sweep.space_of import space_of

from .conftest import MACHINE

GOOD = {"workloads": ["lenet5"], "hardware": ["small.yaml"], "set": {"array.rows": [4, 8]}}
BAD = [
    ({"workload": ["lenet5"]}, "'workload'; did you mean 'workloads'"),
    ({"hardwares": ["small.yaml"]}, "did you mean 'hardware'"),
    ({"sets": {}}, "did you mean 'set'"),
    ({"workloads": []}, "workloads is empty"),
    ({"workloads": "lenet5"}, "workloads is 'lenet5'; a list"),
    ({"workloads": ["lenet6"]}, "workloads[0]: unknown workload 'lenet6'; did you mean 'lenet5'"),
    ({"workloads": [3]}, "workloads[0]: name is 3"),
    ({"workloads": ["lenet5", "lenet5"]}, "workloads holds 'lenet5' twice"),
    ({"workloads": ["none.csv"]}, "none.csv"),
    ({"workloads": ["bad.csv"]}, "bad.csv"),
    ({"workloads": [{"name": "lenet5", "batchs": 2}]}, "did you mean 'batch'"),
    ({"workloads": [{"name": "lenet5", "batch": [1, 0]}]}, "workloads[0].batch: batch is 0"),
    ({"workloads": [{"name": "lenet5", "density": ["x"]}]}, "density is 'x'"),
    ({"workloads": [{"name": "lenet5", "density": []}]}, "workloads[0].density is empty"),
    ({"workloads": [{"name": "lenet5", "float": "fp17"}]}, "fp17"),
    ({"workloads": [{"name": "lenet5", "recipe": "lenet5-inq-quik"}]}, "lenet5-inq-quick"),
    ({"workloads": [{"name": "alexnet", "recipe": "lenet5-inq-quick"}]}, "alexnet"),
    ({"workloads": [{"name": "lenet5", "recipe": "lenet5-inq-quick", "density": 0.1}]}, "density beside a recipe"),
    ({"hardware": []}, "hardware is empty"),
    ({"hardware": 7}, "hardware is 7"),
    ({"hardware": [7]}, "hardware[0] is 7"),
    ({"hardware": ["dense/os-16x17"]}, "did you mean 'dense/os-16x16'"),
    ({"hardware": ["none.yaml"]}, "none.yaml"),
    ({"hardware": [{"name": "m", "array": {"kind": "systolik"}}], "set": {}}, "did you mean 'systolic'"),
    ({"set": [1]}, "set is [1]"),
    ({"set": {"array.rows": []}}, "set.array.rows is empty"),
    ({"set": {"array.rows": [4, 4]}}, "set.array.rows holds 4 twice"),
    ({"set": {"array.roows": [4]}}, "did you mean 'rows'"),
    ({"set": {"aray.rows": [4]}}, "did you mean 'array'"),
    ({"set": {"array.rows": [4, 0]}}, "array.rows is 0"),
    ({"set": {"array.rows": ["x"]}}, "array.rows is 'x'"),
    ({"set": {"array.rows": [float("nan")]}}, "array.rows is nan"),
    ({"set": {"dram.model": ["bandwith"]}}, "did you mean 'bandwidth'"),
    ({"points": [{"array.rows": 4}]}, "both set and points"),
    ({"set": {}, "points": []}, "points is empty"),
    ({"set": {}, "points": [{"array.roows": 4}]}, "did you mean 'rows'"),
    ({"set": {f"array.{k}": [*range(1, 10**4)] for k in ("rows", "cols")}}, "99,980,001 points; 1 to 10,000,000"),
]


@pytest.mark.parametrize(("content", "says"), BAD, ids=[says[:40] for _, says in BAD])
def test_bad_files(tmp_path, content, says):
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(MACHINE))
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    path = tmp_path / "sweep.yaml"
    path.write_text(yaml.safe_dump(GOOD | content))
    with pytest.raises(AccelSimError) as error:
        read_sweep(path)
    assert says in str(error.value)
    assert "sweep.yaml" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("missing", ["workloads", "hardware"])
def test_a_file_without_what_it_needs(tmp_path, missing):
    path = tmp_path / "sweep.yaml"
    path.write_text(yaml.safe_dump({key: value for key, value in GOOD.items() if key != missing}))
    with pytest.raises(ConfigError, match=f"{missing} is missing"):
        read_sweep(path)


def test_a_value_that_goes_with_some_others_is_none_of_these(net):
    machine = {**MACHINE, "dram": {"model": "ideal"}}
    space = space_of([net], [machine], {"dram.gbps": [1, 2], "dram.model": ["ideal", "bandwidth"]})
    assert len(space) == 4


def test_a_machine_that_needs_its_settings(net):
    machine = {**MACHINE, "dram": {"model": "bandwidth"}}
    assert len(space_of([net], [machine], {"dram.gbps": [1, 2]})) == 2
    with pytest.raises(ConfigError, match=r"dram\.gbps is missing"):
        space_of([net], [machine], {})
