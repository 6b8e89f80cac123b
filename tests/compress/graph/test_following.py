"""Who goes together: half of every group's channels pruned and taken out, on every way from one layer to the next."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import compress
from accelsim.errors import CompressionError
from compress.graph.follow import flows
from compress.graph.shrinking import NotShrunkWarning
from tests.compress.graph.following import Net, halved, shapes

IMAGES = torch.randn(2, 3, 12, 12, generator=torch.Generator().manual_seed(0))


def conv(inputs, filters, kernel=3, **options):
    return nn.Conv2d(inputs, filters, kernel, padding=kernel // 2, **options)


def shuffled(x, groups):
    batch, channels, rows, columns = x.shape
    return x.view(batch, groups, channels // groups, rows, columns).transpose(1, 2).reshape(batch, -1, rows, columns)


def gated(net, x):
    y = net.a(x)
    half = y.shape[1] // 2
    return net.c(y[:, :half] * torch.sigmoid(y[:, half:]))


def split_and_joined(net, x):
    left, right = net.a(x).chunk(2, dim=1)
    return net.c(shuffled(torch.cat([left, net.b(right)], 1), 2))


def squeezed(net, x):
    y = net.a(x)
    return net.c(y * torch.sigmoid(net.e2(F.relu(net.e1(y.mean((2, 3), keepdim=True))))))


def unet(net, x):
    top = net.a(x)
    return net.o(torch.cat([net.u(net.b(F.max_pool2d(top, 2))), top], 1))


WAYS = {  # name -> (network, the shapes that are left)
    "residual": (
        lambda: Net(lambda s, x: s.c(F.relu(s.a(x) + s.n(s.b(F.relu(s.a(x)))))), a=conv(3, 8), b=conv(8, 8),
                    n=nn.BatchNorm2d(8), c=conv(8, 4)),
        {"a.weight": (4, 3, 3, 3), "b.weight": (4, 4, 3, 3), "c.weight": (4, 4, 3, 3)},
    ),
    "concatenation": (
        lambda: Net(lambda s, x: s.c(torch.cat([s.a(x), s.b(x)], 1)), a=conv(3, 4), b=conv(3, 6), c=conv(10, 4)),
        {"a.weight": (2, 3, 3, 3), "b.weight": (3, 3, 3, 3), "c.weight": (4, 5, 3, 3)},
    ),
    "depthwise": (
        lambda: Net(lambda s, x: s.c(s.b(s.a(x))), a=conv(3, 8), b=conv(8, 16, groups=8), c=conv(16, 4)),
        {"a.weight": (4, 3, 3, 3), "b.weight": (8, 1, 3, 3), "c.weight": (4, 8, 3, 3)},
    ),
    "grouped": (
        lambda: Net(lambda s, x: s.c(s.b(s.a(x))), a=conv(3, 8), b=conv(8, 16, groups=4), c=conv(16, 4)),
        {"a.weight": (4, 3, 3, 3), "b.weight": (8, 1, 3, 3), "c.weight": (4, 8, 3, 3)},
    ),
    "channel shuffle": (
        lambda: Net(lambda s, x: s.d(s.c(shuffled(s.b(s.a(x)), 4))), a=conv(3, 64), b=conv(64, 64, groups=4),
                    c=conv(64, 64, 1, groups=4), d=conv(64, 3, 1)),
        {"a.weight": (32, 3, 3, 3), "b.weight": (32, 8, 3, 3), "c.weight": (32, 8, 1, 1), "d.weight": (3, 32, 1, 1)},
    ),
    "torch's channel shuffle": (
        lambda: Net(lambda s, x: s.c(nn.ChannelShuffle(4)(s.a(x))), a=conv(3, 16), c=conv(16, 4)),
        {"a.weight": (8, 3, 3, 3), "c.weight": (4, 8, 3, 3)},
    ),
    "split, branch, shuffle": (
        lambda: Net(split_and_joined, a=conv(3, 16), b=conv(8, 8), c=conv(16, 4)),
        {"a.weight": (8, 3, 3, 3), "b.weight": (4, 4, 3, 3), "c.weight": (4, 8, 3, 3)},
    ),
    "pixel shuffle": (
        lambda: Net(lambda s, x: s.c(F.pixel_shuffle(s.a(x), 2)), a=conv(3, 16), c=conv(4, 2)),
        {"a.weight": (8, 3, 3, 3), "c.weight": (2, 2, 3, 3)},
    ),
    "pixel unshuffle": (
        lambda: Net(lambda s, x: s.c(F.pixel_unshuffle(s.a(x), 2)), a=conv(3, 4), c=conv(16, 2)),
        {"a.weight": (2, 3, 3, 3), "c.weight": (2, 8, 3, 3)},
    ),
    "flatten of a concatenation": (
        lambda: Net(lambda s, x: s.f(torch.cat([s.a(x), s.b(x)], 1).flatten(1)), a=conv(3, 4), b=conv(3, 2),
                    f=nn.Linear(6 * 144, 5)),
        {"a.weight": (2, 3, 3, 3), "b.weight": (1, 3, 3, 3), "f.weight": (5, 3 * 144)},
    ),
    "squeeze and excitation": (
        lambda: Net(squeezed, a=conv(3, 8), e1=conv(8, 4, 1), e2=conv(4, 8, 1), c=conv(8, 4)),
        {"a.weight": (4, 3, 3, 3), "e1.weight": (2, 4, 1, 1), "e2.weight": (4, 2, 1, 1), "c.weight": (4, 4, 3, 3)},
    ),
    "halves as gates": (
        lambda: Net(gated, a=conv(3, 8), c=conv(4, 2)),
        {"a.weight": (4, 3, 3, 3), "c.weight": (2, 2, 3, 3)},
    ),
    "gated linear unit": (
        lambda: Net(lambda s, x: s.c(F.glu(s.a(x), 1)), a=conv(3, 8), c=conv(4, 2)),
        {"a.weight": (4, 3, 3, 3), "c.weight": (2, 2, 3, 3)},
    ),
    "instance norm, scale, PReLU": (
        lambda: Net(lambda s, x: s.c(s.p(s.n(s.a(x))) * s.g.view(1, -1, 1, 1)), a=conv(3, 8), c=conv(8, 2),
                    n=nn.InstanceNorm2d(8, affine=True), p=nn.PReLU(8), g=nn.Parameter(torch.rand(8))),
        {"a.weight": (4, 3, 3, 3), "c.weight": (2, 4, 3, 3)},
    ),
    "transposed": (
        lambda: Net(unet, a=conv(3, 8), b=conv(8, 8), u=nn.ConvTranspose2d(8, 6, 2, 2), o=conv(14, 2)),
        {"a.weight": (4, 3, 3, 3), "b.weight": (4, 4, 3, 3), "u.weight": (4, 3, 2, 2), "o.weight": (2, 7, 3, 3)},
    ),
    "transposed and grouped": (
        lambda: Net(lambda s, x: s.c(s.u(s.a(x))), a=conv(3, 8), u=nn.ConvTranspose2d(8, 12, 2, 2, groups=4),
                    c=conv(12, 2)),
        {"a.weight": (4, 3, 3, 3), "u.weight": (4, 1, 2, 2), "c.weight": (2, 4, 3, 3)},
    ),
    "channels last": (
        lambda: Net(lambda s, x: s.c(s.f(s.a(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)), a=conv(3, 8),
                    f=nn.Linear(8, 6), c=conv(6, 2)),
        {"a.weight": (4, 3, 3, 3), "f.weight": (3, 4), "c.weight": (2, 3, 3, 3)},
    ),
    "rows and columns picked": (
        lambda: Net(lambda s, x: s.c(s.a(x).index_select(2, torch.tensor([3, 0]))[:, :, :, [1, 1, 5]].flip(3)),
                    a=conv(3, 8), c=conv(8, 2)),
        {"a.weight": (4, 3, 3, 3), "c.weight": (2, 4, 3, 3)},
    ),
    "a map of attention": (
        lambda: Net(lambda s, x: s.c(s.a(x) * torch.sigmoid(s.g(s.a(x)))), a=conv(3, 8), g=conv(8, 1), c=conv(8, 2)),
        {"a.weight": (4, 3, 3, 3), "g.weight": (1, 4, 3, 3), "c.weight": (2, 4, 3, 3)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_half_of_all_channels_leave_on_every_way(way):
    torch.manual_seed(0)
    network, left = WAYS[way]
    assert shapes(halved(network(), IMAGES)) == left


@pytest.mark.parametrize(
    ("kind", "norm", "size"),
    [(nn.Conv1d, nn.BatchNorm1d, 1), (nn.Conv2d, nn.BatchNorm2d, 2), (nn.Conv3d, nn.BatchNorm3d, 3)],
)
def test_convolutions_of_every_dimension(kind, norm, size):
    torch.manual_seed(0)
    net = nn.Sequential(kind(2, 8, 3), norm(8), nn.ReLU(), kind(8, 4, 3), nn.Flatten(), nn.Linear(4 * 2**size, 3))
    smaller = halved(net, torch.randn(2, 2, *[6] * size))
    assert shapes(smaller) == {
        "0.weight": (4, 2, *[3] * size), "3.weight": (2, 4, *[3] * size), "5.weight": (3, 2 * 2**size),
    }  # fmt: skip
    assert smaller[1].num_features == 4


FIXED = {  # name -> (network, the layer that stays whole, why)
    "a view to a number": (
        lambda: Net(lambda s, x: s.f(s.a(x).view(-1, 8 * 144)), a=conv(3, 8), f=nn.Linear(8 * 144, 2)),
        "view to a size that the code fixes",
    ),
    "a slice at a number": (
        lambda: Net(lambda s, x: s.c(s.a(x)[:, :4]), a=conv(3, 8), c=conv(4, 2)), "sliced at places"
    ),
    "group norm": (
        lambda: Net(lambda s, x: s.c(s.n(s.a(x))), a=conv(3, 8), n=nn.GroupNorm(2, 8), c=conv(8, 2)),
        "group_norm takes its statistics over the channels",
    ),
    "layer norm": (
        lambda: Net(lambda s, x: s.f(s.n(s.a(x).mean((2, 3)))), a=conv(3, 8), n=nn.LayerNorm(8), f=nn.Linear(8, 2)),
        "layer_norm takes its statistics over the channels",
    ),
    "the input itself": (
        lambda: Net(lambda s, x: s.c(x + s.a(x)), a=conv(3, 3), c=conv(3, 2)), "combined with a tensor whose size"
    ),
    "a function that nobody follows": (
        lambda: Net(lambda s, x: s.c(torch.cummax(s.a(x), 2)[0]), a=conv(3, 8), c=conv(8, 2)), "cummax is not followed"
    ),
    "writing into a tensor": (
        lambda: Net(lambda s, x: _with_zeros(s.a(x), s.c), a=conv(3, 8), c=conv(8, 2)), "writes to places"
    ),
    "the mean over the channels": (
        lambda: Net(lambda s, x: s.c(s.a(x).mean(1, keepdim=True)), a=conv(3, 8), c=conv(1, 2)), "mean is taken over"
    ),
    "their number in a scale": (
        lambda: Net(lambda s, x: s.c(s.a(x) / s.a(x).shape[1]), a=conv(3, 8), c=conv(8, 2)), "computes a number from"
    ),
}  # fmt: skip


def _with_zeros(x, layer):
    x[:, 0] = 0
    return layer(x)


@pytest.mark.parametrize("case", FIXED)
def test_what_is_not_followed_stays_whole_and_is_named_with_its_reason(case):
    torch.manual_seed(0)
    network, why = FIXED[case]
    net = network()
    before = shapes(net)
    with torch.no_grad():
        net.a.weight[::2], net.a.bias[::2] = 0, 0
    groups = compress.groups(net, IMAGES)
    assert why in groups.fixed["a"]
    assert f"fixed: a: {groups.fixed['a']}" in repr(groups)
    assert shapes(compress.shrink(net, IMAGES)) == before


def test_a_table_says_who_goes_together():
    torch.manual_seed(0)
    net = Net(lambda s, x: s.f((s.n(s.a(x)) + s.b(x)).mean((2, 3))), a=conv(3, 8), n=nn.BatchNorm2d(8), b=conv(3, 8),
              f=nn.Linear(8, 2))  # fmt: skip
    groups = compress.groups(net, IMAGES)
    assert repr(groups).splitlines() == [
        "1 group of 2 layers",
        "units  fixed  written by  through  read by",
        "    8         a, b        n        f",
        "fixed: f: it is the network's output",
    ]
    assert repr(groups[0]) == "Group(8 units; written by a, b; read by f)"
    assert (len(groups), groups.writers, groups[0].free) == (1, ("a", "b"), tuple(range(8)))
    assert [(flow.producer, flow.norms, flow.consumers) for flow in flows(net, IMAGES)] == [
        ("a", {"n"}, ["f"]), ("b", {"n"}, ["f"]),
    ]  # fmt: skip


def test_part_of_a_group_may_be_fixed():
    """Of eight channels the last four meet zeros whose number the code fixes."""
    torch.manual_seed(0)
    net = Net(lambda s, x: s.c(F.pad(s.b(x), (0, 0, 0, 0, 0, 4)) + s.a(x)), a=conv(3, 8), b=conv(3, 4), c=conv(8, 2))
    (group,) = compress.groups(net, IMAGES)
    assert (group.units, group.fixed, group.free) == (8, 4, (0, 1, 2, 3))
    assert "(8 units, 4 fixed" in repr(group)
    assert shapes(halved(net, IMAGES)) == {"b.weight": (2, 3, 3, 3), "a.weight": (6, 3, 3, 3), "c.weight": (2, 6, 3, 3)}


def test_layers_that_do_not_run_and_weights_of_no_layer_are_named():
    torch.manual_seed(0)
    net = Net(lambda s, x: s.c(s.a(x)), a=conv(3, 8), c=conv(8, 2), idle=conv(2, 2), pair=nn.Bilinear(3, 4, 5))
    groups = compress.groups(net, IMAGES)
    assert groups.unfollowed == {"idle": "it did not run on the example"}
    assert groups.other_weights == ("pair.weight",)
    assert "not followed: idle: it did not run on the example" in repr(groups)
    with pytest.warns(NotShrunkWarning, match=r"nothing was removed of idle \(it did not run"):
        compress.shrink(net, IMAGES)


def test_a_weight_that_a_rule_makes_is_named_and_shrunk_as_what_it_is():
    torch.manual_seed(0)
    net = Net(lambda s, x: s.c(s.a(x)), a=nn.utils.parametrizations.weight_norm(conv(3, 8)), c=conv(8, 2))
    assert compress.groups(net, IMAGES).fixed["a"] == "a parametrization makes its weight"
    with torch.no_grad():
        net.a.parametrizations.weight.original0[:3] = 0
        net.a.bias[:3] = 0
    smaller = compress.shrink(net, IMAGES)
    assert smaller.c.weight.shape == (2, 5, 3, 3)
    assert torch.allclose(smaller(IMAGES), net(IMAGES), atol=1e-5)
    assert "a.parametrizations.weight.original0" in net.state_dict()


class Remembering(nn.Module):
    """Refuses any other number of channels than it was made with."""

    def forward(self, x):
        if int(x.shape[1]) != 8:
            raise ValueError("8 channels, please")
        return x


def test_a_group_without_which_the_model_does_not_run_stays_and_is_named():
    torch.manual_seed(0)
    net = Net(lambda s, x: s.d(s.c(s.r(s.a(x)))), a=conv(3, 8), r=Remembering(), c=conv(8, 6), d=conv(6, 2)).eval()
    with torch.no_grad():
        for layer in (net.a, net.c):
            layer.weight[::2], layer.bias[::2] = 0, 0
    with pytest.warns(NotShrunkWarning, match="nothing was removed of a: without it"):
        smaller = compress.shrink(net, IMAGES)
    assert shapes(smaller) == {"a.weight": (8, 3, 3, 3), "c.weight": (3, 8, 3, 3), "d.weight": (2, 3, 3, 3)}


def test_a_model_that_does_not_run_is_refused_with_its_own_words():
    with pytest.raises(CompressionError, match="Sequential cannot be followed on the example: RuntimeError"):
        compress.groups(nn.Sequential(conv(3, 8), conv(4, 2)), IMAGES)


def test_following_leaves_no_hooks_and_no_marks():
    net = Net(lambda s, x: s.c(s.a(x)), a=conv(3, 8), c=conv(8, 2))
    x = IMAGES.clone()
    compress.groups(net, x)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())
    assert vars(x) == {}


class Doubled(torch.autograd.Function):
    """torch's functions inside one of the model's own."""

    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, grad):
        return grad * 2


class Foreign(nn.Module):
    """Torch shows nothing of what it calls."""

    def forward(self, x):
        with torch._C.DisableTorchFunction():
            return x * 2


def test_functions_with_gradients_of_their_own_are_followed():
    torch.manual_seed(0)
    net = Net(lambda s, x: s.c(Doubled.apply(s.a(x))), a=conv(3, 8), c=conv(8, 2))
    assert shapes(halved(net, IMAGES)) == {"a.weight": (4, 3, 3, 3), "c.weight": (2, 4, 3, 3)}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_model_with_code_that_torch_does_not_show_is_refused():
    def network(part):
        return Net(lambda s, x: s.c(s.r(s.a(x))), a=conv(3, 8), r=part, c=conv(8, 2))

    with pytest.raises(CompressionError, match="module 'r' computes by something else than torch's functions"):
        compress.groups(network(Foreign()), IMAGES)
    with pytest.raises(CompressionError, match="module 'r' is TorchScript"):
        compress.groups(network(torch.jit.script(nn.Sequential(nn.ReLU()))), IMAGES)
    with pytest.raises(CompressionError, match=r"it decides by the numbers of a tensor \(numpy\)"):
        compress.groups(Net(lambda s, x: torch.from_numpy(s.a(x).numpy()), a=conv(3, 8)), IMAGES)


def test_marks_of_an_earlier_run_count_for_nothing():
    torch.manual_seed(0)
    net = Net(lambda s, x: s.c(s.a(x) * s.constant.contiguous()), a=conv(3, 8), c=conv(8, 2))
    net.constant = torch.ones(1)  # no buffer: contiguous() returns the tensor itself
    first, second = compress.groups(net, IMAGES), compress.groups(net, IMAGES)
    assert repr(first) == repr(second)
    assert not any(vars(parameter) for parameter in net.parameters())
