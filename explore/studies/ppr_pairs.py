"""The published pairs at the same accuracy, each by its own network's layers, rates and bits.

Nothing is taken from other layers, and no rate is interpolated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import workloads
from accelsim.hardware.loading import load_hardware
from accelsim.trace.gemm import GemmTrace
from accelsim.trace.workload import Workload

from ..reproduce.cell import Printed
from ..reproduce.storage_tables import Paired, paired_rows
from .ppr_designs import COMPARISONS, DESIGNS, Design, design
from .ppr_knobs import KNOBS
from .ppr_points import ONE_SEED, SEEDS, against_dense

SPARSE = "non-structured"
FORMS = ("columns", "filters and channels")  # of structured pruning: the paper does the first, then the second
IMAGE_CHANNELS = 3  # at most so many inputs of the first layer, which nobody prunes


class Network(NamedTuple):
    """A network of the zoo and the profile of a pair's rates and bits, without its branch."""

    network: str
    profile: str


PAIRS: Mapping[str, Network] = {
    "VIII AlexNet, ImageNet": Network("alexnet_caffe", "admm_nn_s"),
    "IX ResNet-18, ImageNet (1)": Network("resnet18", "admm_nn_s"),
    "IX ResNet-18, ImageNet (2)": Network("resnet18", "admm_nn_s_1pct"),
    "X MobileNet-V2, ImageNet": Network("mobilenet_v2", "admm_nn_s"),
    "XI VGG-16, CIFAR-10": Network("vgg16_bn_cifar", "admm_nn_s_cifar10"),
    "XII ResNet-18, CIFAR-10": Network("resnet18_cifar", "admm_nn_s_cifar10"),
    "XIII MobileNet-V2, CIFAR-10": Network("mobilenet_v2_cifar", "admm_nn_s_cifar10"),
    "XIV LeNet-5, MNIST": Network("lenet5", "admm_nn_s"),
}


def _printed(pair: str) -> Paired:
    return next(rows for rows in paired_rows() if rows.name == pair)


def printed_rates(pair: str) -> tuple[float, float]:
    """The non-structured and the structured pruning rate of a pair, as 001 prints them."""
    of = _printed(pair)
    return Printed.read(of.sparse["rate"]).value, Printed.read(of.structured["rate"]).value


@dataclass(frozen=True)
class PairPoint:
    """One branch of a pair: the non-structured network on a design, or a structured one on the design's dense machine.

    `branch` is SPARSE or one of FORMS; `setting` names a variant of the design (KNOBS), "" the design itself.
    """

    design: str
    pair: str
    branch: str
    comparison: str
    setting: str = ""
    seeds: tuple[int, ...] = SEEDS

    def label(self) -> dict[str, Any]:
        """The first columns of its row."""
        return {
            "design": self.design, "workload": self.pair, "comparison": self.comparison, "pattern": "pair",
            "branch": self.branch, "setting": self.setting,
        }  # fmt: skip

    def measure(self) -> dict[str, Any]:
        """PPR of the branch's conv layers, all seeds together, against the same uncompressed layers."""
        settings = KNOBS[self.design][self.setting] if self.setting else {}
        dense, sparse = COMPARISONS[self.comparison](load_hardware(design(self.design).hardware, **settings))
        network = PAIRS[self.pair].network
        traces, original = [], []
        for seed in self.seeds:
            traces += [replace(layer, name=f"{layer.name}@{seed}") for layer in branch_layers(self, seed)]
            original += [replace(layer, name=f"{layer.name}@{seed}") for layer in _conv_layers(network)]
        machine = sparse if self.branch == SPARSE else dense
        workload = Workload(f"{self.pair}, {self.branch}", traces)
        return against_dense(workload, dense, machine, Workload(network, original))


def branch_layers(point: PairPoint, seed: int) -> list[GemmTrace]:
    """The conv layers of a branch at the pair's rate and bits; all patterns and columns are drawn from `seed`."""
    network, profile = PAIRS[point.pair]
    if point.branch == FORMS[1]:
        return smaller(_conv_layers(network), printed_rates(point.pair)[1], _printed(point.pair).structured["bits"])
    branch = "nonstructured" if point.branch == SPARSE else "structured"
    loaded = workloads.load(network, profile=f"{profile}_{branch}", seed=seed)
    return [trace for trace in loaded.traces if trace.kind == "conv"]


def _conv_layers(network: str) -> list[GemmTrace]:
    return [trace for trace in workloads.load(network).traces if trace.kind == "conv"]


def smaller(layers: list[GemmTrace], rate: float, weight_bits: int) -> list[GemmTrace]:
    """The layers with the same share of filters, and of the channels that these make, removed from each.

    The share is the one at which all layers together have 1/rate of the weights, as near as whole filters allow; one
    at least stays everywhere. The first layer keeps the image's channels; a depthwise layer loses groups, and one of a
    few groups as much of each.
    """
    target = sum(_weights(layer) for layer in layers) / rate
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        is_small = sum(map(_weights, _scaled(layers, middle, weight_bits))) < target
        low, high = (middle, high) if is_small else (low, middle)
    options = [_scaled(layers, share, weight_bits) for share in (low, high)]
    return min(options, key=lambda option: abs(sum(map(_weights, option)) - target))


def _scaled(layers: list[GemmTrace], share: float, weight_bits: int) -> list[GemmTrace]:
    grain = max((layer.groups for layer in layers if not _is_depthwise(layer)), default=1)

    def fewer(number: int) -> int:
        """As many of each group, so that what one layer makes is what the next one reads."""
        return grain * max(1, round(number * share / grain))

    scaled = []
    for layer in layers:
        assert layer.conv is not None
        channels, groups, filters = layer.conv.channels, layer.groups, layer.N
        if _is_depthwise(layer):
            groups = fewer(groups)
        else:
            filters = fewer(groups * filters) // groups
            is_image = channels <= IMAGE_CHANNELS and layer is layers[0]
            channels = channels if is_image else fewer(groups * channels) // groups
        scaled.append(
            GemmTrace(
                layer.name, N=filters, groups=groups, conv=replace(layer.conv, channels=channels),
                dense_shape=(layer.M, layer.N, layer.K), dense_groups=layer.groups, weight_bits=weight_bits,
                operation=layer.operation,
            )
        )  # fmt: skip
    return scaled


def _is_depthwise(layer: GemmTrace) -> bool:
    return layer.groups > 1 and layer.N == 1


def _weights(layer: GemmTrace) -> int:
    return layer.groups * layer.N * layer.K


def pair_points(quick: bool) -> list[PairPoint]:
    """Every pair on every design that runs conv layers at any rate; the quick study has LeNet-5's alone, once."""
    pairs = [pair for pair in PAIRS if not quick or PAIRS[pair].network == "lenet5"]
    return [
        PairPoint(
            known.name,
            pair,
            branch,
            comparison,
            setting,
            SEEDS if comparison == "mac" and not (quick or setting) else ONE_SEED,
        )
        for known in judged_designs()
        for pair in pairs
        for comparison in ("mac", "area")
        for setting in ("", *(KNOBS.get(known.name, {}) if comparison == "mac" and not quick else ()))
        for branch in (SPARSE, *FORMS)
    ]


def judged_designs() -> list[Design]:
    """The designs that run conv layers of any pattern and rate."""
    return [known for known in DESIGNS if known.conv and known.pattern != "n:m"]
