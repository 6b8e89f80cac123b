"""Every method on every kind of layer that has weights: penalties, masks, quantizers, hardening and what is left."""

import numpy as np
import pytest
import torch
from torch import nn

import compress
from accelsim.errors import CompressionError, UnknownNameError
from compress.granularity.constraints import Channels, Columns, Filters, Unstructured
from compress.layers import layer, weights
from tests.compress.networks import images, made

WORDS = torch.arange(42).view(6, 7) % 20
VOLUMES = torch.randn(6, 1, 4, 4, 4, generator=torch.Generator().manual_seed(0))
NAMES = [method.name for method in compress.methods()]
FAMILIES = {method.name: method.family for method in compress.methods()}
SOME_LAYERS = ("admm_filter", "admm_channel", "admm_column", "admm_combined", "simd_blocks", "pattern_kernel", "n_m")
SETTINGS = {("pattern_kernel", "Signal"): {"entries": 2}}  # of three taps


class Signal(nn.Module):
    """An embedding, 1-D convolutions there and back, an LSTM of two directions, a GRU, attention, linear layers."""

    example = WORDS

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(20, 8)
        self.conv, self.up, self.norm = (
            nn.Conv1d(8, 12, 3, padding=1),
            nn.ConvTranspose1d(12, 10, 3, padding=1),
            nn.BatchNorm1d(10),
        )
        self.lstm = nn.LSTM(10, 8, batch_first=True, bidirectional=True)
        self.gru = nn.GRU(16, 12, batch_first=True)
        self.attention = nn.MultiheadAttention(12, 3, batch_first=True)
        self.hidden, self.last = nn.Linear(12, 10), nn.Linear(10, 4)

    def forward(self, ids):
        x = torch.relu(self.conv(self.embedding(ids).transpose(1, 2)))
        x = self.gru(self.lstm(torch.relu(self.norm(self.up(x))).transpose(1, 2))[0])[0]
        x = x + self.attention(x, x, x, need_weights=False)[0]
        return self.last(torch.relu(self.hidden(x.mean(1))))


class Volume(nn.Module):
    """3-D convolutions: plain, depthwise, transposed in groups."""

    example = VOLUMES

    def __init__(self):
        super().__init__()
        self.conv, self.depthwise = nn.Conv3d(1, 6, 3, padding=1), nn.Conv3d(6, 6, 3, groups=6, padding=1)
        self.up = nn.ConvTranspose3d(6, 4, 2, 2, groups=2)
        self.hidden, self.last = nn.Linear(4, 6), nn.Linear(6, 4)

    def forward(self, x):
        x = self.up(torch.relu(self.depthwise(torch.relu(self.conv(x)))))
        return self.last(torch.relu(self.hidden(x.mean((2, 3, 4)))))


def train(model, method, steps):
    optimizer = method.wrap_optimizer(torch.optim.Adam(model.parameters(), lr=3e-3))
    model.train()
    for _ in range(steps):

        def closure():
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(model.example), torch.arange(6) % 4) + method.penalty()
            loss.backward(create_graph=method.second_order)
            return loss

        optimizer.step(closure)
        method.step()


@pytest.mark.parametrize("network", [Signal, Volume])
@pytest.mark.parametrize("name", NAMES)
def test_a_method_runs_whole_and_its_constraint_holds(name, network):
    torch.manual_seed(0)
    model = network()
    keys = set(model.state_dict())
    settings = SETTINGS.get((name, network.__name__), {})
    method = compress.create(name, model, example_input=model.example[:2], **settings)
    train(model, method, 3)
    method.calibrate([(model.example, torch.arange(6) % 4)])
    method.harden()
    zeros = {n: w.weight == 0 for n, w in weights(model).items()}
    train(model, method, 2)
    before = model.eval()(model.example).detach()
    finished = method.finalize()
    assert set(finished.state_dict()) == keys
    assert torch.allclose(finished.eval()(model.example), before, atol=1e-5)
    after = {n: w.weight.detach() for n, w in weights(finished).items()}
    check(name, method, finished, after, zeros)
    smaller = compress.shrink(finished, model.example[:2])
    assert torch.allclose(smaller.eval()(model.example), before, atol=1e-5)


def check(name, method, finished, after, zeros):
    codes = method.codes(finished)
    for layer_name, code in codes.items():
        assert np.allclose(code.decoded(), after[layer_name].numpy(), rtol=1e-4, atol=1e-6)
    if FAMILIES[name] in ("quantizer", "pow2", "binary_ternary"):
        assert set(codes) == set(after) if name != "xnor_net" else len(codes) >= 2
        return
    assert all(not bool(after[n][zero].any()) for n, zero in zeros.items())
    pruned = {n for n, weight in after.items() if bool((weight == 0).any())}
    assert pruned == set(after) if name not in SOME_LAYERS else pruned
    assert set(method.constraints) <= pruned


def test_a_mask_on_a_recurrent_weight_holds_in_what_the_layer_computes():
    torch.manual_seed(0)
    model = nn.Sequential(nn.LSTM(5, 4, batch_first=True))
    x = torch.randn(2, 3, 5)
    pruner = compress.ADMMPruner(model, {"0.weight_hh_l0": Unstructured(6), "0.weight_ih_l0": Unstructured(20)})
    pruner.harden()
    masked, _ = model(x)[0].detach(), pruner.finalize()
    plain = nn.LSTM(5, 4, batch_first=True)
    plain.load_state_dict(model[0].state_dict())
    assert int(model[0].weight_hh_l0.count_nonzero()) == 6
    assert torch.allclose(plain(x)[0], masked, atol=1e-6)
    assert torch.allclose(model(x)[0], masked, atol=1e-6)
    assert not model[0]._forward_pre_hooks


def test_filters_and_channels_of_a_transposed_convolution_are_those_that_it_writes_and_reads():
    torch.manual_seed(0)
    model = nn.Sequential(nn.ConvTranspose2d(6, 4, 3))
    with torch.no_grad():
        model[0].weight[:, 1] = 5.0  # the second filter, of four
        model[0].weight[2] = 9.0  # the third channel, of six
    filters = compress.ADMMPruner(model, {"0": Filters(1)})
    assert layer(model, "0").shape == (4, 6, 3, 3)
    weight = filters.finalize()[0].weight.detach()
    assert weight.any(dim=3).any(dim=2).any(dim=0).tolist() == [False, True, False, False]
    other = compress.ADMMPruner(nn.Sequential(nn.ConvTranspose2d(6, 4, 3, groups=2)), {"0": Columns(0.5)}).finalize()
    columns = layer(other, "0").oriented(other[0].weight.detach()).any(dim=0)
    assert columns.shape == (3, 3, 3)
    assert int(columns.sum()) == round(0.5 * 27)


@pytest.mark.parametrize("kind", [nn.Conv1d, nn.Conv2d, nn.Conv3d])
def test_channels_of_convolutions_of_every_dimension(kind):
    torch.manual_seed(0)
    model = nn.Sequential(kind(5, 4, 3))
    weight = compress.ADMMPruner(model, {"0": Channels(2)}).finalize()[0].weight
    assert int(weight.flatten(2).any(dim=2).any(dim=0).sum()) == 2


@pytest.mark.parametrize("module", [nn.ConvTranspose2d(6, 4, 3, groups=2), nn.Conv2d(6, 4, 3, groups=2)])
def test_oriented_is_filters_first_and_restored_is_its_inverse(module):
    weight = weights(nn.ModuleList([module]))["0"]
    tensor = torch.arange(float(module.weight.numel())).view(module.weight.shape)
    assert weight.oriented(tensor).shape == weight.shape == (4, 3, 3, 3)
    assert torch.equal(weight.restored(weight.oriented(tensor)), tensor)


def test_a_transposed_convolution_oriented_is_the_convolution_that_it_transposes():
    """out[n] = Σ_c w[c, n]·x[c]: with a 1 x 1 kernel it is a plain convolution of its filters-first weight."""
    torch.manual_seed(0)
    module = nn.ConvTranspose2d(6, 4, 1, groups=2, bias=False)
    weight = weights(nn.ModuleList([module]))["0"]
    x = torch.randn(1, 6, 5, 5)
    assert torch.allclose(nn.functional.conv2d(x, weight.oriented(module.weight), groups=2), module(x), atol=1e-6)


def test_binary_layers_are_those_with_an_input_of_their_own():
    model = Signal()
    with pytest.raises(CompressionError, match=r"layer 'lstm\.weight_ih_l0' is no conv or linear layer with one input"):
        compress.create("xnor_net", model, layers=["lstm.weight_ih_l0"])
    with pytest.raises(CompressionError, match=r"layer 'attention\.out_proj'"):
        compress.create("xnor_net", model, layers=["attention.out_proj"])
    with pytest.raises(UnknownNameError, match=r"did you mean 'gru\.weight_ih_l0'"):
        compress.create("admm", model, keep={"gru.weight_ih_10": 0.5})


def test_a_recipes_small_network_is_as_it_was():
    """Names of conv and linear layers stay the layers' own."""
    from tests.compress.networks import Cnn

    assert list(weights(made(Cnn))) == ["conv1", "conv2", "fc1", "fc2"]
    assert compress.create("admm", made(Cnn), example_input=images(2)).constraints.keys() == weights(made(Cnn)).keys()
