"""The tables of targets and of accuracy against rate: numbers, words, what is missed and what was never run."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest

from accelsim.errors import ConfigError
from compress.recipes.recipe import load_recipe
from explore.recipes.layer_shares import remaining_at
from explore.studies import bench_compress
from explore.studies.accuracy_rate import BASELINE_RECIPE, EPOCHS, RATES, REFERENCE
from explore.studies.accuracy_rate_page import Point, page
from explore.studies.bench_compress import CHAINS, bench, recipe_of
from explore.studies.lenet5_targets import BASELINE, TARGETS
from explore.studies.pruning_ways import WAYS
from explore.studies.target_table import Row, table, to_csv

SIZES = {"conv1": 500, "conv2": 25_000, "fc1": 400_000, "fc2": 5_000}


def rows(recipe, accuracies, conv_rate=1.0, whole_rate=1.0):
    return [Row(recipe, seed, a, 0.993, conv_rate, whole_rate, 120.0) for seed, a in enumerate(accuracies)]


def line(text, start):
    return next(each for each in text.splitlines() if each.startswith(start))


def test_a_line_has_mean_and_deviation_beside_the_papers_number():
    text = table(rows("lenet5-conv-114x", (0.990, 0.991, 0.992), conv_rate=114.35), TARGETS)
    found = " ".join(line(text, "CONV non-structured").split())
    assert found == "CONV non-structured 114.3x 114.3x 99.0 % >= 99.0 % 99.10 ± 0.10 % 3 2.0 met"
    assert "8,000" in text
    assert "60,000" in text


@pytest.mark.parametrize(
    ("made", "start", "met"),
    [
        (rows("lenet5-conv-114x", (0.9899,), conv_rate=115), "CONV non-structured", "MISSED"),
        (rows("lenet5-conv-114x", (0.9950,), conv_rate=114.2), "CONV non-structured", "MISSED"),
        (rows("lenet5-246x", (0.9880, 0.9880), whole_rate=246.0), "whole network 246x", "met"),
        (rows("lenet5-246x", (0.9879, 0.9880), whole_rate=246.0), "whole network 246x", "MISSED"),
        ([], "whole network 348x", "MISSED"),
    ],
)
def test_missed_targets_are_printed_as_missed(made, start, met):
    assert line(table(made, TARGETS), start).split()[-1] == met


def test_the_csv_holds_every_row():
    made = rows("lenet5-246x", (0.98, 0.99))
    read = list(csv.DictReader(io.StringIO(to_csv(made))))
    assert [(each["recipe"], int(each["seed"]), float(each["accuracy"])) for each in read] == [
        ("lenet5-246x", 0, 0.98), ("lenet5-246x", 1, 0.99),
    ]  # fmt: skip


def test_the_recipes_of_the_targets_are_the_chains_and_keep_what_their_names_say():
    assert [target.recipe for target in TARGETS if target.recipe not in sum(CHAINS, ())] == []
    kept = {name: recipe_of(name).stages[-1].keep for name in ("lenet5-conv-114x", "lenet5-246x", "lenet5-348x")}
    assert {name: sum(keep.values()) for name, keep in kept.items()} == {
        "lenet5-conv-114x": 223, "lenet5-246x": 1750, "lenet5-348x": 1237,
    }  # fmt: skip
    lines = recipe_of("lenet5-conv-structured-88x").stages[-1].keep
    assert sum(part["columns"] * part["filters"] for part in lines.values()) == 290
    assert recipe_of(BASELINE).stages == ()


def test_chains_share_all_but_what_comes_last():
    for chain in CHAINS[1:]:
        first = load_recipe(chain[0])
        for name in chain[1:]:
            other = load_recipe(name)
            shared = min(len(first.stages), len(other.stages) - name.endswith("3bit"))
            assert other.stages[:shared] == first.stages[:shared]
            assert (other.pretrain_epochs, other.pretrain_batch) == (first.pretrain_epochs, first.pretrain_batch)


def test_the_bench_tells_each_row_and_leaves_the_table(tmp_path, monkeypatch):
    made = {"a": rows(BASELINE, (0.993, 0.992)), "b": rows("lenet5-348x", (0.98, 0.99), whole_rate=348.0)}
    monkeypatch.setattr(bench_compress, "_rows", lambda *given: iter(made.values()))
    said = []
    found = bench(tmp_path / "out", range(2), 2, said.append)
    assert [row.recipe for row in found] == [BASELINE] * 2 + ["lenet5-348x"] * 2
    assert len(said) == 4
    assert (tmp_path / "out" / "lenet5-targets.csv").read_text() == to_csv(found)
    written = (tmp_path / "out" / "lenet5-targets.md").read_text()
    assert table(found, TARGETS) in written
    assert "60,000 digits" in written


@pytest.mark.parametrize("rate", [1, 12.5, 246, 361, 1000])
def test_shares_meet_the_rate_and_follow_the_reference(rate):
    kept = remaining_at(rate, SIZES, REFERENCE)
    assert sum(kept.values()) * rate == pytest.approx(430_500, rel=2e-3)
    if rate == 246:
        assert kept == REFERENCE
    assert all(1 <= kept[name] <= size for name, size in SIZES.items())


def test_the_reference_is_what_the_recipe_keeps():
    assert load_recipe(BASELINE_RECIPE).stages[-1].keep == REFERENCE


def test_a_rate_that_leaves_nothing_is_refused():
    for rate in (0.5, 430_500, float("nan")):
        with pytest.raises(ConfigError, match="rate is"):
            remaining_at(rate, SIZES, REFERENCE)


def test_every_way_spends_the_same_epochs_and_ends_at_the_same_weights():
    keeps = [remaining_at(rate, SIZES, REFERENCE) for rate in RATES]
    for way in WAYS:
        stages = way.stages(keeps, EPOCHS)
        assert len(stages) == (len(keeps) if way.walks else 1)
        assert {stage.all_epochs for stage in stages} == {EPOCHS.regularize + EPOCHS.retrain}
        assert (stages[-1].keep or stages[-1].settings["keep"]) == keeps[-1]


def test_the_page_names_the_gap_and_every_way():
    points = [
        Point(way.name, way.words, rate, rate, 0.99 - 0.01 * number, 0.993, 8, 0, 60.0)
        for number, way in enumerate(WAYS)
        for rate in RATES
    ]
    text = page(points, EPOCHS)
    assert all(f"| {way.words} |" in text for way in WAYS)
    assert "one-shot magnitude pruning 96.00 %: +3.00 points" in text
    assert "The most there: ADMM, progressive, 99.00 %." in text
    assert " at " not in line(text, "| fixed L1")
    strayed = [replace(point, whole_rate=500.0) if point.asked_rate == RATES[-1] else point for point in points]
    assert line(page(strayed, EPOCHS), "| fixed L1").endswith(" at 500x |")
    assert max(map(len, text.splitlines())) <= 130
