import dataclasses
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
from tests.compress.version1_files import as_version1

X = images(2)


def saved(folder, model=None, **settings):
    return compress.save(folder, model or made(Cnn), example_input=X, **settings)


SIGNED = {name: compress.ActivationCode(0.02) for name in ("conv1", "conv2", "fc1", "fc2")}  # all that version 1 knew


def structured(folder, **settings):
    model = made(Cnn)
    pruner = ADMMPruner(model, {"conv2": Combined(Columns(20), Filters(3)), "fc1": Columns(17)}, example_input=X)
    return compress.save(folder, pruner.finalize(), method=pruner, accuracy=0.5, **settings), model


def test_a_folder_holds_one_manifest_and_one_tensor_file(tmp_path):
    folder = saved(tmp_path / "a" / "net", accuracy=0.25, provenance={"seed": 3})
    assert sorted(p.name for p in folder.iterdir()) == ["manifest.json", "model.safetensors"]
    assert [p.name for p in folder.parent.iterdir()] == ["net"]
    found = compress.read(folder)
    assert (found.name, found.accuracy, found.method, found.provenance) == ("net", 0.25, None, {"seed": 3})
    assert [(trace.name, trace.kind) for trace in found.traces] == [
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
        expected, trace = network.layers[layer.name], layer.trace
        inputs = trace.activation if trace.conv is None else trace.ifmap
        assert np.array_equal(trace.weight, expected.ints.flatten(1).numpy())
        assert np.array_equal(inputs, expected.ifmap.numpy())
        assert (trace.weight.dtype, inputs.dtype) == (np.int8, np.uint8)  # no input is negative behind a ReLU
        assert not trace.activation_signed
        assert inputs.max() > 127
        assert (trace.weight_bits, trace.activation_bits, trace.weight_coding) == (8, 8, "uniform")
        assert layer.activation_scale == expected.activation.scale
        assert np.allclose(layer.decoded(), model.get_submodule(layer.name).weight.detach().flatten(1), atol=0.01)
        assert np.array_equal(layer.bias, model.get_submodule(layer.name).bias.detach())


def test_geometry_and_dense_shapes(tmp_path):
    conv1, conv2, fc1, _ = compress.read(saved(tmp_path / "net")).traces
    geometry = conv2.conv
    assert (geometry.stride, geometry.padding, geometry.dilation, conv2.groups) == ((2, 2), (1, 1), (1, 1), 1)
    assert conv1.dense_shape == (2 * 16 * 16, 6, 9)
    assert conv2.dense_shape == (2 * 4 * 4, 8, 54)
    assert fc1.dense_shape == (2, 12, 128)
    assert conv2.ifmap.shape == (2, 6, 8, 8)
    assert geometry.columns is None


def test_removed_structure_is_seen_in_the_shapes(tmp_path):
    folder, model = structured(tmp_path / "net")
    _, conv2, fc1, _ = compress.read(folder).layers
    smaller = compress.shrink(model, X)
    columns, weight = conv2.trace.conv.columns, smaller.conv2.weight.detach()
    assert (conv2.trace.N, conv2.trace.conv.channels, *conv2.trace.conv.kernel) == tuple(weight.shape)
    assert conv2.trace.weight.shape == (3, len(columns))
    assert len(columns) <= 20
    assert conv2.trace.weight.any(axis=0).all()
    assert conv2.trace.dense_shape == (2 * 4 * 4, 8, 54)
    whole = np.zeros((3, weight.shape[1] * 9))
    whole[:, columns] = conv2.decoded()
    assert np.allclose(whole.reshape(weight.shape), weight, atol=conv2.weight_scale)
    assert conv2.trace.ifmap.shape[1] == weight.shape[1]
    assert fc1.trace.weight.shape[1] == fc1.trace.activation.shape[1] == len(fc1.inputs) <= 17
    assert fc1.inputs[-1] < smaller.fc1.in_features == 3 * 16
    whole = np.zeros((12, 3 * 16))
    whole[:, fc1.inputs] = fc1.decoded()
    assert np.allclose(whole, smaller.fc1.weight.detach(), atol=fc1.weight_scale)


def test_non_structured_networks_keep_their_shape(tmp_path):
    model = made(Cnn)
    pruner = ADMMPruner(model, {"conv2": Unstructured(10)}, example_input=X)
    conv2 = compress.read(compress.save(tmp_path / "net", pruner.finalize(), method=pruner)).traces[1]
    assert conv2.weight.shape == (8, 6 * 3 * 3)
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
    saved = compress.read(compress.save(tmp_path / "net", Groups(), example_input=x))
    grouped, linear = saved.traces
    assert (grouped.groups, grouped.conv.padding, grouped.dense_shape) == (2, (2, 0), (2 * 7 * 5, 3, 6))
    assert (grouped.weight.shape, grouped.conv.channels, grouped.conv.kernel) == ((6, 6), 2, (3, 1))
    assert linear.activation.shape == (2 * 6 * 7, 5)
    assert linear.dense_shape == (84, 3, 5)
    assert saved.layers[1].bias is None


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
    with pytest.raises(CompressionError, match="reached no convolution and no matrix product"):
        compress.save(tmp_path / "net", nn.ReLU(), example_input=X)
    with pytest.raises(CompressionError, match="does not run on the example input: RuntimeError"):
        compress.save(tmp_path / "net", made(Cnn), example_input=torch.rand(2, 3, 16, 16))
    with pytest.raises(CompressionError, match="partial is 'some'; 'refuse' or 'allow'"):
        saved(tmp_path / "net", partial="some")
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
    "an unknown version": (lambda m: m.update(version=4), "version 1 to 3"),
    "no layers": (lambda m: m.update(layers=[]), "lists no layers"),
    "layers as a text": (lambda m: m.update(layers="all"), "a list is expected"),
    "a layer as a number": (lambda m: m.update(layers=[3]), "layer 0 is 3; an object"),
    "an accuracy of NaN": (lambda m: m.update(accuracy=float("nan")), "a fraction from 0 to 1"),
    "a method as a list": (lambda m: m.update(method=[1]), "a text is expected"),
    "no provenance": (lambda m: m.pop("provenance"), "a dict is expected"),
    "a name twice": (lambda m: m["layers"].append(m["layers"][0]), "the same name"),
    "an operation of nobody": (set_layer(operation="xor"), "one of any, mac, l1 is expected"),
    "a coding of nobody": (set_layer(weight_coding="magic"), "one of uniform"),
    "a huge number of bits": (set_layer(weight_bits=10**9), "integer from 1 to 32"),
    "bits as true": (set_layer(activation_bits=True), "integer from 1 to 32"),
    "a scale of zero": (set_layer(weight_scale=0), "finite number above 0"),
    "too many scales": (set_layer(weight_scale=[1.0, 2.0]), "weight_scale has"),
    "an infinite scale": (set_layer(activation_scale=float("inf")), "finite number above 0"),
    "few bits for the values": (set_layer(weight_bits=2), "allows -2 to 1"),
    "a dense shape of two": (set_layer(dense_shape=[1, 2]), "3 integers"),
}
NEW_FAULTS = {  # of today's version
    "no field left out": (lambda m: m["layers"][1].pop("groups"), "groups is missing"),
    "a stride of zero": (lambda m: m["layers"][1]["conv"].update(stride=[0, 1]), "at least 1"),
    "three paddings": (lambda m: m["layers"][1]["conv"].update(padding=[1, 1, 1]), "2 integers"),
    "other kernel": (lambda m: m["layers"][1]["conv"].update(kernel=[3, 4]), "weight has shape"),
    "another M": (set_layer(M=5), "M of trace"),
    "a layer without tensors": (set_layer(name="conv9"), "'weight' is missing"),
    "groups that do not divide": (set_layer(groups=3), "weight has shape"),
}
OLD_FAULTS = {  # of version 1
    "an unknown kind": (set_layer(kind="lstm9"), "expected one of conv, linear"),
    "a stride of zero": (set_layer(stride=[0, 1]), "at least 1"),
    "three paddings": (set_layer(padding=[1, 1, 1]), "2 integers"),
    "other weight shape": (set_layer(weight_shape=[8, 6, 3, 4]), "weight has shape"),
    "weight shape of a matrix": (set_layer(weight_shape=[8, 54]), "4 integers"),
    "groups that do not divide": (set_layer(groups=3), "expected 18 channels"),
    "a layer without tensors": (set_layer(name="conv9"), "no tensor 'weight'"),
}
TENSOR_FAULTS = {
    "real weights": (lambda t: t.update({"fc1.weight": t["fc1.weight"].astype(np.float32)}), "integers"),
    "a short bias": (lambda t: t.update({"fc1.bias": t["fc1.bias"][:2]}), "bias has shape"),
}
NEW_TENSOR_FAULTS = {
    "no activation": (lambda t: t.pop("conv1.activation"), "'activation' is missing"),
    "an empty activation": (lambda t: t.update({"fc1.activation": t["fc1.activation"][:0]}), "activation has shape"),
    "a flat activation": (lambda t: t.update({"fc1.activation": t["fc1.activation"].ravel()}), "activation has shape"),
    "falling inputs": (lambda t: t.update({"fc1.inputs": np.arange(128)[::-1].copy()}), "columns"),
    "inputs outside": (lambda t: t.update({"fc1.inputs": np.arange(1, 129)}), "columns"),
    "fewer inputs": (lambda t: t.update({"fc1.inputs": np.arange(5)}), "inputs has 5"),
}
OLD_TENSOR_FAULTS = {
    "no ifmap": (lambda t: t.pop("conv1.ifmap"), "no tensor 'ifmap'"),
    "an empty ifmap": (lambda t: t.update({"fc1.ifmap": t["fc1.ifmap"][:0]}), "ifmap has shape"),
    "a flat ifmap": (lambda t: t.update({"fc1.ifmap": t["fc1.ifmap"].ravel()}), "ifmap has 1 dimensions"),
    "falling columns": (lambda t: t.update({"fc1.columns": np.arange(128)[::-1].copy()}), "columns"),
    "columns outside": (lambda t: t.update({"fc1.columns": np.arange(1, 129)}), "columns"),
    "columns of two axes": (lambda t: t.update({"conv2.columns": np.zeros((2, 2), np.int64)}), "columns"),
    "fewer columns": (lambda t: t.update({"fc1.columns": np.arange(5)}), "weight has shape"),
}
OLD_AND_NEW = [(False, name) for name in MANIFEST_FAULTS | NEW_FAULTS] + [
    (True, name) for name in MANIFEST_FAULTS | OLD_FAULTS
]
TENSORS_OLD_AND_NEW = [(False, name) for name in TENSOR_FAULTS | NEW_TENSOR_FAULTS] + [
    (True, name) for name in TENSOR_FAULTS | OLD_TENSOR_FAULTS
]


@pytest.mark.parametrize(("old", "what"), OLD_AND_NEW)
def test_manifests_that_contradict_are_refused(tmp_path, old, what):
    edit, message = (MANIFEST_FAULTS | (OLD_FAULTS if old else NEW_FAULTS))[what]
    folder = saved(tmp_path / "net")
    rewrite(as_version1(folder) if old else folder, edit_manifest=edit)
    with pytest.raises(FileFormatError, match=message) as raised:
        compress.read(folder)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("old", "what"), TENSORS_OLD_AND_NEW)
def test_tensors_that_contradict_are_refused(tmp_path, old, what):
    edit, message = (TENSOR_FAULTS | (OLD_TENSOR_FAULTS if old else NEW_TENSOR_FAULTS))[what]
    folder = saved(tmp_path / "net")
    rewrite(as_version1(folder) if old else folder, edit_tensors=edit)
    with pytest.raises(FileFormatError, match=message):
        compress.read(folder)


@pytest.mark.parametrize("make", [saved, lambda folder, **settings: structured(folder, **settings)[0]])
def test_version_1_reads_as_the_same_layers(tmp_path, make):
    """Every field, every integer, scale and bias of a folder as it was written before traces were the record."""
    folder = make(tmp_path / "net", activations=SIGNED)
    now = compress.read(folder)
    before = compress.read(as_version1(folder))
    assert json.loads((folder / "manifest.json").read_text())["version"] == 1
    assert (before.accuracy, before.method, before.provenance) == (now.accuracy, now.method, now.provenance)
    for old, new in zip(before.layers, now.layers, strict=True):
        for field in dataclasses.fields(new.trace):
            one, other = getattr(old.trace, field.name), getattr(new.trace, field.name)
            if field.name.endswith("_operand"):
                assert one.whole().dtype == other.whole().dtype
                one, other = one.whole().tolist(), other.whole().tolist()
            if field.name == "pruned":  # an older file names its method alone, and every layer is one that it pruned
                assert one == (before.method == "ADMMPruner")
                continue
            assert one == other
        for values in ("weight_scale", "activation_scale", "bias", "inputs"):
            assert np.array_equal(getattr(old, values), getattr(new, values)), values


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
