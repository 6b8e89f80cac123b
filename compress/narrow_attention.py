"""Attention with fewer heads than its width would give: what is left of nn.MultiheadAttention once heads are gone."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.overrides import handle_torch_function, has_torch_function


class NarrowAttention(nn.Module):
    """An nn.MultiheadAttention whose heads, together, are narrower than its inputs; the same state_dict keys.

    torch's own takes the width of a head from that of its inputs, so it cannot lose one. Called as torch's is; masks of
    each head apart are refused with ValueError.
    """

    _qkv_same_embed_dim = False  # keeps nn.TransformerEncoderLayer from a kernel that knows full width alone

    in_proj_weight: nn.Parameter
    in_proj_bias: nn.Parameter | None
    out_proj: nn.Linear

    def __init__(self, full: nn.MultiheadAttention) -> None:
        super().__init__()
        self.head_dim, self.batch_first, self.dropout = full.head_dim, full.batch_first, full.dropout
        self.in_proj_weight, self.out_proj = full.in_proj_weight, full.out_proj
        self.register_parameter("in_proj_bias", full.in_proj_bias)
        self.training = full.training

    @property
    def embed_dim(self) -> int:
        """The width of the inputs."""
        return int(self.in_proj_weight.shape[1])

    @property
    def num_heads(self) -> int:
        """How many heads are left."""
        return int(self.in_proj_weight.shape[0] // 3 // self.head_dim)

    def forward(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        key_padding_mask: torch.Tensor | None = None,
        need_weights: bool = True,
        attn_mask: torch.Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """The output and, where needed, the weights of the heads, averaged or each."""
        first = self._batch_first(query)
        second = first if key is query else self._batch_first(key)
        third = first if value is query else second if value is key else self._batch_first(value)
        mask, dropout = _mask(attn_mask, key_padding_mask, query.dtype), self.dropout if self.training else 0.0
        output, scores = narrow_attention(
            first, second, third, self.num_heads, self.in_proj_weight, self.in_proj_bias,
            self.out_proj.weight, self.out_proj.bias, mask=mask, dropout=dropout, need_weights=need_weights,
            average=average_attn_weights,
        )  # fmt: skip
        if query.ndim == 2:
            return output.squeeze(0), scores if scores is None else scores.squeeze(0)
        return output if self.batch_first else output.transpose(0, 1), scores

    def _batch_first(self, x: torch.Tensor) -> torch.Tensor:
        if x.ndim == 2:
            return x.unsqueeze(0)
        return x if self.batch_first else x.transpose(0, 1)


def narrow_attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    num_heads: int,
    in_proj_weight: torch.Tensor,
    in_proj_bias: torch.Tensor | None,
    out_proj_weight: torch.Tensor,
    out_proj_bias: torch.Tensor | None,
    mask: torch.Tensor | None = None,
    dropout: float = 0.0,
    need_weights: bool = False,
    average: bool = False,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """(B, L, E) and the heads' weights (B, heads, L, S), or their `average`, of (B, L, E), (B, S, E) and (B, S, E)."""
    tensors = (query, key, value, in_proj_weight, out_proj_weight)
    if has_torch_function(tensors):
        result: Any = handle_torch_function(
            narrow_attention, tensors, query, key, value, num_heads, in_proj_weight, in_proj_bias, out_proj_weight,
            out_proj_bias, mask=mask, dropout=dropout, need_weights=need_weights, average=average,
        )  # fmt: skip
        return result  # type: ignore[no-any-return]  # what the other side makes of it
    q, k, v = _projected((query, key, value), in_proj_weight, in_proj_bias, num_heads)
    scores = None
    if need_weights:
        products = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
        scores = functional.dropout((products if mask is None else products + mask).softmax(dim=-1), dropout)
        heads = scores @ v
    else:
        heads = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=dropout)
    output = functional.linear(heads.transpose(1, 2).flatten(2), out_proj_weight, out_proj_bias)
    return output, scores.mean(dim=1) if scores is not None and average else scores


def _projected(
    inputs: tuple[torch.Tensor, ...], weight: torch.Tensor, bias: torch.Tensor | None, num_heads: int
) -> list[torch.Tensor]:
    """Queries, keys and values, (B, heads, tokens, width) each."""
    query, key, value = inputs
    if query is key and key is value:
        parts = functional.linear(query, weight, bias).chunk(3, dim=-1)
    else:
        biases = (None, None, None) if bias is None else bias.chunk(3)
        three = zip(inputs, weight.chunk(3), biases, strict=True)
        parts = tuple(functional.linear(x, own, own_bias) for x, own, own_bias in three)
    return [part.view(*part.shape[:2], num_heads, -1).transpose(1, 2) for part in parts]


def _mask(attention: torch.Tensor | None, padding: torch.Tensor | None, dtype: torch.dtype) -> torch.Tensor | None:
    """What joins the scores, broadcast over (B, heads, L, S): -inf where a mask of booleans is True."""
    if attention is not None and attention.ndim == 3:
        raise ValueError("attn_mask of each head apart; heads have left, so that one (L, S) for all is expected")
    masks = []
    for mask, shape in ((attention, (None, None)), (padding, (slice(None), None, None))):
        if mask is not None:
            real = (
                torch.zeros_like(mask, dtype=dtype).masked_fill(mask, -torch.inf) if mask.dtype == torch.bool else mask
            )
            masks.append(real[shape])
    return None if not masks else masks[0] if len(masks) == 1 else masks[0] + masks[1]
