"""The same-accuracy search: it stops at the last rate within the tolerance, tries what the recipe says, and no more."""

from __future__ import annotations

import math

import pytest
import yaml

from accelsim.errors import ConfigError
from compress.recipes.recipe import load_recipe, parse_recipe
from explore.recipes.run import Outcome
from explore.recipes.same_accuracy import SameAccuracy
from explore.recipes.step_store import StepFacts
from workloads.models import model as zoo_model

SIZES = {"conv1": 500, "conv2": 25_000, "fc1": 400_000, "fc2": 5_000}
SEARCH = """
search:
  branch: {branch}
  tolerance: 0.01
  start: {start}
  growth: {growth}
  refinements: {refinements}
  first_bits: {first_bits}
  prune: {{method: admm}}
  quantize: {{method: admm_levels}}
"""


def recipe(branch="nonstructured", start="{conv2: 8000}", growth=2.0, refinements=0, first_bits=4):
    settings = {"branch": branch, "start": start, "growth": growth, "refinements": refinements}
    return parse_recipe(yaml.safe_load(SEARCH.format(first_bits=first_bits, **settings)), "mine")


class FakeRun:
    """A network whose accuracy is a rule of what its last stage keeps or how many bits it has, without training."""

    def __init__(self, plan, accuracy):
        self.recipe, self.rule, self.walked = plan, accuracy, []

    def fresh_model(self):
        return zoo_model("lenet5")

    def after(self, stages):
        self.walked.append(stages)
        accuracy = 0.99 if not stages else self.rule(stages[-1])
        return Outcome(stages, None, StepFacts(accuracy, 1.0, 1.0, False, 0.0))


def found(plan, rule):
    """The stages that the search ends with, and everything that it tried."""
    tried = []
    stages = SameAccuracy(FakeRun(plan, rule), plan.search, tried.append).find()
    return stages, tried


def kept(stages, layer="conv2", part="elements"):
    return [stage.keep[layer][part] for stage in stages if stage.keep]


def needs(least, bits=8):
    """Holds down to `least` elements of conv2 and down to so many bits in every layer."""

    def rule(stage):
        if stage.keep:
            return 0.985 if stage.keep["conv2"]["elements"] >= least else 0.9
        return 0.985 if min(stage.bits.values()) >= bits else 0.9

    return rule


def test_it_stops_at_the_last_rate_within_the_tolerance():
    stages, tried = found(recipe(), needs(1500, bits=4))
    assert kept(stages) == [8000, 4000, 2000]
    assert [t.tried["conv2"] for t in tried if t.phase == "elements"] == [8000, 4000, 2000, 1000]
    assert [t.held for t in tried if t.phase == "elements"] == [True, True, True, False]


def test_a_step_that_loses_too_much_is_followed_by_smaller_ones():
    stages, _ = found(recipe(refinements=2), needs(1500, bits=4))
    smaller = round(2000 / math.sqrt(math.sqrt(2)))  # 2000 / √2 = 1414 does not hold either
    assert kept(stages) == [8000, 4000, 2000, smaller]


def test_exactly_the_tolerance_still_holds_and_a_step_starts_from_the_last_that_held():
    plan = recipe(refinements=1)
    run = FakeRun(
        plan, lambda stage: 0.99 - 0.01 if stage.keep is None or stage.keep["conv2"]["elements"] >= 3000 else 0
    )
    SameAccuracy(run, plan.search).find()
    prefixes = {tuple(kept(stages[:-1])) for stages in run.walked if stages and stages[-1].keep}
    assert prefixes == {(), (8000,), (8000, 4000)}


def test_bits_fall_in_all_layers_then_in_each():
    least = {"conv1": 4, "conv2": 3, "fc1": 2, "fc2": 3}

    def rule(stage):
        return 0.99 if stage.keep or all(stage.bits[name] >= bits for name, bits in least.items()) else 0.5

    stages, tried = found(recipe(first_bits=5), rule)
    assert stages[-1].bits == least
    assert [set(t.tried.values()) for t in tried if t.phase == "bits"][:3] == [{5}, {4}, {3}]


def test_bits_rise_where_the_first_ones_do_not_hold_and_stay_away_where_none_does():
    stages, _ = found(recipe(first_bits=3), needs(1, bits=6))
    assert set(stages[-1].bits.values()) == {6}
    stages, tried = found(recipe(first_bits=3), needs(1, bits=9))
    assert stages[-1].bits is None
    assert [max(t.tried.values()) for t in tried if t.phase == "bits"] == [3, 4, 5, 6, 7, 8]


def test_structured_takes_columns_to_the_limit_before_filters():
    start = "{conv1: {columns: 20, filters: 16}, conv2: {columns: 200, filters: 40}}"

    def rule(stage):
        part = stage.keep and stage.keep["conv2"]
        return 0.99 if not part or (part.get("columns", 99) >= 50 and part.get("filters", 99) >= 20) else 0.9

    stages, tried = found(recipe("structured", start), rule)
    assert [set(stage.keep["conv2"]) for stage in stages if stage.keep] == [{"columns"}] * 3 + [{"filters"}] * 2
    assert kept(stages[:3], part="columns") == [200, 100, 50]
    assert kept(stages[3:], part="filters") == [40, 20]
    assert kept(stages[:3], "conv1", "columns") == [20, 10, 5]
    assert [t.phase for t in tried][:4] == ["columns"] * 4


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"branch": "both"}, "branch is 'both'; nonstructured or structured"),
        ({"tolerance": "none"}, "tolerance is 'none'; a number"),
        ({"start": {"conv1": {"rows": 3}}}, "has no key 'rows'"),
        ({"start": {"conv1": {"filters": 3}}}, "start: conv1 of the nonstructured branch has no key 'filters'"),
        ({"start": {"conv1": 0}}, "conv1 is 0; a count of at least 1"),
        ({"growth": 1}, "growth is 1; a number above 1"),
        ({"first_bits": 9}, "first_bits is 9; an integer from 2 to 8"),
        ({"first_bits": 2, "fewest_bits": 3}, "fewest_bits is 3; at most first_bits"),
        ({"prune": {"method": "adm"}}, "did you mean 'admm'"),
        ({"prune": None}, "prune is None"),
        ({"stepss": 3}, "did you mean 'steps'"),
    ],
)
def test_searches_that_cannot_be_are_refused_in_one_line(change, says):
    content = yaml.safe_load(
        SEARCH.format(branch="nonstructured", start="{conv2: 8}", growth=2, refinements=0, first_bits=4)
    )
    content["search"] |= change
    with pytest.raises((ConfigError, LookupError)) as error:
        parse_recipe(content, "mine")
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_a_search_needs_its_parts():
    with pytest.raises(ConfigError, match="has no tolerance; a search needs"):
        parse_recipe({"search": {"branch": "structured"}}, "mine")


@pytest.mark.parametrize("branch", ["nonstructured", "structured"])
def test_the_shipped_searches_name_layers_that_are_there(branch):
    plan = load_recipe(f"lenet5-same-accuracy-{branch}")
    assert plan.search.branch == branch
    assert set(plan.search.start) <= set(SIZES)
