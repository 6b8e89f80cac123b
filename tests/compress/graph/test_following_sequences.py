"""Recurrent units, attention heads and embeddings: half of each pruned and taken out."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import compress
from compress.graph.shrinking import NotShrunkWarning
from compress.layers import weights
from compress.narrow_attention import NarrowAttention
from tests.compress.graph.following import Net, halved, shapes

WORDS = torch.arange(10).view(2, 5) % 7
FRAMES = torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(0))  # (batch, steps, features)


@pytest.mark.parametrize(("kind", "gates"), [(nn.LSTM, 4), (nn.GRU, 3), (nn.RNN, 1)])
def test_units_leave_their_gates_their_state_and_the_next_layer(kind, gates):
    torch.manual_seed(0)
    net = Net(lambda s, ids: s.f(s.r(s.e(ids))[0][:, -1]), e=nn.Embedding(7, 8), r=kind(8, 6, batch_first=True),
              f=nn.Linear(6, 2))  # fmt: skip
    smaller = halved(net, WORDS)
    assert shapes(smaller) == {
        "e.weight": (7, 4), "r.weight_ih_l0": (gates * 3, 4), "r.weight_hh_l0": (gates * 3, 3), "f.weight": (2, 3),
    }  # fmt: skip
    assert (smaller.r.input_size, smaller.r.hidden_size, smaller.e.embedding_dim) == (4, 3, 4)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_layers_and_directions_of_one_module_lose_the_same_units(kind):
    torch.manual_seed(0)
    net = Net(lambda s, x: s.f(s.r(x)[0]), r=kind(8, 6, 2, batch_first=True, bidirectional=True), f=nn.Linear(12, 2))
    (group,) = compress.groups(net, FRAMES)
    assert (group.units, len(group.writers)) == (6, 8)
    smaller = halved(net, FRAMES)
    assert smaller.r.hidden_size == 3
    assert smaller.f.weight.shape == (2, 6)


LAST = (lambda h: h[-1], lambda h: torch.cat([h[0], h[1]], -1), lambda h: h.transpose(0, 1).flatten(1))


@pytest.mark.parametrize("last", LAST)
def test_the_last_state_goes_the_same_way(last):
    torch.manual_seed(0)
    width = last(torch.zeros(2, 2, 6)).shape[-1]
    net = Net(lambda s, x: s.f(last(s.r(x)[1])), r=nn.GRU(8, 6, 2, batch_first=True), f=nn.Linear(width, 2))
    assert shapes(halved(net, FRAMES))["f.weight"] == (2, width // 2)


def test_a_decoder_that_starts_from_the_encoders_state_loses_the_same_units():
    torch.manual_seed(0)
    net = Net(lambda s, x: s.f(s.d(x, s.r(x)[1])[0]), r=nn.LSTM(8, 6), d=nn.LSTM(8, 6), f=nn.Linear(6, 2))
    (group,) = compress.groups(net, FRAMES)
    assert set(group.writers) == {"r.weight_ih_l0", "r.weight_hh_l0", "d.weight_ih_l0", "d.weight_hh_l0"}
    assert halved(net, FRAMES).d.weight_ih_l0.shape == (12, 8)


def test_a_state_of_fixed_size_keeps_the_units():
    torch.manual_seed(0)
    net = Net(lambda s, x: s.f(s.r(x, torch.zeros(1, 2, 6))[0]), r=nn.GRU(8, 6, batch_first=True), f=nn.Linear(6, 2))
    assert compress.groups(net, FRAMES).fixed["r.weight_ih_l0"] == "the code hands in a state of fixed size"


def test_a_unit_that_another_one_reads_stays():
    torch.manual_seed(0)
    net = Net(lambda s, x: s.f(s.r(x)[0]), r=nn.LSTM(8, 4, batch_first=True), f=nn.Linear(4, 2)).eval()
    with torch.no_grad():
        net.f.weight[:, :2] = 0  # the next layer reads the last two alone
        net.r.weight_hh_l0[:, 0] = 0  # nobody reads the state of the first
        net.r.weight_hh_l0[:, 1] = 0
        net.r.weight_hh_l0[3, 1] = 1.0  # the input gate of unit 3 reads that of the second
    smaller = compress.shrink(net, FRAMES)
    assert smaller.r.hidden_size == 3
    assert torch.allclose(smaller(FRAMES), net(FRAMES), atol=1e-6)


@pytest.mark.parametrize("kind", [nn.LSTMCell, nn.GRUCell, nn.RNNCell])
def test_cells_in_a_loop(kind):
    def run(net, x):
        state = None
        for step in x.unbind(1):
            state = net.r(net.a(step), state)
        return net.f(state[0] if isinstance(state, tuple) else state)

    torch.manual_seed(0)
    net = Net(run, a=nn.Linear(8, 6), r=kind(6, 10), f=nn.Linear(10, 2))
    smaller = halved(net, FRAMES)
    assert (smaller.r.input_size, smaller.r.hidden_size, smaller.f.in_features) == (3, 5, 5)


def test_projections_of_an_lstm_are_named():
    net = Net(lambda s, x: s.f(s.r(x)[0]), r=nn.LSTM(8, 6, proj_size=3, batch_first=True), f=nn.Linear(3, 2))
    unfollowed = compress.groups(net, FRAMES).unfollowed
    assert set(unfollowed) == {"r.weight_ih_l0", "r.weight_hh_l0", "r.weight_hr_l0"}
    with pytest.warns(NotShrunkWarning, match="projections"):
        compress.shrink(net, FRAMES)


def attention(batch_first=True):
    torch.manual_seed(0)
    return Net(
        lambda s, x: s.f(s.m(h := s.a(x), h, h)[0]),
        a=nn.Linear(8, 16), m=nn.MultiheadAttention(16, 4, batch_first=batch_first), f=nn.Linear(16, 2),
    )  # fmt: skip


@pytest.mark.parametrize("batch_first", [False, True])
def test_heads_inputs_and_outputs_of_attention_leave(batch_first):
    net = attention(batch_first)
    smaller = halved(net, FRAMES)
    assert shapes(smaller) == {
        "a.weight": (8, 8), "m.in_proj_weight": (3 * 8, 8), "m.out_proj.weight": (8, 8), "f.weight": (2, 8),
    }  # fmt: skip
    assert isinstance(smaller.m, NarrowAttention)
    assert (smaller.m.num_heads, smaller.m.head_dim, smaller.m.embed_dim) == (2, 4, 8)
    assert set(smaller.state_dict()) == set(net.state_dict())
    again = halved(smaller, FRAMES)  # a second round on what is left
    assert (again.m.num_heads, again.m.embed_dim, again.f.in_features) == (1, 4, 4)


def test_the_heads_weights_that_a_network_returns_hold_the_heads():
    net = attention()
    net.run = lambda s, x: s.m(h := s.a(x), h, h)
    fixed = compress.groups(net, FRAMES).fixed
    assert "attention's weights are used" in fixed["m.in_proj_weight"]


def test_narrow_attention_computes_what_the_full_one_does_with_masks_and_cross_attention():
    torch.manual_seed(0)
    full = nn.MultiheadAttention(16, 4, batch_first=True).eval()
    narrow = NarrowAttention(full)
    query, key, value = (torch.randn(2, n, 16) for n in (5, 7, 7))
    causal = torch.triu(torch.ones(5, 7, dtype=torch.bool), 2)
    padding = torch.zeros(2, 7, dtype=torch.bool)
    padding[1, 5:] = True
    masks = {"attn_mask": causal, "key_padding_mask": padding}
    for options in ({}, {"attn_mask": causal}, {"key_padding_mask": padding}, masks):
        for average in (True, False):
            one = full(query, key, value, average_attn_weights=average, **options)
            other = narrow(query, key, value, average_attn_weights=average, **options)
            assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(one, other, strict=True))
        output, scores = narrow(query, key, value, need_weights=False, **options)
        assert scores is None
        assert torch.allclose(output, one[0], atol=1e-6)
    assert torch.allclose(narrow(query[0], key[0], value[0])[0], full(query[0], key[0], value[0])[0], atol=1e-6)
    with pytest.raises(ValueError, match="of each head apart"):
        narrow(query, key, value, attn_mask=torch.zeros(8, 5, 7))


@pytest.mark.parametrize("norm_first", [False, True])
def test_a_transformer_encoder_of_torch_loses_heads_and_inner_features(norm_first):
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True, norm_first=norm_first)
    net = nn.Sequential(nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), nn.Linear(16, 2))
    smaller = halved(net, torch.randn(2, 5, 16))
    for part in smaller[0].layers:
        assert part.self_attn.in_proj_weight.shape == (3 * 8, 16)
        assert (part.linear1.weight.shape, part.linear2.weight.shape) == ((16, 16), (16, 16))


def own_attention(net, x):
    batch, tokens, _ = x.shape
    query, key, value = (part(x).view(batch, tokens, 4, -1).transpose(1, 2) for part in (net.q, net.k, net.v))
    scores = (query @ key.transpose(-1, -2) * 0.25).softmax(-1)
    return net.o((scores @ value).transpose(1, 2).reshape(batch, tokens, -1))


def test_attention_by_hand_loses_the_same_features_of_every_head():
    torch.manual_seed(0)
    net = Net(own_attention, q=nn.Linear(8, 16), k=nn.Linear(8, 16), v=nn.Linear(8, 16), o=nn.Linear(16, 2))
    assert [(group.writers, group.units) for group in compress.groups(net, FRAMES)] == [(("q", "k"), 4), (("v",), 4)]
    assert shapes(halved(net, FRAMES)) == {
        "q.weight": (8, 8), "k.weight": (8, 8), "v.weight": (8, 8), "o.weight": (2, 8),
    }  # fmt: skip


def test_a_scale_that_follows_from_a_heads_width_holds_queries_and_keys():
    torch.manual_seed(0)
    net = Net(lambda s, x: s.o(F.scaled_dot_product_attention(s.q(x), s.k(x), s.v(x))), q=nn.Linear(8, 4),
              k=nn.Linear(8, 4), v=nn.Linear(8, 6), o=nn.Linear(6, 2))  # fmt: skip
    groups = compress.groups(net, FRAMES)
    assert groups.writers == ("v",)
    assert groups.fixed["q"] == groups.fixed["k"] == "the scale of attention follows from a head's width"
    assert shapes(halved(net, FRAMES))["v.weight"] == (3, 8)


def test_sizes_of_one_tensor_in_a_view_of_another_hold_both():
    """qkv is viewed by the width of the layer's input, which has channels of its own."""

    def run(net, x):
        y = net.a(x)
        batch, tokens, width = y.shape
        query, key, value = net.qkv(y).reshape(batch, tokens, 3, width).unbind(2)
        return net.o((query @ key.mT).softmax(-1) @ value)

    torch.manual_seed(0)
    net = Net(run, a=nn.Linear(8, 6), qkv=nn.Linear(6, 18), o=nn.Linear(6, 2))
    groups = compress.groups(net, FRAMES)
    assert set(groups.fixed) == {"a", "qkv", "o"}
    assert groups.fixed["a"] == "the code takes their number for the size of something else"


def test_one_table_for_words_and_logits():
    torch.manual_seed(0)
    table = nn.Embedding(7, 8)
    net = Net(lambda s, ids: s.d(s.e(ids)), e=table, d=nn.Linear(8, 7))
    net.d.weight = table.weight
    smaller = halved(net, WORDS)
    assert smaller.d.weight is smaller.e.weight
    assert smaller.d.weight.shape == (7, 4)


def test_a_token_and_positions_of_the_models_own():
    torch.manual_seed(0)
    net = Net(
        lambda s, x: s.f(torch.cat([s.token.expand(x.shape[0], -1, -1), s.a(x)], 1) + s.places),
        a=nn.Linear(8, 6), token=nn.Parameter(torch.rand(1, 1, 6)), places=nn.Parameter(torch.rand(1, 6, 6)),
        f=nn.Linear(6, 3),
    )  # fmt: skip
    smaller = halved(net, FRAMES)
    assert (smaller.token.shape, smaller.places.shape, smaller.a.weight.shape) == ((1, 1, 3), (1, 6, 3), (3, 8))


def test_all_weights_are_listed():
    parts = {"m": nn.MultiheadAttention(6, 2, kdim=4), "r": nn.LSTM(4, 3, bidirectional=True), "c": nn.GRUCell(4, 3)}
    assert list(weights(nn.ModuleDict(parts))) == [
        "m.q_proj_weight", "m.k_proj_weight", "m.v_proj_weight", "m.out_proj", "r.weight_ih_l0", "r.weight_hh_l0",
        "r.weight_ih_l0_reverse", "r.weight_hh_l0_reverse", "c.weight_ih", "c.weight_hh",
    ]  # fmt: skip
