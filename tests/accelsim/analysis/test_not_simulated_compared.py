"""Comparisons, ratios, runs, storage and verdicts of partial networks say what is not simulated."""

import json
from dataclasses import replace

import pandas as pd
import pytest

import accelsim
from accelsim.analysis.comparison import compare_machines
from accelsim.analysis.ppr import ppr
from accelsim.analysis.runs import Study, compare
from accelsim.analysis.storage import storage_rows
from accelsim.analysis.verdict import verdict
from accelsim.errors import TraceError
from accelsim.trace.coverage import without_head
from accelsim.trace.not_simulated import NotSimulated
from tests.partial_networks import EXPECTED, PART, PARTIAL, SHARE, WHOLE, told

OS, CSR = "dense/os-16x16", "sparse/csr-rows-16x16"
RECORD = {"name": "head", "operation": "com.example::Mystery", "macs": 24_000}


@pytest.fixture(scope="module")
def compared():
    """The partial network and the whole one on the same two machines."""
    return compare_machines(PARTIAL, [OS, CSR]), compare_machines(WHOLE, [OS, CSR])


def test_a_comparison_says_it_in_json_csv_frame_and_reprs(compared):
    partial, whole = compared
    content = json.loads(partial.to_json())
    assert (content.pop("not_simulated"), content.pop("not_simulated_share")) == ([RECORD], SHARE)
    assert content == json.loads(whole.to_json())
    assert partial.csv_text() == f"# {partial.not_simulated_line}\n{whole.csv_text()}"
    assert told(partial.csv_text().splitlines()[0]) == [EXPECTED]
    assert without_head(partial.csv_text()) == whole.csv_text() == whole.to_frame().to_csv(index=False)
    assert told(partial.to_frame().attrs["not_simulated"]) == [EXPECTED]
    assert told(partial._repr_html_().replace("&#x27;", "'")) == [EXPECTED]
    assert EXPECTED in told(repr(partial))


def test_one_of_a_whole_network_says_nothing(compared):
    _, whole = compared
    assert "not_simulated" not in whole.to_json() + whole.csv_text() + whole._repr_html_() + repr(whole)
    assert "not simulated" not in whole.to_json() + whole.csv_text() + whole._repr_html_() + repr(whole)
    assert whole.to_frame().attrs == {}


def test_the_dense_baseline_and_the_unpruned_network_are_as_partial(compared):
    for side in compared[0].sides:
        assert side.report.not_simulated == side.dense.not_simulated == side.unpruned.not_simulated == (PART,)


def test_ratios_say_it(compared):
    for side, same in zip(*(one.sides for one in compared), strict=True):
        assert side.against_dense.not_simulated == side.against_first.not_simulated == (PART,)
        assert "not simulated: head" in repr(side.against_dense)
        assert "not simulated" not in repr(same.against_dense)
        assert side.against_dense.ppr == same.against_dense.ppr


def test_a_ratio_says_what_either_side_lacks():
    other = NotSimulated("tail", "B")
    dense = accelsim.simulate(replace(WHOLE, not_simulated=(other,)), OS)
    assert ppr(dense, accelsim.simulate(PARTIAL, OS)).not_simulated == (PART, other)


def test_a_layer_that_is_not_simulated_is_not_taken_for_one_that_was_removed():
    lost = replace(WHOLE, traces=WHOLE.traces[:1], not_simulated=(NotSimulated("fc2", "Mystery", 1_600),))
    dense = accelsim.simulate(WHOLE, OS)
    with pytest.raises(TraceError, match=r"'fc2'.*not simulated.*dense one has it"):
        ppr(dense, accelsim.simulate(lost, OS))
    assert ppr(dense, accelsim.simulate(replace(lost, not_simulated=()), OS)).beta > 1  # it was removed


@pytest.fixture(scope="module")
def study():
    """The partial network and a smaller one, partial as well, on two machines."""
    thin = replace(WHOLE.traces[0], weight=[[1, 0, 0, 0] * 5] * 40)
    thinner = replace(PARTIAL, name="thin", traces=[thin, WHOLE.traces[1]])
    networks = {"net": PARTIAL, "thin": thinner}
    return networks, Study(compare(networks, map(accelsim.load_hardware, [OS, CSR])), {"net": 0.9, "thin": 0.9})


def test_runs_and_studies_say_it(study):
    _, of_two = study
    for summary in of_two.summaries():
        assert (summary["not_simulated"], summary["not_simulated_share"]) == ([RECORD], SHARE)
    assert [line.partition(": ")[0] for line in of_two.not_simulated_lines] == ["net", "thin"]
    assert [told(line) for line in of_two.not_simulated_lines] == [[EXPECTED]] * 2


def test_storage_and_the_verdict_say_it(study):
    networks, of_two = study
    storage = storage_rows(networks)
    assert all(row["not_simulated"] == [RECORD] and row["not_simulated_share"] == SHARE for row in storage)
    assert told(verdict(of_two.summaries(), storage, accuracy=of_two.accuracy)) == [EXPECTED] * 2


def test_runs_of_whole_networks_have_no_such_keys():
    networks = {"net": WHOLE, "again": replace(WHOLE, name="again")}
    whole = Study(compare(networks, [accelsim.load_hardware(OS)]), {"net": 0.9, "again": 0.9})
    rows = storage_rows(networks)
    assert whole.not_simulated_lines == []
    assert not any("not_simulated" in row for row in (*whole.summaries(), *rows))
    assert "not simulated" not in verdict(whole.summaries(), rows, accuracy=whole.accuracy)
    assert isinstance(whole.runs[0].report.layers, pd.DataFrame)
