"""The heat map: every pair once, the best of a network marked, colours between the ends."""

import math

from plots.report_page.heatmap import STRONGEST, Measure, heat_map
from tests.plots.report_page.reading import read

VALUES = {("m<1>", "a"): 10.0, ("m<1>", "b"): 1000.0, ("m2", "a"): 100.0, ("m2", "b"): math.inf}


def shares(reader):
    return [value for name, value in reader.attributes if name == "style"]


def heat(values):
    measure = Measure("cycles", "cycles", values, lambda value: f"{value:.0f}")
    return read(heat_map("map", ["m<1>", "m2"], ["a", "b"], [measure], {("m2", "a"): "run3"}))


def test_values_best_and_colour():
    reader = heat(VALUES)
    assert reader.tables == [[["machine", "a", "b"], ["m<1>", "★ 10", "★ 1000"], ["m2", "100", "–"]]]
    assert shares(reader) == ["--heat: 0%", f"--heat: {STRONGEST}%", f"--heat: {STRONGEST / 2:.0f}%"]
    assert [value for name, value in reader.attributes if name == "data-open"] == ["run3"]


def test_equal_values_and_zeros_have_a_colour_too():
    assert shares(heat(dict.fromkeys(VALUES, 7.0))) == ["--heat: 0%"] * 4
    assert shares(heat({("m<1>", "a"): 0.0, ("m2", "a"): 4.0})) == ["--heat: 0%", f"--heat: {STRONGEST}%"]


def test_one_measure_is_seen_and_the_others_wait():
    measures = [Measure(name, name, VALUES, str) for name in ("cycles", "ppr")]
    reader = read(heat_map("map", ["m2"], ["a"], measures, {}))
    assert [value for name, value in reader.attributes if name == "data-measure"] == ["cycles", "ppr"]
    assert [name for name, _ in reader.attributes].count("hidden") == 1
    assert len(reader.tables) == 2
