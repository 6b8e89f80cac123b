"""Recipes that go on where they were cut short: the same files as in one go, and the last good step is kept."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest
import torch
import yaml

import compress
import explore.recipes.data
import explore.recipes.run
from accelsim.errors import CompressionError
from compress.layers import weighted_layers
from compress.quantizers.integer import calibrate_activations
from compress.recipes.engine import run_stage
from compress.recipes.recipe import parse_recipe
from explore.recipes.compressing import compress_model, recipe_digest
from explore.recipes.run import RecipeRun
from explore.recipes.step_store import StepFacts, StepStore
from workloads.datasets import Digits, digits
from workloads.models import model as zoo_model

TRAINING = "pretrain_epochs: 1\nbatch: 32\npretrain_batch: 16\naugmentation:\n  degrees: 5\nseed: 3\n"
STAGES = (
    TRAINING
    + """
stages:
- {method: admm, keep: {conv1: 100, conv2: {columns: 60, filters: 12}}, epochs: 1, retrain_epochs: 1, final_rate: 1.0}
- {method: admm, keep: {conv2: {columns: 30, filters: 9}, fc1: 0.01}, epochs: 1, retrain_epochs: 0, seed: 8}
- {method: admm_levels, bits: {conv1: 4, conv2: 3, fc1: 3, fc2: 2}, epochs: 1, retrain_epochs: 1}
"""
)
SEARCH = (
    TRAINING
    + """
search:
  branch: structured
  tolerance: {tolerance}
  start: {{conv2: {{columns: 200, filters: 30}}}}
  steps: 2
  first_bits: 2
  prune: {{method: admm, epochs: 0, retrain_epochs: 1}}
  quantize: {{method: admm_levels, epochs: 0, retrain_epochs: 0}}
"""
)


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """Digits so few that a stage takes a second."""
    whole = digits(0, fast=True)
    parts = (whole.train_images, whole.train_labels, whole.test_images, whole.test_labels)
    few = Digits(*(part[:count] for part, count in zip(parts, (64, 64, 20, 20), strict=True)))
    monkeypatch.setattr(explore.recipes.data, "digits", lambda seed, fast: few)


def recipe(text=STAGES):
    return parse_recipe(yaml.safe_load(text), "mine")


def run(out, text=STAGES, **settings):
    return compress_model("lenet5", recipe(text), out=out, **settings)


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def cut_short(monkeypatch, after):
    """Stages are interrupted as by a kill once so many of them have been trained."""
    count = 0

    def stage(*args, **settings):
        nonlocal count
        count += 1
        if count > after:
            raise KeyboardInterrupt
        return run_stage(*args, **settings)

    monkeypatch.setattr(explore.recipes.run, "run_stage", stage)


@pytest.mark.parametrize("text", [STAGES, SEARCH.format(tolerance=1)], ids=["stages", "search"])
def test_a_run_that_was_killed_leaves_the_same_files_as_one_in_a_go(tmp_path, monkeypatch, text):
    whole = run(tmp_path / "whole", text)
    for after in (1, 1):  # twice killed, each time behind one more stage
        with monkeypatch.context() as patched:
            cut_short(patched, after)
            with pytest.raises(KeyboardInterrupt):
                run(tmp_path / "killed", text)
    again = run(tmp_path / "killed", text)
    assert content(tmp_path / "killed") == content(tmp_path / "whole")
    assert sorted(content(tmp_path / "whole")) == ["log.jsonl", "manifest.json", "model.safetensors"]
    assert (again.accuracy, again.conv_rate, again.layers) == (whole.accuracy, whole.conv_rate, whole.layers)


def test_stages_follow_per_layer_counts_and_bits(tmp_path):
    result = run(tmp_path / "net")
    saved = {layer.name: layer for layer in compress.read(tmp_path / "net").traces}
    assert {name: layer.weight_bits for name, layer in saved.items()} == {"conv1": 4, "conv2": 3, "fc1": 3, "fc2": 2}
    assert 0 < (saved["conv1"].weight != 0).sum() <= 100
    assert saved["conv2"].weight.shape[0] <= 9
    assert saved["conv2"].weight.shape[1] <= 30
    assert {layer.name: layer.weights_dense for layer in result.layers}["fc1"] == 400_000  # of the uncompressed one
    assert saved["conv2"].dense_shape[1:] == (50, 500)
    lines = [json.loads(line) for line in (tmp_path / "net" / "log.jsonl").read_text().splitlines()]
    assert [line["stage"] for line in lines] == ["baseline", "admm", "admm", "admm_levels"]
    assert lines[-1]["accuracy"] == result.accuracy
    assert lines[-1]["conv_rate"] == pytest.approx(result.conv_rate, abs=1e-3)
    facts = compress.read(tmp_path / "net").provenance
    assert facts["command"] == "accelsim compress lenet5 --recipe mine --out OUT --seed 3"
    assert len(facts["stages"]) == 3


def test_recipes_share_the_stages_that_they_have_in_common(tmp_path, monkeypatch):
    shorter = yaml.safe_load(STAGES)
    shorter["stages"] = shorter["stages"][:2]
    compress_model("lenet5", parse_recipe(shorter, "other"), out=tmp_path / "a", steps=tmp_path / "steps")
    assert len(list((tmp_path / "steps").iterdir())) == 3
    cut_short(monkeypatch, 1)  # the last stage alone is new
    compress_model("lenet5", recipe(), out=tmp_path / "b", steps=tmp_path / "steps")
    assert len(list((tmp_path / "steps").iterdir())) == 4


def test_what_decides_a_network_decides_its_key():
    keys = {
        recipe_digest("lenet5", recipe(text), seed)
        for text, seed in (
            (STAGES, 3), (STAGES, 4), (STAGES.replace("0.01", "0.02"), 3),
            (STAGES.replace("\nbatch: 32", "\nbatch: 31"), 3), (STAGES.replace("degrees: 5", "degrees: 6"), 3),
            (STAGES.replace("seed: 8", "seed: 9"), 3), (STAGES.replace("seed: 8", "augmentation: {shift: 0.2}"), 3),
        )
    }  # fmt: skip
    assert len(keys) == 7
    other = STAGES.replace("\nbatch: 32", "")
    baselines = {RecipeRun("lenet5", recipe(text), StepStore(Path())).key(()) for text in (STAGES, other)}
    assert len(baselines) == 1
    assert recipe_digest("lenet5", parse_recipe(yaml.safe_load(STAGES), "named otherwise"), 3) in keys


def test_a_loss_that_is_not_finite_names_stage_and_step_and_keeps_what_was_good(tmp_path, monkeypatch):
    def spoiled(stage, model, *rest, **settings):
        if stage.seed == 8:
            with torch.no_grad():
                weighted_layers(model)["fc2"].bias[0] = torch.nan
        return run_stage(stage, model, *rest, **settings)

    monkeypatch.setattr(explore.recipes.run, "run_stage", spoiled)
    with pytest.raises(CompressionError, match=r"stage 2 of 'mine': admm, compress: .* step 1; lower") as error:
        run(tmp_path / "net")
    assert "\n" not in str(error.value)
    assert sorted(path.name for path in (tmp_path / "net").iterdir()) == ["log.jsonl", "steps"]
    assert len(list((tmp_path / "net" / "steps").iterdir())) == 2  # the baseline and stage 1


def starting(start, **settings):
    """A recipe of lenet5_xnor on the weights of another recipe's network."""
    content = {"model": "lenet5_xnor", "pretrain_epochs": 0, "pretrain_batch": 16, "stages": [], **settings}
    return replace(parse_recipe(content, "after"), start=start)


def test_a_network_starts_from_the_weights_of_another_recipes_and_of_its_very_steps(tmp_path):
    start = replace(recipe(), model="lenet5", stages=recipe().stages[:1])
    store, names = StepStore(tmp_path), []
    before = RecipeRun("lenet5", start, store).after(start.stages)
    plan = starting(start, seed=3)
    run = RecipeRun("lenet5_xnor", plan, store, lambda stage, done, of: names.append((stage, done, of)))
    model = run.after(()).model
    assert names == [("stored", done, 3) for done in (1, 2, 3)]
    assert torch.equal(model.fc2.weight, before.model.fc2.weight)
    fresh = run.fresh_model()
    assert model.conv2.weight.shape == fresh.conv2.weight.shape  # filters have left the other: this layer starts afresh
    assert torch.equal(model.conv2.weight, fresh.conv2.weight)
    assert run.key(()) != RecipeRun("lenet5_xnor", replace(plan, start=None), store).key(())
    assert run.key(()) != RecipeRun("lenet5_xnor", starting(replace(start, pretrain_epochs=2), seed=3), store).key(())


def test_a_start_that_shares_no_weights_is_refused():
    other = torch.nn.Sequential(torch.nn.Linear(2, 2))
    with pytest.raises(CompressionError, match="'mine' starts from a network that shares no weights"):
        explore.recipes.run._take_weights(zoo_model("lenet5"), other, "mine")


def test_a_stage_may_have_a_batch_of_its_own(tmp_path, monkeypatch):
    seen = []

    def stage(one, model, batches, *rest):
        seen.append(len(next(iter(batches))[0]))
        return run_stage(one, model, batches, *rest)

    monkeypatch.setattr(explore.recipes.run, "run_stage", stage)
    run(tmp_path / "net", STAGES.replace("seed: 8", "seed: 8, batch: 10"))
    assert seen == [32, 10, 32]


def test_binary_inputs_are_there_when_the_other_inputs_are_calibrated(tmp_path):
    """A state knows nothing of the hooks that binarize inputs: such a network is not built anew from it."""
    plan = parse_recipe(yaml.safe_load(TRAINING + "method: xnor_net\nepochs: 1\nretrain_epochs: 0\n"), "mine")
    run = RecipeRun("lenet5_xnor", plan, StepStore(tmp_path))
    outcome = run.after(plan.stages)
    assert len(outcome.model.fc1._forward_pre_hooks) == 1
    seen = calibrate_activations(outcome.model, [run.data.train_images])
    assert run.measured(outcome.model, outcome.method).activations["fc2"] == seen["fc2"]
    assert RecipeRun("lenet5_xnor", plan, StepStore(tmp_path)).finished(plan.stages).facts == replace(
        outcome.facts, cpu_seconds=pytest.approx(outcome.facts.cpu_seconds, abs=60)
    )


def test_a_run_that_is_stopped_ends_at_its_next_batch(tmp_path):
    stopped = Event()
    run = RecipeRun("lenet5", recipe(), StepStore(tmp_path), lambda *line: stopped.set(), stopped)
    with pytest.raises(CompressionError, match="stage 1 of 'mine': admm, compress: the training was stopped"):
        run.after(run.recipe.stages)


def test_damaged_steps_are_made_again(tmp_path):
    store = StepStore(tmp_path)
    store.put("key", {"weight": torch.arange(3.0)}, StepFacts(0.5, 1.0, 2.0, True, 3.5))
    state, facts = store.find("key")
    assert facts == StepFacts(0.5, 1.0, 2.0, True, 3.5)
    assert state["weight"].tolist() == [0, 1, 2]
    path = tmp_path / "key.safetensors"
    for spoiled in (path.read_bytes()[:-1], b"", b"{}", path.read_bytes().replace(b"accuracy", b"akkuracy")):
        path.write_bytes(spoiled)
        assert store.find("key") is None
    assert store.find("other") is None


def test_a_network_read_back_computes_what_the_trained_one_does(tmp_path):
    plan = recipe()
    trained = RecipeRun("lenet5", plan, StepStore(tmp_path))
    first = trained.after(plan.stages[:2])
    found = RecipeRun("lenet5", plan, StepStore(tmp_path)).after(plan.stages[:2])
    assert found.method is None
    assert first.method is not None
    assert found.facts == first.facts
    assert found.model.conv2.out_channels == found.model.conv2.weight.shape[0] < 50
    with torch.no_grad():
        assert torch.equal(found.model(trained.example), first.model(trained.example))


def test_a_search_logs_each_step_and_saves_the_last_that_held(tmp_path):
    result = run(tmp_path / "net", SEARCH.format(tolerance=1))
    lines = [json.loads(line) for line in (tmp_path / "net" / "log.jsonl").read_text().splitlines()]
    assert [line.get("phase") for line in lines] == [None, "columns", "columns", "filters", "filters", "bits"]
    assert [line["tried"] for line in lines[1:5]] == [{"conv2": n} for n in (200, 133, 30, 20)]
    assert all(line["held"] for line in lines[1:])
    assert result.accuracy == lines[-1]["accuracy"]
    assert {layer.weight_bits for layer in compress.read(tmp_path / "net").traces} == {2}
    conv2 = compress.read(tmp_path / "net").traces[1]
    assert conv2.weight.shape[0] <= 20
    assert conv2.weight.shape[1] <= 133


def test_a_search_that_finds_nothing_saves_the_baseline(tmp_path):
    result = run(tmp_path / "net", SEARCH.format(tolerance=-0.99))
    assert result.accuracy == result.baseline_accuracy
    assert {layer.weight_bits for layer in result.layers} == {8}
    assert result.conv_rate == pytest.approx(1, abs=0.1)
