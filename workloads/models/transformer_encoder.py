"""A compact BERT: token, position and segment embeddings, encoder layers with attention, a classifier on the first."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

NORM_EPSILON = 1e-12


class SelfAttention(nn.Module):
    """Attention of several heads of all tokens to all tokens, none masked."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, T, width) of (B, T, width)."""
        query, key, value = (self._split(linear(x)) for linear in (self.query, self.key, self.value))
        return functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)

    def _split(self, x: torch.Tensor) -> torch.Tensor:
        """(B, heads, T, width / heads) of (B, T, width)."""
        batch, tokens, width = x.shape
        return x.view(batch, tokens, self.heads, width // self.heads).transpose(1, 2)


class Joined(nn.Module):
    """A linear layer, the shortcut added to its output, layer norm."""

    def __init__(self, inputs: int, width: int, dropout: float) -> None:
        super().__init__()
        self.dense, self.dropout = nn.Linear(inputs, width), nn.Dropout(dropout)
        self.LayerNorm = nn.LayerNorm(width, NORM_EPSILON)

    def forward(self, x: torch.Tensor, shortcut: torch.Tensor) -> torch.Tensor:
        """(B, T, width) of (B, T, inputs) and (B, T, width)."""
        normed: torch.Tensor = self.LayerNorm(self.dropout(self.dense(x)) + shortcut)
        return normed


class Attention(nn.Module):
    """Self-attention and its output layer."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.self, self.output = SelfAttention(width, heads), Joined(width, width, dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, T, width) of (B, T, width)."""
        joined: torch.Tensor = self.output(self.self(x), x)
        return joined


class Activated(nn.Module):
    """A linear layer and an activation."""

    def __init__(self, inputs: int, outputs: int, activation: nn.Module) -> None:
        super().__init__()
        self.dense, self.activation = nn.Linear(inputs, outputs), activation

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., outputs) of (..., inputs)."""
        activated: torch.Tensor = self.activation(self.dense(x))
        return activated


class EncoderLayer(nn.Module):
    """Attention and two linear layers with GELU between, each with its shortcut and layer norm after it."""

    def __init__(self, width: int, heads: int, inner: int, dropout: float) -> None:
        super().__init__()
        self.attention = Attention(width, heads, dropout)
        self.intermediate, self.output = Activated(width, inner, nn.GELU()), Joined(inner, width, dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, T, width) of (B, T, width)."""
        attended = self.attention(x)
        joined: torch.Tensor = self.output(self.intermediate(attended), attended)
        return joined


class Embeddings(nn.Module):
    """Token, position and segment embeddings, added up and normed; all tokens are of the first segment."""

    def __init__(self, vocabulary: int, positions: int, width: int, dropout: float) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(vocabulary, width)
        self.position_embeddings = nn.Embedding(positions, width)
        self.token_type_embeddings = nn.Embedding(2, width)
        self.LayerNorm, self.dropout = nn.LayerNorm(width, NORM_EPSILON), nn.Dropout(dropout)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """(B, T, width) of ids (B, T)."""
        places = torch.arange(ids.shape[1], device=ids.device)
        x = self.word_embeddings(ids) + self.position_embeddings(places)
        x = x + self.token_type_embeddings(torch.zeros_like(ids))
        normed: torch.Tensor = self.dropout(self.LayerNorm(x))
        return normed


class Encoder(nn.Module):
    """Layers one after another."""

    def __init__(self, layers: list[EncoderLayer]) -> None:
        super().__init__()
        self.layer = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, T, width) of (B, T, width)."""
        encoded: torch.Tensor = self.layer(x)
        return encoded


class TransformerEncoder(nn.Module):
    """Takes token ids (B, T), T at most `positions`, returns logits (B, classes) from the first token.

    The defaults are BERT-Mini (4 layers, width 256, 4 heads): Turc et al., arXiv 1908.08962, table 1, after Devlin et
    al., arXiv 1810.04805. 11,170,560 parameters without the classifier; the names in the state_dict up to there are
    those of Hugging Face's BertModel.
    """

    def __init__(
        self,
        vocabulary: int = 30_522,
        width: int = 256,
        layers: int = 4,
        heads: int = 4,
        inner: int = 1024,
        positions: int = 512,
        classes: int = 2,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.embeddings = Embeddings(vocabulary, positions, width, dropout)
        self.encoder = Encoder([EncoderLayer(width, heads, inner, dropout) for _ in range(layers)])
        self.pooler = Activated(width, width, nn.Tanh())
        self.dropout, self.classifier = nn.Dropout(dropout), nn.Linear(width, classes)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Logits (B, classes) of ids (B, T)."""
        encoded = self.encoder(self.embeddings(ids))
        logits: torch.Tensor = self.classifier(self.dropout(self.pooler(encoded[:, 0])))
        return logits


def build() -> nn.Module:
    """A BERT-Mini with torch's default initial weights."""
    return TransformerEncoder()
