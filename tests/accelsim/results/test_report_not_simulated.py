"""A report of a partial network says so in everything that shows its numbers; one of a whole network says nothing."""

import io
import json
import re

import pandas as pd

import accelsim
from accelsim.trace.coverage import without_head
from tests.partial_networks import EXPECTED, PART, PARTIAL, SHARE, WHOLE, told

OS = "dense/os-16x16"
REPORT, SAME = accelsim.simulate(PARTIAL, OS), accelsim.simulate(WHOLE, OS)
LINE = REPORT.not_simulated_line


def test_simulate_hands_it_over_and_no_number_changes():
    assert (REPORT.not_simulated, REPORT.not_simulated_share, REPORT.macs) == ((PART,), SHARE, 8_000)
    assert told(LINE) == [EXPECTED]
    assert REPORT.rows == SAME.rows
    assert (SAME.not_simulated, SAME.not_simulated_line) == ((), "")


def test_json():
    content, same = json.loads(REPORT.to_json()), json.loads(SAME.to_json())
    assert content.pop("not_simulated") == [{"name": "head", "operation": "com.example::Mystery", "macs": 24_000}]
    assert content.pop("not_simulated_share") == SHARE
    assert content == same
    assert "not_simulated" not in SAME.to_json()


def test_csv_has_a_line_above_its_columns(tmp_path):
    REPORT.to_csv(tmp_path / "a.csv")
    SAME.to_csv(tmp_path / "b.csv")
    text, same = ((tmp_path / name).read_text() for name in ("a.csv", "b.csv"))
    assert text == f"# {LINE}\n{same}"
    assert told(text.splitlines()[0]) == [EXPECTED]
    assert same == SAME.layers.to_csv(index=False)
    pd.testing.assert_frame_equal(pd.read_csv(io.StringIO(without_head(text))), pd.read_csv(io.StringIO(same)))


def test_frames_carry_it_with_them():
    assert told(REPORT.layers.attrs["not_simulated"]) == told(REPORT.to_frame().attrs["not_simulated"]) == [EXPECTED]
    assert SAME.layers.attrs == {}


def test_reprs():
    assert told(repr(REPORT)) == [EXPECTED]
    assert repr(REPORT) == f"{repr(SAME)[:-1]}; {LINE})"
    page = REPORT._repr_html_()
    assert told(page.replace("&#x27;", "'")) == [EXPECTED]
    assert re.sub("<p>not simulated.*?</p>", "", page) == SAME._repr_html_()


def test_a_name_cannot_write_html():
    from dataclasses import replace

    nasty = replace(REPORT, not_simulated=(replace(PART, name="<script>x</script>"),))
    assert "<script>" not in nasty._repr_html_()


def test_timeline():
    content, same = json.loads(REPORT.to_timeline()), json.loads(SAME.to_timeline())
    assert told(content.pop("otherData")["not_simulated"]) == [EXPECTED]
    assert content == same
