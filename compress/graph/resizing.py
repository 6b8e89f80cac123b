"""A model given the shapes of a smaller one, and the words that layers have for their sizes."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from ..layers import Convolution, Transposed
from ..narrow_attention import NarrowAttention
from .numbers import BatchNorm

InstanceNorm = nn.modules.instancenorm._InstanceNorm


def resize(model: nn.Module, state: Mapping[str, torch.Tensor]) -> None:
    """Give the model's layers and norms the shapes of a shrunk model's `state`, whose values are yet to come."""
    for name, module in model.named_modules():
        for own, tensor in [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]:
            wanted = state.get(f"{name}.{own}".removeprefix("."))
            if wanted is not None and wanted.shape != tensor.shape:
                empty = torch.empty_like(wanted)
                setattr(module, own, nn.Parameter(empty) if isinstance(tensor, nn.Parameter) else empty)
        describe(module)
    narrow(model)


def narrow(model: nn.Module) -> None:
    """Put `NarrowAttention` in the place of attention layers whose weights have lost heads or inputs."""
    for parent in list(model.modules()):
        for own, child in list(parent.named_children()):
            if isinstance(child, nn.MultiheadAttention) and child.in_proj_weight is not None:
                full = (3 * child.embed_dim, child.embed_dim)
                if child.in_proj_weight.shape != full or child.out_proj.weight.shape != full[1:] * 2:
                    setattr(parent, own, NarrowAttention(child))
    for encoder in model.modules():
        narrowed = any(isinstance(module, NarrowAttention) for module in encoder.modules())
        if isinstance(encoder, nn.TransformerEncoder) and narrowed:
            encoder.enable_nested_tensor = encoder.use_nested_tensor = False  # for torch's own kernel alone


def describe(module: nn.Module) -> None:
    """A layer's own words for its sizes, after its weight's shape."""
    if isinstance(module, Convolution):
        _describe_convolution(module)
    elif isinstance(module, nn.Linear):
        module.out_features, module.in_features = module.weight.shape
    elif isinstance(module, nn.Embedding):
        module.embedding_dim = module.weight.shape[1]
    elif isinstance(module, BatchNorm | InstanceNorm):
        sizes = [len(t) for t in (module.weight, module.running_mean) if t is not None]
        module.num_features = sizes[0] if sizes else module.num_features
    elif isinstance(module, nn.RNNCellBase):
        module.input_size, module.hidden_size = module.weight_ih.shape[1], module.weight_hh.shape[1]
    elif isinstance(module, nn.PReLU):
        module.num_parameters = module.weight.numel()
    elif isinstance(module, nn.RNNBase) and not module.proj_size:
        weight = module._parameters.get("weight_ih_l0")
        if weight is not None:
            module.input_size, module.hidden_size = weight.shape[1], module._parameters["weight_hh_l0"].shape[1]  # type: ignore[union-attr]  # there with its sibling


def _describe_convolution(module: nn.Module) -> None:
    """Channels and, of a depthwise convolution, as many groups as inputs."""
    assert isinstance(module, Convolution)
    transposed = isinstance(module, Transposed)
    rows, columns = module.weight.shape[:2]
    if module.groups > 1 and module.groups == module.in_channels:
        each = module.out_channels // module.groups
        module.groups = rows if transposed else rows // each
    filters, inputs = (columns * module.groups, rows) if transposed else (rows, columns * module.groups)
    module.out_channels, module.in_channels = filters, inputs
