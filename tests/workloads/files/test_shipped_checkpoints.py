"""The checkpoints that ship: their rates, and their accuracy to the digit, evaluated anew on the integers alone."""

from __future__ import annotations

import numpy as np
import pytest

import compress
import workloads
from explore.studies.bench_compress import CHAINS
from explore.studies.lenet5_targets import BASELINE, TARGETS
from workloads.datasets import digits
from workloads.opening import open_workload

NAMES = workloads.shipped_names()
RATES = {target.recipe: target for target in TARGETS}
LIMIT_BYTES, ALL_LIMIT_BYTES = 1_000_000, 2_000_000


def forward(layers: dict[str, compress.SavedLayer], images: np.ndarray) -> np.ndarray:
    """LeNet-5 in numpy from a checkpoint's records: integer sums, scales, ReLU and pooling between; logits (B, 10)."""
    x = images
    for name in ("conv1", "conv2"):
        x = convolved(layers[name], x)
        x = np.maximum(x, 0)
        x = x.reshape(*x.shape[:2], x.shape[2] // 2, 2, x.shape[3] // 2, 2).max(axis=(3, 5))
    x = np.maximum(multiplied(layers["fc1"], x.reshape(len(x), -1)), 0)
    return multiplied(layers["fc2"], x)


def quantized(layer: compress.SavedLayer, x: np.ndarray) -> np.ndarray:
    most = 2 ** (layer.trace.activation_bits - 1) - 1
    return np.clip(np.rint(x / layer.activation_scale), -most - 1, most)


def multiplied(layer: compress.SavedLayer, x: np.ndarray) -> np.ndarray:
    """(B, K) · (N, K)ᵀ on integers, of the columns that are left; the bias rounded to the sums' scale."""
    ints = quantized(layer, x)
    columns = layer.inputs if layer.trace.conv is None else layer.trace.conv.columns
    ints = ints if columns is None else ints[:, columns]
    scale = layer.weight_scale * layer.activation_scale
    weight = layer.trace.weight.astype(np.float64)
    return (ints @ weight.T + np.rint(layer.bias.astype(np.float64) / scale)) * scale


def convolved(layer: compress.SavedLayer, x: np.ndarray) -> np.ndarray:
    """A 5 x 5 convolution without padding, as the product of its windows."""
    windows = np.lib.stride_tricks.sliding_window_view(x, (5, 5), axis=(2, 3))  # B, C, H, W, R, S
    batch, channels, height, width = windows.shape[:4]
    rows = windows.transpose(0, 2, 3, 1, 4, 5).reshape(-1, channels * 25)
    return multiplied(layer, rows).reshape(batch, height, width, -1).transpose(0, 3, 1, 2)


def test_every_recipe_of_the_targets_ships_with_its_result():
    assert set(NAMES) == {recipe for chain in CHAINS for recipe in chain} - {BASELINE}


def test_they_are_small():
    sizes = [workloads.shipped_path(name).stat().st_size for name in NAMES]
    assert all(size < LIMIT_BYTES for size in sizes)
    assert sum(sizes) < ALL_LIMIT_BYTES


@pytest.mark.parametrize("name", NAMES)
def test_accuracy_and_rate_are_what_the_manifest_says(name):
    saved = compress.read_packed(workloads.shipped_path(name))
    layers, facts = {layer.name: layer for layer in saved.layers}, saved.provenance
    data = digits(facts["seed"])
    assert (len(data.train_labels), len(data.test_labels)) == (facts["train_digits"], facts["test_digits"])
    images = data.test_images.double().numpy()
    guessed = np.concatenate([forward(layers, part).argmax(axis=1) for part in np.split(images, 8)])
    assert (guessed == data.test_labels.numpy()).mean() == saved.accuracy
    nonzero = {n: int(np.count_nonzero(layer.trace.weight)) for n, layer in layers.items()}
    assert round(430_500 / sum(nonzero.values()), 3) == facts["whole_rate"]
    assert round(25_500 / (nonzero["conv1"] + nonzero["conv2"]), 3) == facts["conv_rate"]
    target = RATES[name]
    assert facts["conv_rate" if target.rate_of == "conv" else "whole_rate"] >= target.rate - 0.05
    assert facts["command"] == f"accelsim compress lenet5 --recipe {name} --out OUT --seed {facts['seed']}"
    bits = {trace.weight_bits for trace in saved.traces}
    assert bits == ({3} if name.endswith("3bit") else {8})


@pytest.mark.parametrize("name", NAMES[:1])
def test_a_name_opens_it_with_the_uncompressed_shapes(name):
    network = open_workload(name)
    assert network.name == name
    assert {trace.name: trace.dense_shape[1:] for trace in network.traces}["fc1"] == (500, 800)
