"""The papers' tables: what is printed, what follows from it, and what does not."""

import csv
import json

import pytest
from typer.testing import CliRunner

from accelsim.errors import UnknownNameError
from explore.cli import app
from explore.reproduce import TABLES, reproduce
from explore.reproduce.cell import Cell, Interval, Printed
from explore.reproduce.iss import weights
from explore.reproduce.page import csv_text, page_text
from explore.reproduce.pruning_rates import rate_ratios


def cell(table, row, column, rule=None):
    found = [
        c for c in reproduce(table) if row in c.row and c.column == column and (rule is None or c.rule.startswith(rule))
    ]
    assert len(found) == 1, found
    return found[0]


@pytest.mark.parametrize(
    ("text", "value", "low", "high"),
    [("0.26MB", 2.08e6, 2.04e6, 2.12e6), ("11.2×", 11.2, 11.15, 11.25), ("3,712×", 3712, 3711.5, 3712.5),
     ("25.5K", 25500, 25450, 25550), ("87%", 0.87, 0.865, 0.875)],
)  # fmt: skip
def test_a_printed_figure_stands_for_what_rounds_to_it(text, value, low, high):
    printed = Printed.read(text)
    assert printed.value == pytest.approx(value)
    assert (printed.interval.low, printed.interval.high) == pytest.approx((low, high))


def test_intervals_of_positive_numbers():
    wide = Interval(2, 3) * Interval(5, 7) / Interval(1, 2) + 1
    assert (wide.low, wide.high) == (6, 22)
    assert Interval(1, 2).overlaps(Interval(2, 3))
    assert not Interval(1, 2).overlaps(Interval(2.1, 3))


@pytest.mark.parametrize(
    ("ours", "verdict"),
    [(1.004, "follows"), (1.009, "follows, cut off"), (0.9, "bound holds"), (1.2, "does not follow")],
)
def test_verdicts(ours, verdict):
    assert Cell("T", "r", "c", Printed.read("1.00"), Interval(ours, ours), ours, "rule", bound=True).verdict == verdict


@pytest.mark.parametrize(  # lower bounds of METHODS' storage arithmetic, 001 Tables IX to XIV
    ("table", "row", "unit", "expected", "width"),
    [("IX", "non-structured: ADMM-NN-S loss", 8e6, 2.417, 5), ("IX", "non-structured: ADMM-NN-S 1 %", 8e6, 1.771, 5),
     ("X", "non-structured: ADMM", 8e6, 1.499, 5), ("XI", "non-structured: ADMM", 8e6, 0.427, 8),
     ("XII", "non-structured: ADMM", 8e6, 0.267, 8), ("XIII", "non-structured: ADMM", 8e6, 0.392, 4),
     ("XIV", "non-structured: ADMM", 8e3, 0.338, 9)],
)  # fmt: skip
def test_relative_storage_is_a_lower_bound_of_every_published_cell(table, row, unit, expected, width):
    found = cell(table, row, "relative")
    assert found.value / unit == pytest.approx(expected, rel=4e-3)
    assert found.rule.endswith(f"k = {width}")
    assert found.verdict == "bound holds"


def test_every_weight_store_follows():
    stores = [c for number in ("VIII", "IX", "X", "XI", "XII", "XIII", "XIV") for c in reproduce(number)]
    stores = [c for c in stores if c.column == "weight_store"]
    assert len(stores) == 25
    assert {c.verdict for c in stores} == {"follows"}


def test_structured_compression_of_table_viii_follows_from_the_rate_alone():
    structured = [c for c in reproduce("VIII") if c.row == "structured: ADMM-NN-S" and c.column == "compress"]
    assert {c.rule: c.verdict for c in structured} == {
        "baseline ÷ relative storage": "does not follow",
        "rate · 32 / b": "follows",
    }


def test_the_weights_of_table_viii_do_not_follow_from_its_rates():
    wrong = [c.row for c in reproduce("VIII") if c.column == "weights" and c.verdict == "does not follow"]
    assert wrong == ["non-structured: ADMM-NN-S", "structured: ADMM-NN-S"]


def test_absolute_storage_of_lenet5():
    found = cell("XIV", "non-structured: ADMM", "absolute")
    assert found.value == 223 * 9 + (20 + 50 * 8) * 13
    assert found.verdict == "follows"


def test_rates_of_the_two_branches_keep_between_39_and_87_percent():
    ratios = [value for _, _, value in rate_ratios()]
    assert len(ratios) == 8
    assert (min(ratios), max(ratios)) == pytest.approx((2.5 / 6.4, 50 / 57.4))


def test_iss_counts():
    assert [weights(u) for u in ((1500, 1500), (373, 315), (381, 535))] == [66_022_000, 21_824_148, 25_190_548]
    assert {c.verdict for c in reproduce("ISS")} <= {"follows", "follows, cut off"}


def test_bsq_and_dmp():
    assert [c.verdict for c in reproduce("BSQ")] == ["follows"] * 5
    assert cell("DMP", "17 blocks", "filters pruned").value == 1152


def test_csv_and_page_hold_every_cell():
    cells = reproduce()
    rows = list(csv.DictReader(csv_text(cells).splitlines()))
    assert len(rows) == len(cells) > 150
    page = page_text(cells)
    assert page.count("<tr>") == len(cells) + len(TABLES)
    assert "http" not in page.replace("http-equiv", "")


def test_an_unknown_table_is_named_with_the_nearest():
    with pytest.raises(UnknownNameError, match=r"VIIII.*VIII"):
        reproduce("VIIII")


def test_command(tmp_path):
    result = CliRunner().invoke(app, ["reproduce", "xiv", "--json", "--out", str(tmp_path / "o")])
    assert result.exit_code == 0
    assert {row["table"] for row in json.loads(result.stdout)} == {"XIV"}
    assert sorted(p.name for p in (tmp_path / "o").iterdir()) == ["reproduce.csv", "reproduce.html"]
    refused = CliRunner().invoke(app, ["reproduce", "XVI"])
    assert refused.exit_code == 2
