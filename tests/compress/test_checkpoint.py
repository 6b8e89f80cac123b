import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from torch import nn

import compress
from accelsim.errors import CompressionError, FileFormatError, MissingFileError, OutputError
from compress import ADMMPruner, Columns, Combined, Filters, Unstructured
from compress.checkpoint import format as checkpoint
from compress.quantizers.integer import calibrate_activations, integer_network
from tests.compress.networks import Cnn, images, made

X = images(2)


def saved(folder, model=None, **settings):
    return compress.save(folder, model or made(Cnn), example_input=X, **settings)


def structured(folder):
    model = made(Cnn)
    pruner = ADMMPruner(model, {"conv2": Combined(Columns(20), Filters(3)), "fc1": Columns(17)}, example_input=X)
    return compress.save(folder, pruner.finalize(), method=pruner, accuracy=0.5), model


def test_a_folder_holds_one_manifest_and_one_tensor_file(tmp_path):
    folder = saved(tmp_path / "a" / "net", accuracy=0.25, provenance={"seed": 3})
    assert sorted(p.name for p in folder.iterdir()) == ["manifest.json", "model.safetensors"]
    assert [p.name for p in folder.parent.iterdir()] == ["net"]
    found = compress.read(folder)
    assert (found.name, found.accuracy, found.method, found.provenance) == ("net", 0.25, None, {"seed": 3})
    assert [(layer.name, layer.kind) for layer in found.layers] == [
        ("conv1", "conv"),
        ("conv2", "conv"),
        ("fc1", "linear"),
        ("fc2", "linear"),
    ]


def test_layers_carry_the_integers_of_the_integer_network(tmp_path):
    model = made(Cnn)
    network = integer_network(model, calibrate_activations(model, [X]))
    network(X)
    for layer in compress.read(saved(tmp_path / "net", model)).layers:
        expected = network.layers[layer.name]
        assert np.array_equal(layer.weight, expected.ints.numpy())
        assert np.array_equal(layer.ifmap, expected.ifmap.numpy())
        assert layer.weight.dtype == layer.ifmap.dtype == np.int8
        assert (layer.weight_bits, layer.activation_bits, layer.weight_coding) == (8, 8, "uniform")
        assert layer.activation_scale == expected.activation.scale
        assert np.allclose(
            layer.weight * layer.weight_scale, model.get_submodule(layer.name).weight.detach(), atol=0.01
        )
        assert np.array_equal(layer.bias, model.get_submodule(layer.name).bias.detach())


def test_geometry_and_dense_shapes(tmp_path):
    conv1, conv2, fc1, _ = compress.read(saved(tmp_path / "net")).layers
    assert (conv2.stride, conv2.padding, conv2.dilation, conv2.groups) == ((2, 2), (1, 1), (1, 1), 1)
    assert conv1.dense_shape == (2 * 16 * 16, 6, 9)
    assert conv2.dense_shape == (2 * 4 * 4, 8, 54)
    assert fc1.dense_shape == (2, 12, 128)
    assert conv2.ifmap.shape == (2, 6, 8, 8)
    assert conv2.columns is None


def test_removed_structure_is_seen_in_the_shapes(tmp_path):
    folder, model = structured(tmp_path / "net")
    _, conv2, fc1, _ = compress.read(folder).layers
    smaller = compress.shrink(model, X)
    assert conv2.weight_shape == tuple(smaller.conv2.weight.shape)
    assert conv2.weight_shape[0] == 3
    assert conv2.weight.shape == (3, len(conv2.columns))
    assert len(conv2.columns) <= 20
    assert conv2.weight.any(axis=0).all()
    assert conv2.dense_shape == (2 * 4 * 4, 8, 54)
    whole = np.zeros((3, conv2.weight_shape[1] * 9))
    whole[:, conv2.columns] = conv2.weight * conv2.weight_scale
    assert np.allclose(whole.reshape(conv2.weight_shape), smaller.conv2.weight.detach(), atol=conv2.weight_scale)
    assert conv2.ifmap.shape[1] == conv2.weight_shape[1]
    assert fc1.ifmap.shape[1] == fc1.weight_shape[1] == 3 * 16
    assert fc1.weight.shape[1] <= 17


def test_non_structured_networks_keep_their_shape(tmp_path):
    model = made(Cnn)
    pruner = ADMMPruner(model, {"conv2": Unstructured(10)}, example_input=X)
    conv2 = compress.read(compress.save(tmp_path / "net", pruner.finalize(), pruner)).layers[1]
    assert conv2.weight.shape == (8, 6, 3, 3)
    assert np.count_nonzero(conv2.weight) <= 10


class Groups(nn.Module):
    def __init__(self):
        super().__init__()
        self.grouped = nn.Conv2d(4, 6, (3, 1), groups=2, padding="same", dilation=(2, 1))
        self.linear = nn.Linear(5, 3, bias=False)

    def forward(self, x):
        return self.linear(self.grouped(x))


def test_groups_same_padding_and_linear_layers_over_more_dimensions(tmp_path):
    x = torch.rand(2, 4, 7, 5)
    grouped, linear = compress.read(compress.save(tmp_path / "net", Groups(), example_input=x)).layers
    assert (grouped.groups, grouped.padding, grouped.dense_shape) == (2, (2, 0), (2 * 7 * 5, 3, 6))
    assert grouped.weight.shape == (6, 2, 3, 1)
    assert linear.ifmap.shape == (2 * 6 * 7, 5)
    assert linear.dense_shape == (84, 3, 5)
    assert linear.bias is None


def test_reading_needs_no_torch(tmp_path):
    folder = saved(tmp_path / "net")
    code = f"import sys, compress; compress.read({str(folder)!r}); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_equal_networks_give_equal_files(tmp_path):
    first, second = saved(tmp_path / "a"), saved(tmp_path / "b")
    for name in ("manifest.json", "model.safetensors"):
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_saving_again_replaces_both_files(tmp_path):
    folder = saved(tmp_path / "net")
    saved(folder, made(Cnn, seed=1), accuracy=0.75)
    assert compress.read(folder).accuracy == 0.75
    assert len(list(folder.iterdir())) == 2


def test_a_failed_save_leaves_nothing(tmp_path, monkeypatch):
    with pytest.raises(CompressionError, match="provenance cannot be written"):
        saved(tmp_path / "net", provenance={"time": object()})
    with pytest.raises(CompressionError, match=r"accuracy is 97\.0"):
        saved(tmp_path / "net", accuracy=97.0)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(OutputError, match="No space left"):
        saved(tmp_path / "net")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_saved_says_why(tmp_path):
    with pytest.raises(CompressionError, match="needs an example_input"):
        compress.save(tmp_path / "net", made(Cnn))
    with pytest.raises(CompressionError, match="reached no conv or linear layer"):
        compress.save(tmp_path / "net", nn.ReLU(), example_input=X)
    circular = nn.Sequential(nn.Conv2d(1, 2, 3, padding_mode="circular", padding=1))
    with pytest.raises(CompressionError, match="padding mode 'circular'"):
        compress.save(tmp_path / "net", circular, example_input=X)
    twice = nn.Linear(16, 16)
    with pytest.raises(CompressionError, match="runs more than once"):
        compress.save(tmp_path / "net", nn.Sequential(twice, nn.Sequential(twice)), example_input=X)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        saved(tmp_path / "file")
    model = made(Cnn)
    with torch.no_grad():
        model.fc1.weight[0, 0] = torch.inf
    with pytest.raises(CompressionError, match="fc1 holds NaN or infinite"):
        saved(tmp_path / "net", model)


def rewrite(folder, edit_manifest=None, edit_tensors=None):
    """Change a checkpoint and renew its digest, so that only the change itself can be found."""
    manifest = json.loads((folder / "manifest.json").read_text())
    tensors = load_file(folder / "model.safetensors")
    if edit_tensors:
        edit_tensors(tensors)
        save_file(tensors, folder / "model.safetensors")
    manifest["tensors_sha256"] = checkpoint.hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    if edit_manifest:
        edit_manifest(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def set_layer(**values):
    return lambda manifest: manifest["layers"][1].update(values)


MANIFEST_FAULTS = {
    "an unknown version": (lambda m: m.update(version=2), "version 1"),
    "no layers": (lambda m: m.update(layers=[]), "lists no layers"),
    "layers as a text": (lambda m: m.update(layers="all"), "a list is expected"),
    "a layer as a number": (lambda m: m.update(layers=[3]), "layer 0 is a int"),
    "an accuracy of NaN": (lambda m: m.update(accuracy=float("nan")), "a fraction from 0 to 1"),
    "a method as a list": (lambda m: m.update(method=[1]), "a text is expected"),
    "no provenance": (lambda m: m.pop("provenance"), "a dict is expected"),
    "a name twice": (lambda m: m["layers"].append(m["layers"][0]), "the same name"),
    "an unknown kind": (set_layer(kind="lstm9"), "expected one of conv, linear"),
    "a coding of nobody": (set_layer(weight_coding="magic"), "expected one of uniform"),
    "an operation of nobody": (set_layer(operation="xor"), "expected one of any, mac, l1"),
    "a huge number of bits": (set_layer(weight_bits=10**9), "integer from 1 to 32"),
    "bits as true": (set_layer(activation_bits=True), "integer from 1 to 32"),
    "a scale of zero": (set_layer(weight_scale=0), "finite number above 0"),
    "too many scales": (set_layer(weight_scale=[1.0, 2.0]), "weight_scale has"),
    "an infinite scale": (set_layer(activation_scale=float("inf")), "finite number above 0"),
    "a stride of zero": (set_layer(stride=[0, 1]), "at least 1"),
    "three paddings": (set_layer(padding=[1, 1, 1]), "expected 2"),
    "other weight shape": (set_layer(weight_shape=[8, 6, 3, 4]), "weight has shape"),
    "weight shape of a matrix": (set_layer(weight_shape=[8, 54]), "has not 4 dimensions"),
    "groups that do not divide": (set_layer(groups=3), "expected 18 channels"),
    "few bits for the values": (set_layer(weight_bits=2), "leaves the range -2 to 1 of 2 bits"),
    "a dense shape of two": (set_layer(dense_shape=[1, 2]), "expected M, N, K"),
    "a layer without tensors": (set_layer(name="conv9"), "holds no 'conv9.weight'"),
}
TENSOR_FAULTS = {
    "no ifmap": (lambda t: t.pop("conv1.ifmap"), "holds no 'conv1.ifmap'"),
    "real weights": (lambda t: t.update({"fc1.weight": t["fc1.weight"].astype(np.float32)}), "signed integers"),
    "a short bias": (lambda t: t.update({"fc1.bias": t["fc1.bias"][:2]}), "bias has shape"),
    "an empty ifmap": (lambda t: t.update({"fc1.ifmap": t["fc1.ifmap"][:0]}), "ifmap has shape"),
    "a flat ifmap": (lambda t: t.update({"fc1.ifmap": t["fc1.ifmap"].ravel()}), "ifmap has 1 dimensions"),
    "falling columns": (lambda t: t.update({"fc1.columns": np.arange(128)[::-1].copy()}), "columns"),
    "columns outside": (lambda t: t.update({"fc1.columns": np.arange(1, 129)}), "columns"),
    "fewer columns": (lambda t: t.update({"fc1.columns": np.arange(5)}), "weight has shape"),
}


@pytest.mark.parametrize("what", MANIFEST_FAULTS)
def test_manifests_that_contradict_are_refused(tmp_path, what):
    edit, message = MANIFEST_FAULTS[what]
    folder = saved(tmp_path / "net")
    rewrite(folder, edit_manifest=edit)
    with pytest.raises(FileFormatError, match=message) as raised:
        compress.read(folder)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("what", TENSOR_FAULTS)
def test_tensors_that_contradict_are_refused(tmp_path, what):
    edit, message = TENSOR_FAULTS[what]
    folder = saved(tmp_path / "net")
    rewrite(folder, edit_tensors=edit)
    with pytest.raises(FileFormatError, match=message):
        compress.read(folder)


@pytest.mark.parametrize("name", ["manifest.json", "model.safetensors"])
@pytest.mark.parametrize("content", [None, b"", b"[]", b"{}", b"null", b"\xff" * 64, "half", "bit"])
def test_missing_cut_and_damaged_files_are_refused(tmp_path, name, content):
    path = saved(tmp_path / "net") / name
    whole = path.read_bytes()
    if content is None:
        path.unlink()
    elif content == "half":
        path.write_bytes(whole[: len(whole) // 2])
    elif content == "bit":
        path.write_bytes(whole.replace(b"conv", b"c\x00nv") if name == "manifest.json" else whole[:-1] + b"\x01")
    else:
        path.write_bytes(content)
    with pytest.raises(MissingFileError if content is None else FileFormatError) as raised:
        compress.read(path.parent)
    assert "\n" not in str(raised.value)


def test_noise_with_the_right_digest_is_refused(tmp_path):
    folder = saved(tmp_path / "net")
    for noise in (b"", b'\x08\x00\x00\x00\x00\x00\x00\x00{"a":1}x', b"\xff" * 100):
        (folder / "model.safetensors").write_bytes(noise)
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest["tensors_sha256"] = checkpoint.hashlib.sha256(noise).hexdigest()
        (folder / "manifest.json").write_text(json.dumps(manifest))
        with pytest.raises(FileFormatError, match="safetensors"):
            compress.read(folder)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(MissingFileError, match="is not there"):
        compress.read(tmp_path / "nothing")
