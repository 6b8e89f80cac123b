"""Networks for CIFAR, Caffe's AlexNet and the deeper ResNets: parameters and MACs counted by hand from their tables."""

import pytest
import torch

import workloads
from workloads.shapes import FOLDER, INPUTS, traced

CIFAR = ("vgg16_bn_cifar", "vgg19_bn_cifar", "resnet18_cifar", "mobilenet_v2_cifar")
NEW = (*CIFAR, "alexnet_caffe", "resnet101", "resnet152")

Conv = tuple[int, int, int, int]  # (output pixels a side, filters, reduction, groups)


def macs(convs, linears):
    return sum(side**2 * n * k for side, n, k, _ in convs) + sum(n * k for n, k in linears)


def weights(convs, linears):
    return sum(n * k for _, n, k, _ in convs) + sum(n * k for n, k in linears)


def filters(convs):
    return sum(n for _, n, _, _ in convs)


def vgg(depths):
    """3 x 3 convs on 32 x 32, halved behind each stage."""
    convs, channels = [], 3
    for stage, (width, depth) in enumerate(zip((64, 128, 256, 512, 512), depths, strict=True)):
        for _ in range(depth):
            convs.append((32 >> stage, width, 9 * channels, 1))
            channels = width
    return convs, [(10, 512)]


def resnet18():
    """A stem of 64 filters, four stages of two blocks, and a 1 x 1 shortcut where the width doubles."""
    convs = [(32, 64, 27, 1)]
    for stage, width in enumerate((64, 128, 256, 512)):
        side, before = 32 >> stage, max(64, width // 2)
        convs += [(side, width, 9 * (before if stage else 64), 1), *3 * [(side, width, 9 * width, 1)]]
        convs += [(side, width, before, 1)] if stage else []
    return convs, [(10, 512)]


def bottlenecks(depths):
    """224 x 224: a 7 x 7 stem, pooling, and blocks 1 x 1, 3 x 3 (with the stride), 1 x 1 of four times the width."""
    convs, channels = [(112, 64, 147, 1)], 64
    for stage, (width, depth) in enumerate(zip((64, 128, 256, 512), depths, strict=True)):
        side = 56 >> stage
        for block in range(depth):
            first = side * 2 if block == 0 and stage else side
            convs += [(first, width, channels, 1), (side, width, 9 * width, 1), (side, 4 * width, width, 1)]
            convs += [(side, 4 * width, channels, 1)] if block == 0 else []
            channels = 4 * width
    return convs, [(1000, 2048)]


def mobilenet():
    """(expansion, filters, blocks, stride) of each stage behind a stem that keeps 32 x 32."""
    convs, channels, side = [(32, 32, 27, 1)], 32, 32
    stages = [(1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
    for expansion, width, blocks, stride in stages:
        for block in range(blocks):
            inner, after = channels * expansion, side // (stride if block == 0 else 1)
            convs += [(side, inner, channels, 1)] if expansion > 1 else []
            convs += [(after, inner, 9, inner), (after, width, inner, 1)]
            channels, side = width, after
    return [*convs, (side, 1280, channels, 1)], [(10, 1280)]


CAFFE = (  # Krizhevsky et al., NIPS 2012, section 3.5: conv2, conv4 and conv5 see half of the channels
    [(55, 96, 363, 1), (27, 256, 1200, 2), (13, 384, 2304, 1), (13, 384, 1728, 2), (13, 256, 1728, 2)],
    [(4096, 9216), (4096, 4096), (1000, 4096)],
)
NETWORKS = {  # its layers, published parameters and MACs, and biases by filter: conv bias and 2 of a batch norm
    "vgg16_bn_cifar": (vgg((2, 2, 3, 3, 3)), 14_728_266, 313_201_664, 3),
    "vgg19_bn_cifar": (vgg((2, 2, 4, 4, 4)), 20_040_522, 398_136_320, 3),
    "resnet18_cifar": (resnet18(), 11_173_962, 555_422_720, 2),
    "mobilenet_v2_cifar": (mobilenet(), 2_236_682, 87_976_448, 2),
    "alexnet_caffe": (CAFFE, 60_965_224, 724_406_816, 1),
    "resnet101": (bottlenecks((3, 4, 23, 3)), 44_549_160, 7_801_405_440, 2),
    "resnet152": (bottlenecks((3, 8, 36, 3)), 60_192_808, 11_513_626_624, 2),
}


@pytest.mark.parametrize("name", NEW)
def test_parameters_and_macs_are_those_of_the_tables(name):
    (convs, linears), parameters, products, by_filter = NETWORKS[name]
    by_hand = weights(convs, linears) + by_filter * filters(convs) + sum(n for n, _ in linears)
    with torch.device("meta"):
        model = workloads.model(name)
    assert sum(p.numel() for p in model.parameters()) == by_hand == parameters
    network = workloads.load(name)
    assert network.macs == macs(convs, linears) == products
    shapes = sorted((t.M, t.groups * t.N, t.K, t.groups) for t in network)
    assert shapes == sorted([*((s * s, n, k, g) for s, n, k, g in convs), *((1, n, k, 1) for n, k in linears)])


@pytest.mark.parametrize("name", NEW)
def test_the_shapes_that_ship_are_the_models(name):
    assert (FOLDER / f"{name}.json").read_text() == traced(name)


def test_caffes_alexnet_has_its_groups_and_weights():
    network = workloads.load("alexnet_caffe")
    convs = [t for t in network if t.kind == "conv"]
    assert [t.groups for t in convs] == [1, 2, 1, 2, 2]
    assert sum(t.groups * t.N * t.K for t in convs) == 2_332_704
    assert [o.op for o in network.operators].count("max_pool") == 3


@pytest.mark.parametrize("name", CIFAR)
def test_networks_for_cifar_learn_from_a_batch(name):
    """Every weight has a gradient, and logits are of ten classes."""
    torch.manual_seed(0)
    model = workloads.model(name)
    logits = model(torch.randn(2, *INPUTS[name]))
    assert logits.shape == (2, 10)
    logits.square().sum().backward()
    assert [key for key, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all()] == []


def test_the_state_of_a_cifar_network_has_known_names():
    with torch.device("meta"):
        vgg16, resnet = workloads.model("vgg16_bn_cifar").state_dict(), workloads.model("resnet18_cifar").state_dict()
    assert vgg16["features.40.weight"].shape == (512, 512, 3, 3)
    assert vgg16["features.41.running_var"].shape == (512,)
    assert vgg16["classifier.weight"].shape == (10, 512)
    assert resnet["conv1.weight"].shape == (64, 3, 3, 3)
    assert resnet["layer2.0.downsample.0.weight"].shape == (128, 64, 1, 1)
