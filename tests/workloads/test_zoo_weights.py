"""Zoo networks with the weights of a file: what is read, what is refused, and what the integers are."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import workloads
from accelsim.errors import AccelSimError, ConfigError, FileFormatError, MissingFileError
from workloads.files.state_files import load_state
from workloads.models.trained import NOISE, inputs_of


@pytest.fixture
def lenet():
    torch.manual_seed(0)
    return workloads.model("lenet5")


@pytest.mark.parametrize("ending", ["pth", "safetensors", "wrapped.pt", "parallel.pth"])
def test_a_checkpoint_is_taken_as_it_is(ending, lenet, tmp_path):
    path, state = tmp_path / f"w.{ending}", lenet.state_dict()
    if ending == "safetensors":
        save_file(state, path)
    elif ending == "wrapped.pt":
        torch.save({"epoch": 3, "state_dict": state}, path)
    else:
        torch.save({f"module.{k}": v for k, v in state.items()} if ending == "parallel.pth" else state, path)
    found = workloads.load("lenet5", weights=path, batch=2)
    assert [t.name for t in found] == [t.name for t in workloads.load("lenet5")]
    weight = state["fc1.weight"].numpy()
    scale = found.provenance["codes"]["fc1"]["weight"]["scale"]
    np.testing.assert_array_equal(found["fc1"].weight, np.rint(weight.astype(np.float64) / scale))
    assert found["conv1"].ifmap.shape == (2, 1, 28, 28)
    assert found["conv1"].ifmap[0, 0, 0, 0] == 0  # the background of a bundled digit
    assert "assumed" not in found.provenance
    assert found.operators == tuple(workloads.load("lenet5", weights=str(path), batch=2).operators)


def test_networks_without_bundled_data_say_what_they_assume(tmp_path):
    torch.manual_seed(0)
    torch.save(workloads.model("resnet56").state_dict(), tmp_path / "w.pth")
    one = workloads.load("resnet56", weights=tmp_path / "w.pth")
    assert one.provenance["assumed"] == {"input": NOISE}
    assert not torch.equal(*(inputs_of("resnet56", 1, seed)[0] for seed in (0, 1)))
    assert 0 < np.count_nonzero(one["layer1.0.conv2"].ifmap) < one["layer1.0.conv2"].ifmap.size


def test_auxiliary_heads_of_googlenet_are_left_out(tmp_path):
    model = workloads.model("googlenet")
    state = model.state_dict() | {"aux1.fc1.weight": torch.zeros(2, 2), "aux2.conv.conv.weight": torch.zeros(1)}
    torch.save(state, tmp_path / "w.pth")
    load_state(model, tmp_path / "w.pth", "googlenet")


def without(state, *keys):
    return {key: value for key, value in state.items() if key not in keys}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: without(s, "fc1.bias"), "they lack fc1.bias"),
        (lambda s: {**s, "fc9.bias": torch.zeros(1)}, "they hold fc9.bias"),
        (lambda s: {f"x{i}": torch.zeros(1) for i in range(9)}, "x0, x1, x2, x3, x4 and 4 more"),
        (lambda s: {}, "they lack conv1.weight"),
        (lambda s: {**s, "fc1.bias": torch.zeros(7)}, r"fc1\.bias is \(7,\), \(500,\) is expected"),
        (lambda s: [1, 2], "holds a list"),
        (lambda s: {**s, "fc1.bias": torch.full((500,), torch.nan)}, None),
        (lambda s: {**s, "fc1.weight": s["fc1.weight"] * torch.inf}, "NaN or infinite"),
    ],
)
def test_weights_that_do_not_fit_are_named(change, says, lenet, tmp_path):
    torch.save(change(lenet.state_dict()), tmp_path / "w.pth")
    with pytest.raises(AccelSimError, match=says) as caught:
        workloads.load("lenet5", weights=tmp_path / "w.pth")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


class Trap:
    """Writes a file when it is unpickled."""

    def __reduce__(self):
        return (open, ("trapped", "w"))


@pytest.mark.parametrize("ending", ["pth", "safetensors"])
@pytest.mark.parametrize(
    "content", [b"", b"garbage", b"PK\x03\x04" + bytes(50), pickle.dumps({"a": Trap()}), bytes(2000)]
)
def test_a_file_that_holds_no_tensors_is_refused_and_nothing_runs(content, ending, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / f"w.{ending}").write_bytes(content)
    with pytest.raises(FileFormatError) as caught:
        workloads.load("lenet5", weights=f"w.{ending}")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "trapped").exists()


def test_a_trap_within_a_checkpoint_does_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"a": Trap()}, "w.pth")
    with pytest.raises(FileFormatError, match="cannot be read"):
        workloads.load("lenet5", weights="w.pth")
    assert not (tmp_path / "trapped").exists()


@pytest.mark.parametrize(
    ("settings", "error", "says"),
    [
        ({"weights": "nowhere.pth"}, MissingFileError, r"nowhere\.pth"),
        ({"weights": "a\0b.pth"}, MissingFileError, "not there"),
        ({"weights": "some"}, ConfigError, "weights is 'some'"),
        ({"weights": "w.pth", "density": 0.5}, ConfigError, "density"),
        ({"weights": "w.pth", "profile": "x"}, ConfigError, "profile"),
    ],
)
def test_settings_that_do_not_fit_are_named(settings, error, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=says):
        workloads.load("lenet5", **settings)


MEASURED = """
import resource, torch, workloads
from workloads.torch.importer import from_torch
torch.set_num_threads(2)
with torch.device("meta"):
    model = workloads.model("vgg16")
model = model.to_empty(device="cpu")
generator = torch.Generator().manual_seed(0)
for p in model.parameters():
    p.detach().uniform_(-0.03, 0.03, generator=generator)
images = torch.randn(8, 3, 224, 224, generator=generator)
from_torch(torch.nn.Linear(2, 2), torch.zeros(1, 2), values="activations")  # loads all code
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = from_torch(model, images, values="activations")
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(found.macs, after - before)
"""


@pytest.mark.slow
def test_im2col_is_never_held_whole():
    """VGG-16 on 8 images: lowering takes less than one im2col matrix of conv1_2 in float32 would (925 MB)."""
    run = subprocess.run([sys.executable, "-c", MEASURED], capture_output=True, text=True, check=True)
    macs, kib = map(int, run.stdout.split())
    assert macs == 8 * 15_470_264_320
    print(f"lowering VGG-16, batch 8: {kib / 1024:.0f} MiB above the model")
    assert kib * 1024 < 8 * 224 * 224 * 9 * 64 * 4
