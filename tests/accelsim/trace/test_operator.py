"""Operators: what each kind costs, what is refused, and how a workload keeps them."""

import json

import numpy as np
import pytest

import accelsim
from accelsim import GemmTrace, Operator, Workload
from accelsim.engine.plan import steps_of
from accelsim.errors import FileFormatError, TraceError
from accelsim.trace.operator import OPS, lane_operations, operator_from_record
from accelsim.trace.workload import MANIFEST

GOOD = {"name": "r", "op": "relu", "after": "a", "inputs": 6, "outputs": 6, "work": 6}
TRACES = [GemmTrace("a", M=2, N=3, K=4), GemmTrace("b", M=2, N=3, K=3)]


@pytest.mark.parametrize(
    ("op", "arguments", "expected"),
    [
        ("relu", (10,), 10),
        ("max_pool", (10, 9), 90),
        ("avg_pool", (10, 4), 50),
        ("softmax", (20, 1, 2), 20 * 6 + 2 * 2),
        ("layer_norm", (20, 1, 2), 20 * 7 + 2 * 5),
        ("lstm_cell", (5,), 5 * 18),
        ("gru_cell", (5,), 5 * 13),
    ],
)
def test_lane_operations_by_hand(op, arguments, expected):
    assert lane_operations(op, *arguments) == expected


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"op": "rellu"}, "op of operator 'r' is 'rellu'; did you mean 'relu'?"),
        ({"name": ""}, "name is ''"),
        ({"after": "r"}, "after of operator 'r' is 'r'"),
        ({"work": -1}, "work of operator 'r' is -1; an integer from 0 to 2^62"),
        ({"outputs": 1.5}, "outputs of operator 'r' is 1.5"),
        ({"repeat": 0}, "repeat of operator 'r' is 0; an integer from 1"),
        ({"activation_bits": 33}, "an integer from 1 to 32"),
        ({"after": "", "fused": True}, "fused with nothing"),
        ({"op": "add", "fused": True}, "add reads more than one input"),
        ({"fused": 1}, "fused of operator 'r' is 1"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(changes, message):
    with pytest.raises(TraceError) as error:
        Operator(**(GOOD | changes))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("operators", "message"),
    [
        ([GOOD, GOOD], "more than one layer named 'r'"),
        ([GOOD | {"name": "a", "after": "b"}], "more than one layer named 'a'"),
        ([GOOD | {"after": "c"}], "runs after 'c', which is no trace"),
        ([GOOD | {"after": "s"}, GOOD | {"name": "s"}], "runs after 's', which is no trace and no operator listed"),
    ],
)
def test_a_workload_checks_names(operators, message):
    with pytest.raises(TraceError, match=message):
        Workload("w", TRACES, operators=[Operator(**fields) for fields in operators])


def test_operators_survive_a_file(tmp_path):
    made = [Operator(**GOOD, fused=True), Operator("s", "softmax", "r", 6, 6, 40, 2, activation_bits=4, repeat=3)]
    Workload("w", TRACES, {"by": "hand"}, made).save(tmp_path / "w.npz")
    assert Workload.load(tmp_path / "w.npz").operators == tuple(made)


def test_files_without_operators_stay_as_they_were(tmp_path):
    Workload("w", TRACES).save(tmp_path / "w.npz")
    with np.load(tmp_path / "w.npz") as stored:
        assert "operators" not in json.loads(stored[MANIFEST].tobytes())
    assert Workload.load(tmp_path / "w.npz").operators == ()


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ([], "is \\[\\]; an object is expected"),
        (GOOD | {"wrk": 3}, "unknown key 'wrk'; did you mean 'work'?"),
        ({k: v for k, v in GOOD.items() if k != "work"}, "work is missing"),
        (GOOD | {"op": "no"}, "op of operator 'r' is 'no'"),
    ],
)
def test_records_are_checked(record, message):
    with pytest.raises(FileFormatError, match=f"^here: ?.*{message}|^here {message}"):
        operator_from_record(record, "here")
    manifest, arrays = Workload("w", TRACES).manifest()
    with pytest.raises(FileFormatError, match="operator 0"):
        Workload.from_manifest(manifest | {"operators": [record]}, arrays, "file")


def test_every_op_of_one_input_can_be_fused_and_no_other():
    assert not any(op.fusable and op.joins for op in OPS.values())
    assert all(op.fusable for op in OPS.values() if op.pooling)


def test_operators_run_behind_what_they_name():
    def operator(name, after, **more):
        return Operator(**(GOOD | {"name": name, "after": after} | more))

    operators = [
        operator("start", "", op="embedding"),
        operator("a.relu", "a", fused=True),
        operator("a.norm", "a.relu", op="layer_norm"),
        operator("a.gelu", "a.norm", op="gelu", fused=True),
        operator("a.pool", "a.gelu", op="max_pool", fused=True),
        operator("b.relu", "b", fused=True, repeat=2),
        operator("b.other", "b", op="add"),
    ]
    steps = [(step.runs.name, [o.name for o in step.fused]) for step in steps_of(TRACES, operators)]
    assert steps == [
        ("start", []), ("a", ["a.relu"]), ("a.norm", ["a.gelu"]), ("a.pool", []), ("b", []), ("b.relu", []),
        ("b.other", []),
    ]  # fmt: skip


def test_the_package_names_it():
    assert accelsim.Operator is Operator
