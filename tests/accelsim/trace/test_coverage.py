"""What of a network is not simulated: in one line, as a share, in a file and back."""

from dataclasses import replace

import pytest

from accelsim.errors import FileFormatError
from accelsim.trace.coverage import (
    csv_head,
    not_simulated_fields,
    not_simulated_line,
    not_simulated_share,
    united,
    without_head,
)
from accelsim.trace.not_simulated import NotSimulated
from accelsim.trace.workload import Workload
from tests.partial_networks import EXPECTED, PART, PARTIAL, SHARE, WHOLE, told


def test_the_share_is_of_the_whole_network_and_unknown_where_a_part_is():
    assert PARTIAL.macs == 8_000
    assert not_simulated_share([PART], PARTIAL.macs) == SHARE
    assert not_simulated_share([PART, NotSimulated("b", "B")], PARTIAL.macs) is None
    assert not_simulated_share([NotSimulated("b", "B", 0)], 0) is None
    assert not_simulated_share([], 10) == 0


def test_the_line_names_each_part_and_stays_one_line():
    parts = [PART, NotSimulated("two\nlines\t\x1b[31m", "Op\r", 8_000)]
    line = not_simulated_line(parts, 0.8)
    assert line == (
        "not simulated: head (com.example::Mystery), two lines [31m (Op) = 32,000 MACs, 80.0 % of the network's"
    )
    assert not_simulated_line([NotSimulated("a", "A")], None) == "not simulated: a (A), share unknown"
    assert not_simulated_line([], None) == ""


def test_a_workload_prints_it_and_one_without_prints_as_before():
    assert told(repr(PARTIAL)) == [EXPECTED]
    assert repr(WHOLE) == "Workload('net': 2 traces, 0 operators, 8,000 MACs; .traces and .operators list them)"
    assert repr(PARTIAL).startswith(repr(WHOLE)[:-1])


@pytest.mark.parametrize("part", [PART, NotSimulated("b", "B"), NotSimulated("c", "C", 10**15)])
def test_a_saved_workload_keeps_it(tmp_path, part):
    replace(WHOLE, not_simulated=(part,)).save(tmp_path / "net.npz")
    assert Workload.load(tmp_path / "net.npz").not_simulated == (part,)


def test_a_file_without_it_has_the_same_bytes_as_before(tmp_path):
    assert "not_simulated" not in WHOLE.manifest()[0]
    WHOLE.save(tmp_path / "net.npz")
    assert Workload.load(tmp_path / "net.npz").not_simulated == ()


@pytest.mark.parametrize("records", [7, ["fc"], [{"name": "fc"}], [{"name": "f", "operation": "o", "macs": -1}],
                                     [{"name": "f", "operation": "o", "macs": "many"}]])  # fmt: skip
def test_a_file_with_something_else_is_refused(records):
    manifest, arrays = PARTIAL.manifest()
    with pytest.raises(FileFormatError, match="not_simulated"):
        Workload.from_manifest({**manifest, "not_simulated": records}, arrays, "the file")


def test_fields_of_json_are_there_where_something_is_left_out():
    assert not_simulated_fields([], None) == {}
    record = {"name": "head", "operation": "com.example::Mystery", "macs": 24_000}
    assert not_simulated_fields([PART], SHARE) == {"not_simulated": [record], "not_simulated_share": SHARE}


def test_united_parts_are_there_once():
    other = NotSimulated("b", "B")
    assert united([PART], [replace(PART, macs=1), other]) == (PART, other)


def test_the_head_of_a_csv_comes_off_and_nothing_else_does():
    text = "name,cycles\nconv#2,7\n"
    assert without_head(csv_head("a", "", "b") + text) == without_head(text) == text
    assert csv_head("", "") == ""
    assert without_head("# a") == ""
