"""What a network's provenance says of its numbers stands in every output of a run and of a comparison."""

import json
from dataclasses import replace

import accelsim
from accelsim.analysis.comparison import compare_machines
from explore.cache import simulate_cached
from tests.partial_networks import WHOLE

OS = accelsim.load_hardware("dense/os-16x16")
NETWORK = replace(
    WHOLE,
    provenance={
        "not_lowered": ["CumSum at head"],
        "columns_not_read": ["Notes"],
        "assumed": {"activation_density": 0.5},
        "assumed_sizes": {"image:2": 224},
        "operators_of_vendors": {"com.microsoft::QGemm": 2},
    },
)
LINES = [
    "not simulated: CumSum at head",
    "columns not read: Notes",
    "assumed: activation_density 0.5",
    "open sizes that were not given, assumed: image:2 224",
    "operators as their vendor defines them: com.microsoft::QGemm (2)",
]


def test_a_report_says_them_and_counts_the_same(tmp_path, monkeypatch):
    monkeypatch.setenv("ACCELSIM_CACHE_DIR", str(tmp_path))
    for simulate in (accelsim.simulate, simulate_cached, simulate_cached):
        report, same = simulate(NETWORK, OS), simulate(WHOLE, OS)
        content, plain = json.loads(report.to_json()), json.loads(same.to_json())
        assert content.pop("remarks") == LINES
        assert content == plain
        assert all(line in report._repr_html_() for line in LINES)
        assert "remarks" not in plain


def test_a_comparison_says_them():
    comparison = compare_machines(NETWORK, [OS, accelsim.load_hardware("sparse/csr-rows-16x16")])
    assert json.loads(comparison.to_json())["remarks"] == LINES
    assert all(line in comparison._repr_html_() for line in LINES)


def test_a_network_that_says_nothing_has_none():
    assert WHOLE.remarks == ()
    assert replace(WHOLE, provenance={"assumed": "noise", "not_lowered": []}).remarks == ()
