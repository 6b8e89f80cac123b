"""Published figures of designs beside ours."""

from tests.accelsim.published import TELLING, rows

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
