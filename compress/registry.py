"""All compression methods by name; one that ships is a file with its factory, and one line in `_METHODS`.

A method of anybody's own comes by `compress.register_method`, or by an entry point of the group `accelsim.methods` in
an installed package (name = the method's, value = its factory).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from accelsim.errors import CompressionError, suggestion
from accelsim.formats import Registry

if TYPE_CHECKING:
    import torch
    from torch import nn

    from .base import Compressor


@dataclass(frozen=True)
class Method:
    """What a method is and where it was described: `paper` is three digits ("001") or "ext", `where` its section."""

    name: str
    family: str
    paper: str
    where: str


_PRUNING, _FEW = "regularized_pruning", "binary_ternary"
_METHODS: dict[Method, str] = {  # -> "module:factory"; a factory takes (model, example_input, settings)
    Method("admm", _PRUNING, "001", "IV-A; IV-B Eq 1-3"): "schedules.admm_methods:admm",
    Method("admm_filter", _PRUNING, "001", "IV-A; IV-B Eq 3 (filter = row)"): "schedules.admm_methods:admm_filter",
    Method("admm_channel", _PRUNING, "001", "IV-A; IV-B Eq 3 (channel)"): "schedules.admm_methods:admm_channel",
    Method(
        "admm_column", _PRUNING, "001", "IV-A; IV-B Eq 3 (filter shape = column)"
    ): "schedules.admm_methods:admm_column",
    Method("admm_combined", _PRUNING, "001", "IV-A; VI Fig 8 (columns then filters and their dead channels)"): (
        "schedules.admm_methods:admm_combined"
    ),
    Method("admm_progressive", _PRUNING, "001", "IV-C"): "schedules.admm_progressive:admm_progressive",
    Method("admm_levels", "quantizer", "001", "IV-A; IV-B (equal-distance levels)"): "quantizers.admm:admm_levels",
    Method("admm_binary", _FEW, "001", "V-B Tables VI-VII"): "quantizers.admm:admm_binary",
    Method("admm_ternary", _FEW, "001", "V-B Table VI"): "quantizers.admm:admm_ternary",
    Method(
        "pruned_ternary", _FEW, "001", "VI (truncated Gaussian after pruning)"
    ): "quantizers.truncated_gaussian:PrunedTernary",
    Method("iterative_magnitude", "schedule", "001", "V-A Fig 7"): "schedules.iterative_magnitude:iterative_magnitude",
    Method("l1_regularization", _PRUNING, "001", "V-A Fig 7"): "regularizers.fixed:l1_regularization",
    Method("l2_regularization", _PRUNING, "001", "V-A Fig 7"): "regularizers.fixed:l2_regularization",
    Method("projected_gradient", _PRUNING, "001", "V-A Fig 7"): "schedules.projected_gradient:projected_gradient",
    Method("simd_blocks", "fine_grained", "001", "II-A"): "schedules.fine_grained_methods:simd_blocks",
    Method("pattern_kernel", "fine_grained", "001", "II-A"): "schedules.fine_grained_methods:pattern_kernel",
    Method("n_m", "fine_grained", "ext", "Mishra et al. 2021, arXiv 2104.08378"): "schedules.fine_grained_methods:n_m",
    Method("mixed_precision", "quantizer", "003", "4.1 Eq 15-16"): "quantizers.mixed_precision:MixedPrecision",
    Method("inq", "pow2", "003", "4.2.2"): "quantizers.inq:IncrementalQuantizer",
    Method("deepshift_q", "pow2", "003", "4.2.2 Eq 22"): "quantizers.deepshift:DeepShiftQ",
    Method("xnor_net", _FEW, "003", "4.2.3"): "quantizers.xnor_net:XnorNet",
}


Factory = Callable[..., "Compressor"]
Made = TypeVar("Made", bound=Factory)
_OWN: dict[str, Method] = {}  # what is known about the methods that were registered


def _check(_name: str, value: object) -> str | None:
    return None if callable(value) else "a factory that takes (model, example_input, settings) is expected"


FACTORIES: Registry[Factory] = Registry(
    "method",
    "accelsim.methods",
    {method.name: f"compress.{place}" for method, place in _METHODS.items()},
    check=_check,
)


def register_method(name: str, *, family: str, paper: str = "ext", where: str = "") -> Callable[[Made], Made]:
    """Decorator: make a factory known as the method `name`, to `create`, recipes and `accelsim compress`.

        @compress.register_method("halves", family="regularized_pruning", where="my thesis, section 3")
        def halves(model, example_input=None, rate=2.0) -> Compressor: ...

    Its parameters but `model` and `example_input` are the method's settings. Raises ConfigError where the name already
    stands for another factory.
    """

    def register(make: Made) -> Made:
        FACTORIES.add(name, make)
        _OWN[name] = Method(name, family, paper, where)
        return make

    return register


def methods() -> list[Method]:
    """Every method, in the papers' order, then those that were registered or installed. Shipped ones load no torch.

    >>> [method.name for method in methods() if method.family == "pow2"]
    ['inq', 'deepshift_q']
    """
    shipped = list(_METHODS)
    others = [name for name in FACTORIES.names() if name not in FACTORIES.shipped]
    return [*shipped, *(_own_method(name) for name in others)]


def _own_method(name: str) -> Method:
    """What its decorator said; of an undecorated factory of an installed package, its name and its docstring."""
    make = FACTORIES.get(name)
    return _OWN.get(name) or Method(name, "other", "ext", (inspect.getdoc(make) or "").partition("\n")[0])


def create(name: str, model: nn.Module, *, example_input: torch.Tensor | None = None, **settings: Any) -> Compressor:
    """The method `name` at work on `model`, with sensible defaults for every setting.

    `settings` go to the method's factory by keyword. Make the optimizer from `model.parameters()` afterwards. Raises
    UnknownNameError for a name or a setting that nobody knows, CompressionError for a value that cannot be.

    >>> from torch import nn
    >>> model = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 2))
    >>> method = create("admm", model, keep=0.25)
    >>> method.harden()  # at once, for the example; train before with `penalty()` and `step()`
    >>> [int(layer.weight.count_nonzero()) for layer in method.finalize() if hasattr(layer, "weight")]
    [8, 2]
    """
    make = factory(name)
    known = [p for p in inspect.signature(make).parameters if p not in ("model", "example_input")]
    for setting in settings:
        if setting not in known:
            raise CompressionError(f"method {name!r} has no setting {setting!r}; {suggestion(setting, known)}")
    return make(model, example_input=example_input, **settings)


def factory(name: str) -> Factory:
    """What makes the method `name` from (model, example_input, settings); UnknownNameError where nobody knows it."""
    return FACTORIES.get(name)
