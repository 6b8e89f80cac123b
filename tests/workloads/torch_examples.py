"""Small torch models, one for each sort of layer, and inputs for them."""

import torch
from torch import nn

TRACERS = ("torch.export", "hooks")


class Calls(nn.Module):
    """A function with the layers that it uses, as a model."""

    def __init__(self, function, **layers: nn.Module) -> None:
        super().__init__()
        self.function = function
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, *inputs: torch.Tensor):
        return self.function(self, *inputs)


def attend(model, x, y):
    return model.attention(x, y, y, need_weights=False)[0]


IMAGE, SEQUENCE = (2, 6, 9, 8), (2, 7, 12)
MODULES = {  # name -> (model, shapes of its inputs, the names of its traces)
    "conv1d": (nn.Conv1d(7, 5, 3, stride=2, padding=1), [SEQUENCE], ["layer"]),
    "conv2d": (nn.Conv2d(6, 5, (3, 2), stride=(2, 1), padding=(1, 0)), [IMAGE], ["layer"]),
    "depthwise": (nn.Conv2d(6, 6, 3, groups=6), [IMAGE], ["layer"]),
    "grouped": (nn.Conv2d(6, 9, 3, groups=3), [IMAGE], ["layer"]),
    "dilated": (nn.Conv2d(6, 4, 3, dilation=(1, 3)), [IMAGE], ["layer"]),
    "transposed": (nn.ConvTranspose2d(6, 4, 3, stride=2, padding=1), [IMAGE], ["layer"]),
    "transposed 1d, grouped": (nn.ConvTranspose1d(7, 14, 4, groups=7), [SEQUENCE], ["layer"]),
    "linear": (nn.Linear(12, 5), [SEQUENCE], ["layer"]),
    "lstm": (nn.LSTM(12, 5, batch_first=True), [SEQUENCE], ["layer.input", "layer.hidden"]),
    "gru": (nn.GRU(12, 5), [SEQUENCE], ["layer.input", "layer.hidden"]),
    "lstm, deep both ways": (
        nn.LSTM(12, 5, 2, bidirectional=True),
        [SEQUENCE],
        [f"layer.{d}{p}" for d in ("", "reverse.", "l1.", "l1.reverse.") for p in ("input", "hidden")],
    ),
    "lstm cell": (nn.LSTMCell(12, 5), [(7, 12)], ["layer.input", "layer.hidden"]),
    "self-attention": (
        Calls(lambda m, x: m.attention(x, x, x, need_weights=False)[0], attention=nn.MultiheadAttention(12, 3)),
        [SEQUENCE],
        [f"attention.{p}" for p in ("in_proj", "scores", "context", "out_proj")],
    ),
    "cross-attention": (
        Calls(attend, attention=nn.MultiheadAttention(12, 3, batch_first=True)),
        [SEQUENCE, (2, 4, 12)],
        [f"attention.{p}" for p in ("in_proj", "in_proj#2", "scores", "context", "out_proj")],
    ),
    "attention with weights": (
        Calls(lambda m, x: m.attention(x, x, x)[1], attention=nn.MultiheadAttention(12, 3)),
        [SEQUENCE],
        [f"attention.{p}" for p in ("in_proj", "scores", "context", "out_proj")],
    ),
    "attention by hand": (
        Calls(lambda m, q, k: ((q @ k.transpose(1, 2)) / 3).softmax(-1) @ k),
        [SEQUENCE, (2, 4, 12)],
        ["scores", "context"],
    ),
    "einsum": (Calls(lambda m, x, y: torch.einsum("bij,bkj->bik", x, y)), [SEQUENCE, (2, 4, 12)], ["matmul"]),
    "residual, concat": (
        Calls(lambda m, x: m.two(torch.cat([x, m.one(x) + x], 1)), one=nn.Conv2d(6, 6, 1), two=nn.Conv2d(12, 3, 1)),
        [IMAGE],
        ["one", "two"],
    ),
    "transformer layer": (
        nn.TransformerEncoderLayer(12, 3, 20, batch_first=True),
        [SEQUENCE],
        ["self_attn.in_proj", "self_attn.scores", "self_attn.context", "self_attn.out_proj", "linear1", "linear2"],
    ),
}


def inputs_of(shapes):
    generator = torch.Generator().manual_seed(0)
    return tuple(torch.randn(shape, generator=generator) for shape in shapes)
