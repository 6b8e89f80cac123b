"""The networks of the zoo: their published counts, torchvision's names, and what makes each of them that network."""

import re
import time

import pytest
import torch
from torch import nn

import workloads
from accelsim import ConvGeometry, GemmTrace
from accelsim.errors import UnknownNameError
from accelsim.trace.operator import Operator
from accelsim.trace.serialization import brief, restore
from workloads.models.resnet_cifar import PaddedShortcut
from workloads.shapes import FOLDER, INPUTS
from workloads.shapes.entries import operator_entry, restored_operator

COUNTS = {  # (parameters, MACs of one inference, conv and linear layers)
    "alexnet": (61_100_840, 714_188_480, 8),
    "densenet121": (7_978_856, 2_834_161_664, 121),
    "efficientnet_lite0": (4_652_008, 385_187_552, 50),
    "googlenet": (6_624_904, 1_498_376_192, 58),
    "mobilenet_v1": (4_231_976, 568_740_352, 28),
    "mobilenet_v2": (3_504_872, 300_774_272, 53),
    "resnet18": (11_689_512, 1_814_073_344, 21),
    "resnet34": (21_797_672, 3_663_761_408, 37),
    "resnet50": (25_557_032, 4_089_184_256, 54),
    "resnet56": (853_018, 125_485_696, 56),
    "squeezenet1_0": (1_248_424, 818_924_576, 26),
    "vgg16": (138_357_544, 15_470_264_320, 16),
    "vgg19": (143_667_240, 19_632_062_464, 19),
}
KEYS = {  # of torchvision's state_dict, or of timm's and akamaster's where torchvision has no such network
    "alexnet": {
        "features.0.weight": (64, 3, 11, 11),
        "features.10.bias": (256,),
        "classifier.1.weight": (4096, 9216),
        "classifier.6.weight": (1000, 4096),
    },
    "densenet121": {
        "features.conv0.weight": (64, 3, 7, 7),
        "features.denseblock1.denselayer1.norm1.running_var": (64,),
        "features.denseblock4.denselayer16.conv1.weight": (128, 992, 1, 1),
        "features.transition3.conv.weight": (512, 1024, 1, 1),
        "features.norm5.weight": (1024,),
        "classifier.bias": (1000,),
    },
    "efficientnet_lite0": {
        "conv_stem.weight": (32, 3, 3, 3),
        "blocks.0.0.conv_dw.weight": (32, 1, 3, 3),
        "blocks.1.0.conv_pw.weight": (96, 16, 1, 1),
        "blocks.5.3.conv_dw.weight": (1152, 1, 5, 5),
        "blocks.6.0.conv_pwl.weight": (320, 1152, 1, 1),
        "conv_head.weight": (1280, 320, 1, 1),
        "bn2.running_mean": (1280,),
    },
    "googlenet": {
        "conv1.conv.weight": (64, 3, 7, 7),
        "conv1.bn.running_mean": (64,),
        "inception3a.branch1.conv.weight": (64, 192, 1, 1),
        "inception4e.branch2.1.conv.weight": (320, 160, 3, 3),
        "inception5b.branch3.1.conv.weight": (128, 48, 3, 3),
        "inception5b.branch4.1.bn.weight": (128,),
        "fc.weight": (1000, 1024),
    },
    "mobilenet_v1": {
        "conv_stem.weight": (32, 3, 3, 3),
        "blocks.0.0.conv_dw.weight": (32, 1, 3, 3),
        "blocks.3.5.conv_pw.weight": (512, 512, 1, 1),
        "blocks.4.1.bn2.weight": (1024,),
        "classifier.weight": (1000, 1024),
    },
    "mobilenet_v2": {
        "features.0.0.weight": (32, 3, 3, 3),
        "features.1.conv.0.0.weight": (32, 1, 3, 3),
        "features.1.conv.1.weight": (16, 32, 1, 1),
        "features.2.conv.1.0.weight": (96, 1, 3, 3),
        "features.17.conv.3.num_batches_tracked": (),
        "features.18.0.weight": (1280, 320, 1, 1),
        "classifier.1.weight": (1000, 1280),
    },
    "resnet18": {
        "conv1.weight": (64, 3, 7, 7),
        "layer2.0.downsample.0.weight": (128, 64, 1, 1),
        "layer2.0.downsample.1.running_mean": (128,),
        "layer4.1.conv2.weight": (512, 512, 3, 3),
        "fc.bias": (1000,),
    },
    "resnet34": {"layer3.5.bn2.running_var": (256,), "layer1.2.conv1.weight": (64, 64, 3, 3)},
    "resnet50": {
        "layer1.0.downsample.0.weight": (256, 64, 1, 1),
        "layer1.0.conv3.weight": (256, 64, 1, 1),
        "layer4.2.bn3.weight": (2048,),
        "fc.weight": (1000, 2048),
    },
    "resnet56": {"layer1.8.conv2.weight": (16, 16, 3, 3), "layer3.0.bn1.bias": (64,), "linear.weight": (10, 64)},
    "squeezenet1_0": {
        "features.0.weight": (96, 3, 7, 7),
        "features.3.squeeze.weight": (16, 96, 1, 1),
        "features.12.expand3x3.bias": (256,),
        "classifier.1.weight": (1000, 512, 1, 1),
    },
    "vgg16": {"features.28.weight": (512, 512, 3, 3), "classifier.0.weight": (4096, 25088)},
    "vgg19": {"features.34.bias": (512,), "classifier.6.weight": (1000, 4096)},
}


def empty(name: str) -> nn.Module:
    """A network without memory for its weights: enough to count and to name."""
    with torch.device("meta"):
        return workloads.model(name).eval()


@pytest.mark.parametrize("name", COUNTS)
def test_parameters_macs_and_layers_are_the_published_ones(name):
    found = workloads.load(name)
    parameters = sum(p.numel() for p in empty(name).parameters())
    assert (parameters, found.macs, len(found)) == COUNTS[name]


@pytest.mark.parametrize("name", COUNTS)
def test_weights_of_the_shapes_are_those_of_the_model(name):
    model = empty(name)
    for trace in workloads.load(name):
        weight = model.get_submodule(trace.name).weight
        assert (trace.groups * trace.N, trace.K) == (weight.shape[0], weight[0].numel())


@pytest.mark.parametrize("name", KEYS)
def test_the_state_has_the_names_of_known_checkpoints(name):
    state = {key: tuple(value.shape) for key, value in empty(name).state_dict().items()}
    assert {key: state.get(key) for key in KEYS[name]} == KEYS[name]


@pytest.mark.parametrize("name", COUNTS)
def test_logits_of_a_batch(name):
    logits = empty(name)(torch.empty(3, *INPUTS[name], device="meta"))
    assert logits.shape == (3, 10 if name == "resnet56" else 1000)


@pytest.mark.parametrize("name", ["resnet56", "squeezenet1_0", "mobilenet_v2", "densenet121", "googlenet"])
def test_every_weight_is_reached(name):
    """A forward and a backward pass on small images: no layer is left out."""
    torch.manual_seed(0)
    model = workloads.model(name)
    model(torch.randn(2, 3, 64, 64)).square().sum().backward()
    assert [key for key, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all()] == []


# what makes them these networks


def test_depthwise_layers_have_a_group_a_channel():
    found = workloads.load("mobilenet_v1")
    depthwise = [t for t in found if t.name.endswith("conv_dw")]
    assert [t.groups for t in depthwise] == [32, 64, 128, 128, 256, 256, *6 * [512], 1024]
    assert {(t.N, t.K) for t in depthwise} == {(1, 9)}
    assert {t.groups for t in found if not t.name.endswith("conv_dw")} == {1}


def test_resnet56_has_the_filters_of_the_pruning_papers_and_no_conv_in_a_shortcut():
    found = workloads.load("resnet56")
    assert sum(t.N for t in found if t.kind == "conv") == 2032
    assert not [key for key in empty("resnet56").state_dict() if "shortcut" in key]


def test_the_padded_shortcut_keeps_every_second_pixel_between_zeros():
    x = torch.arange(2 * 4 * 4 * 4.0).reshape(2, 4, 4, 4) + 1
    out = PaddedShortcut(extra=4, stride=2)(x)
    assert out.shape == (2, 8, 2, 2)
    assert torch.equal(out[:, 2:6], x[:, :, ::2, ::2])
    assert not out[:, :2].any()
    assert not out[:, 6:].any()


def test_a_bottleneck_strides_in_its_3x3_conv():
    geometry = {t.name: t.conv for t in workloads.load("resnet50")}
    assert geometry["layer2.0.conv1"].stride == (1, 1)
    assert geometry["layer2.0.conv2"].stride == (2, 2)
    assert geometry["layer2.0.downsample.0"].stride == (2, 2)


def test_residuals_join_where_shapes_agree():
    blocks = [m for m in empty("mobilenet_v2").features if hasattr(m, "residual")]
    assert "".join("+" if b.residual else "-" for b in blocks) == "--+-++-+++-++-++-"
    stages = empty("efficientnet_lite0").blocks[1:]
    assert ["".join("-+"[b.residual] for b in s) for s in stages] == ["-+", "-+", "-++", "-++", "-+++", "-"]


def test_densenet_reads_the_key_names_of_torchvisions_file():
    model = empty("densenet121")
    old = {re.sub(r"\.(norm|conv)([12])\.", r".\1.\2.", key): value for key, value in model.state_dict().items()}
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    assert "features.transition1.norm.weight" in old
    model.load_state_dict(old, assign=True)
    with pytest.raises(RuntimeError, match=r"denselayer1\.norm3"):
        model.load_state_dict({**old, "features.denseblock1.denselayer1.norm3.weight": torch.empty(1)}, assign=True)


# the shapes that ship


def test_shapes_are_read_in_no_time():
    workloads.load("resnet50")
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        workloads.load("resnet50")
        seconds.append(time.perf_counter() - started)
    assert min(seconds) < 0.2


def test_shapes_take_few_bytes():
    for name in ("resnet50", "densenet121"):
        network = workloads.load(name)
        items = 170 * (len(network) + len(network.operators))
        assert (FOLDER / f"{name}.json").stat().st_size < items + 100 * len(network.graph)


def test_an_entry_gives_back_its_trace():
    conv = ConvGeometry(2, 3, 9, 8, (3, 1), (2, 1), (1, 0), (1, 2))
    traces = [
        GemmTrace("all", N=5, groups=3, repeat=7, conv=conv, kind="depthwise"),
        GemmTrace("usual", N=5, conv=ConvGeometry(1, 3, 9, 8, (3, 3))),
        GemmTrace("linear", M=2, N=3, K=4),
        GemmTrace("other", M=2, N=3, K=4, groups=2, repeat=3, kind="lstm"),
        GemmTrace("ternary", M=2, N=3, K=4, weight_bits=2, weight_coding="ternary", operation="mac", dense_groups=3),
        GemmTrace("book", M=2, N=2, K=4, weight_coding="codebook", codebook_bits=4, dense_shape=(2, 9, 9)),
        GemmTrace("bits", M=2, N=2, K=4, activation_bits=4, filter_bits=[3, 5]),
    ]
    fields = ("name", "M", "N", "K", "groups", "kind", "repeat", "conv", "dense_shape", "dense_groups")
    fields += ("number_format", "operation")
    for trace in traces:
        back = restore(brief(trace), "", {}, "a shape", whole=False)
        assert [getattr(back, field) for field in fields] == [getattr(trace, field) for field in fields]
    assert brief(traces[2]) == {"name": "linear", "M": 2, "N": 3, "K": 4}


def test_an_entry_gives_back_its_operator():
    operators = [
        Operator("relu", "relu", "conv", 6, 6, 6, fused=True),
        Operator("norm", "layer_norm", "relu", 6, 6, 60, 4, activation_bits=6, repeat=3),
    ]
    assert [restored_operator(operator_entry(o)) for o in operators] == operators
    assert operator_entry(operators[0]).keys() == {"name", "op", "after", "inputs", "outputs", "work", "fused"}


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("resnet51", "resnet5"),
        ("vgg17", "vgg1"),
        ("alexnett", "alexnet"),
        ("mobilenetv2", "mobilenet_v2"),
        ("Densenet-121", "densenet121"),
        ("squeezenet", "squeezenet1_0"),
        ("efficientnet-lite", "efficientnet_lite0"),
    ],
)
def test_a_name_that_is_wrong_gets_the_nearest(wrong, right):
    for function in (workloads.load, workloads.model):
        with pytest.raises(UnknownNameError, match=f"did you mean '{right}"):
            function(wrong)
