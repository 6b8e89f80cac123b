"""Published figures of designs beside ours."""

import pytest

from tests.accelsim.published import TELLING, by_machine, component_table, eie_components, on_chip_mw, rows, scnn_area
from tests.accelsim.published import eie as eie_report

CLOSE = {
    ("EIE", "AlexNet FC6-8 throughput"): 0.1,
    ("EIE", "peak on compressed weights"): 0.01,
    ("TPU v1", "peak"): 0.01,
}


def test_every_figure_is_there_and_a_large_difference_is_explained():
    found = {(row.design, row.figure): row for row in rows()}
    assert len(found) == 10
    assert all(row.why for row in found.values() if abs(row.difference) > TELLING)
    for key, limit in CLOSE.items():
        assert abs(found[key].difference) <= limit, key


def test_eies_power_is_compared_by_components_and_these_are_all_of_it():
    """The paper's add up to 9.157 mW a PE; ours to what is on the chip but for leakage."""
    parts = {part.figure: part for part in eie_components()}
    assert set(parts) == {"memory", "arithmetic", "registers", "clock"}
    assert sum(part.published for part in parts.values()) == pytest.approx(64 * 9.157)
    report = eie_report()
    leakage = report.energy_by_component_pj["leakage"] / report.seconds * 1e-9
    assert sum(part.ours for part in parts.values()) + leakage == pytest.approx(on_chip_mw(report))
    assert all(part.why for part in parts.values() if abs(part.difference) > TELLING)
    assert parts["clock"].ours > 0.5 * parts["clock"].published
    assert component_table().count("\n") == 6
    assert len(by_machine()["EIE"]) == 3 + 4


def test_scnns_area_is_the_papers_multiple_of_a_dense_machines():
    assert abs(scnn_area().difference) < 0.1
    assert scnn_area() in by_machine()["SCNN"]
