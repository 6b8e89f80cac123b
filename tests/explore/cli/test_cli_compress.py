"""`accelsim compress`: what it prints and saves, that seeds hold, how it refuses."""

import json

import pytest
from typer.testing import CliRunner

import compress
import explore.recipes.compressing
import explore.recipes.data
import explore.recipes.run
from explore.cli import app
from workloads.datasets import Digits, digits

RECIPE = "method: inq\npretrain_epochs: 1\nepochs: 1\nretrain_epochs: 0\nsettings: {steps_per_portion: 2}\nseed: 2\n"


def invoke(*args):
    return CliRunner().invoke(app, ["compress", *(str(a) for a in args)])


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a recipe, and digits so few that a run takes seconds."""

    def few(seed=0, fast=False):
        whole = digits(seed, fast=True)
        parts = (whole.train_images, whole.train_labels, whole.test_images, whole.test_labels)
        return Digits(*(part[:count] for part, count in zip(parts, (320, 320, 100, 100), strict=True)))

    monkeypatch.setattr(explore.recipes.data, "digits", few)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(RECIPE)
    return tmp_path


def test_json_is_json_alone_and_says_what_was_saved(place):
    result = invoke("lenet5", "--recipe", "mine.yaml", "--out", "net", "--json")
    assert result.exit_code == 0, result.stderr
    content = json.loads(result.stdout)
    saved = compress.read(place / "net")
    assert content["accuracy"] == saved.accuracy
    assert content["baseline_accuracy"] == saved.provenance["baseline_accuracy"]
    assert (content["model"], content["recipe"], content["seed"], content["folder"]) == ("lenet5", "mine", 2, "net")
    assert saved.provenance["stages"][0]["method"] == "inq"
    assert saved.provenance["command"] == "accelsim compress lenet5 --recipe mine --out OUT --seed 2"
    assert [layer["weights_nonzero"] for layer in content["layers"]] == [(x.weight != 0).sum() for x in saved.traces]
    assert {layer.weight_coding for layer in saved.traces} == {"pow2"}
    assert sum(x["weights_nonzero"] for x in content["layers"]) < 430_500  # rounding's zeros, which are no pruning
    assert content["whole_rate"] == content["conv_rate"] == 1
    assert not any(layer["pruned"] for layer in content["layers"])
    assert sorted(p.name for p in (place / "net").iterdir()) == ["log.jsonl", "manifest.json", "model.safetensors"]


def test_the_same_seed_repeats_and_another_does_not(place):
    for folder, seed in (("a", 2), ("b", 2), ("c", 3)):
        assert invoke("lenet5", "--recipe", "mine.yaml", "--out", folder, "--seed", seed).exit_code == 0
    a, b, c = ((place / folder / "model.safetensors").read_bytes() for folder in "abc")
    assert a == b != c


def test_the_table_names_layers_codes_and_accuracies(place):
    (place / "mine.yaml").write_text("method: xnor_net\npretrain_epochs: 0\nepochs: 1\nretrain_epochs: 0\n")
    result = invoke("lenet5_xnor", "--recipe", "mine.yaml", "--out", "net")
    assert result.exit_code == 0, result.stderr
    for expected in ("conv2", "binary", "25,000", "accuracy on integers", "baseline", "1.0x fewer", "saved in net"):
        assert expected in result.stdout


def test_pruned_columns_leave_the_saved_network(place):
    (place / "mine.yaml").write_text("method: admm_combined\npretrain_epochs: 0\nepochs: 0\n")
    result = invoke("lenet5", "--recipe", "mine.yaml", "--out", "net", "--json")
    assert result.exit_code == 0, result.stderr
    content, saved = json.loads(result.stdout), compress.read(place / "net")
    assert saved.traces[1].N == 25
    assert content["layers"][1]["weights_dense"] == 25_000
    assert content["conv_rate"] > 2


@pytest.mark.parametrize(
    ("model", "recipe", "says"),
    [
        ("lenet6", RECIPE, "did you mean 'lenet5'"),
        ("resnet18", RECIPE, "takes (3, 224, 224), not digits"),
        ("lenet5", RECIPE + "model: lenet5_xnor\n", "is for model 'lenet5_xnor'"),
        ("lenet5", "method: inqq\n", "did you mean 'inq'"),
        ("lenet5", "method: inq\nsettings: {bit: 3}\n", "did you mean 'bits'"),
        ("lenet5", "method: inq\nsettings: {bits: 9}\n", "bits is 9"),
        ("lenet5", "method: !!python/name:os.system\n", "tag"),
        ("lenet5", "", "nothing"),
    ],
)
def test_refusals_are_one_line_and_leave_nothing(place, model, recipe, says):
    (place / "mine.yaml").write_text(recipe)
    before = sorted(place.rglob("*"))
    result = invoke(model, "--recipe", "mine.yaml", "--out", "new/net")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert says in result.stderr
    assert sorted(place.rglob("*")) == before


def test_an_output_that_cannot_be_is_refused_before_the_training(place, monkeypatch):
    monkeypatch.setattr(explore.recipes.run, "fit", None)
    (place / "file").write_text("x")
    result = invoke("lenet5", "--recipe", "mine.yaml", "--out", "file")
    assert result.exit_code == 2
    assert "is a file" in result.stderr


def test_an_interrupted_run_says_how_to_go_on_and_leaves_whole_steps_alone(place, monkeypatch):
    def interrupted(*args, **settings):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(explore.recipes.run, "fit", interrupted)
        assert invoke("lenet5", "--recipe", "mine.yaml", "--out", "net").exit_code == 130
        assert sorted(p.name for p in place.iterdir()) == ["mine.yaml"]
    monkeypatch.setattr(explore.recipes.run, "run_stage", interrupted)
    result = invoke("lenet5", "--recipe", "mine.yaml", "--out", "net", "--steps", "kept")
    assert result.exit_code == 130
    assert result.stderr == "interrupted; the same command goes on behind the last finished stage\n"
    assert [p.name for p in (place / "net").iterdir()] == ["log.jsonl"]
    assert len(list((place / "kept").iterdir())) == 1


def test_help_has_an_example_and_names_the_shipped_recipes():
    text = " ".join(invoke("--help").stdout.split())
    assert "accelsim compress lenet5 --recipe lenet5-inq-quick --out out/lenet5-inq" in text
    from compress.recipes.recipe import recipe_names

    assert all(name in text for name in recipe_names())
