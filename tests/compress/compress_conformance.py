"""What every compression method must hold: subclass it, name the method, and every test below runs on it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

import compress
import workloads
from compress.base import Compressor
from compress.granularity.constraints import Combined
from compress.granularity.fine_grained import FineGrained
from compress.layers import weighted_layers
from tests.compress.networks import Cnn, images, made

INTEGERS = {"uniform": (2, 8), "pow2": (2, 5), "binary": (1, 1), "ternary": (2, 2), "codebook": (2, 8)}  # bits a coding


def train(model: nn.Module, method: Compressor, steps: int, decay: float = 0.0, seed: int = 0) -> None:
    """The contract's loop on images of this seed."""
    optimizer = method.wrap_optimizer(torch.optim.Adam(model.parameters(), lr=3e-3, weight_decay=decay))
    x, y = images(6, seed=seed), torch.arange(6) % 5
    model.train()
    for _ in range(steps):

        def closure() -> torch.Tensor:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y) + method.penalty()
            loss.backward(create_graph=method.second_order)
            return loss

        optimizer.step(closure)
        method.step()


def weights(model: nn.Module) -> dict[str, torch.Tensor]:
    """A copy of each layer's weight as the network computes with it."""
    return {name: layer.weight.detach().clone() for name, layer in weighted_layers(model).items()}


class CompressorConformance:
    """`name` is the method's, `settings` go to it; `network` is one that it can work on. Hooks say what it leaves."""

    name: ClassVar[str] = ""
    settings: ClassVar[dict[str, Any]] = {}
    network: ClassVar[type[nn.Module]] = Cnn

    def holds(self, method: Any, model: nn.Module) -> None:
        """Assert that the constraint holds exactly on the model as it is."""
        raise NotImplementedError

    def saved(self, method: Any, model: nn.Module, checkpoint: Any, traces: dict[str, Any]) -> None:
        """Assert that what was saved is what the model holds."""
        raise NotImplementedError

    def created(self) -> tuple[nn.Module, Any]:
        model = made(self.network)
        return model, compress.create(self.name, model, example_input=images(2), **self.settings)

    def hardened(self, steps: int) -> tuple[nn.Module, Any]:
        model, method = self.created()
        train(model, method, steps)
        method.calibrate([(images(4), torch.zeros(4))])
        method.harden()
        return model, method

    @pytest.mark.parametrize("steps", [0, 3])
    def test_constraint_is_exact_after_harden_and_in_every_step_of_retraining(self, steps):
        model, method = self.hardened(steps)
        self.holds(method, model)
        zeros = {name: weight == 0 for name, weight in weights(model).items()}
        for seed in range(2):
            train(model, method, 2, decay=0.1, seed=seed)
            self.holds(method, model)
        assert float(method.penalty()) == 0
        finished = method.finalize()
        self.holds(method, finished)
        self.keeps(zeros, weights(finished))

    def keeps(self, zeros: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> None:
        """Assert what retraining must leave: nothing, where weights may move between 0 and other levels."""

    def test_finalize_gives_the_original_keys_and_the_same_network(self):
        model, method = self.created()
        keys = set(made(self.network).state_dict())
        train(model, method, 2)
        method.harden()
        x = images(2, seed=9)
        before = model.eval()(x).detach()
        finished = method.finalize()
        assert set(finished.state_dict()) == keys
        assert not any(isinstance(m, parametrize.ParametrizationList) for m in finished.modules())
        assert torch.allclose(finished.eval()(x), before, atol=1e-6)

    def test_saved_network_reaches_the_simulators_traces(self, tmp_path):
        method = self.hardened(2)[1]
        finished = method.finalize().eval()
        folder = compress.save(tmp_path / "net", finished, method=method, accuracy=0.5)
        checkpoint, workload = compress.read(folder), workloads.from_checkpoint(folder)
        traces = {trace.name: trace for trace in workload.traces}
        assert list(traces) == list(weighted_layers(finished))
        for record in checkpoint.traces:
            assert np.issubdtype(record.weight.dtype, np.signedinteger)
            assert traces[record.name].weight_bits == record.weight_bits
            assert traces[record.name].weight_coding == record.weight_coding
            low, high = INTEGERS[record.weight_coding]
            assert low <= record.weight_bits <= high
        self.saved(method, finished, checkpoint, traces)

    def test_equal_seeds_give_equal_networks(self):
        first, second = (self.run_whole() for _ in range(2))
        assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))

    def run_whole(self) -> list[torch.Tensor]:
        torch.manual_seed(5)
        model, method = self.hardened(2)
        train(model, method, 1)
        return list(method.finalize().state_dict().values())


class PrunerConformance(CompressorConformance):
    """At most as many parts of each weight as its constraint keeps, and their zeros saved."""

    def holds(self, method: Any, model: nn.Module) -> None:
        for name, weight in weights(model).items():
            constraint = method.constraints.get(name)
            if isinstance(constraint, FineGrained):
                assert torch.equal(constraint.project(weight), weight)
                assert 0 < int(weight.count_nonzero()) <= int(constraint.mask(torch.randn_like(weight)).sum())
                continue
            for one in _each(constraint):
                assert 0 < int((one.energies(weight) > 0).sum()) <= one.count(weight.shape)

    def keeps(self, zeros: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> None:
        assert all(not bool(after[name][zero].any()) for name, zero in zeros.items())

    def saved(self, method: Any, model: nn.Module, checkpoint: Any, traces: dict[str, Any]) -> None:
        alive = {name: int(weight.count_nonzero()) for name, weight in weights(model).items()}
        for record in checkpoint.traces:
            assert 0 < np.count_nonzero(record.weight) <= alive[record.name]
            assert np.count_nonzero(traces[record.name].weight) == np.count_nonzero(record.weight)
        shares = [1 - np.count_nonzero(r.weight) / np.prod(r.dense_shape[1:]) for r in checkpoint.traces]
        assert max(shares) >= 0.2


class StructuredConformance(PrunerConformance):
    """Whole filters (`axis` 0) or columns (1) are gone from the traces' matrices themselves."""

    axis: ClassVar[int] = 0

    def saved(self, method: Any, model: nn.Module, checkpoint: Any, traces: dict[str, Any]) -> None:
        super().saved(method, model, checkpoint, traces)
        left = {n: np.count_nonzero(np.any(t.weight, axis=1 - self.axis)) for n, t in traces.items()}
        dense = {name: trace.dense_shape[1 + self.axis] for name, trace in traces.items()}
        assert min(left[name] / dense[name] for name in method.constraints) <= 0.6


class QuantizerConformance(CompressorConformance):
    """The weights are the method's integers times its scales, in the format of its coding."""

    coding: ClassVar[str] = "uniform"
    zeros_stay: ClassVar[bool] = False  # may a weight never leave 0 once hardened?

    def holds(self, method: Any, model: nn.Module) -> None:
        codes = method.codes(model)
        assert codes
        for name, weight in weights(model).items():
            if name in codes:
                assert np.allclose(codes[name].decoded(), weight.numpy(), rtol=1e-5, atol=1e-7)
                assert codes[name].coding == self.coding
                assert set(np.unique(codes[name].ints)) <= self.integers(codes[name].bits)

    def integers(self, bits: int) -> set[int]:
        """All integers of the format."""
        if self.coding == "pow2":
            return {0} | {sign << e for e in range((1 << (bits - 1)) - 1) for sign in (1, -1)}
        if self.coding == "binary":
            return {-1, 1}
        most = 1 if self.coding == "ternary" else (1 << (bits - 1)) - 1
        return set(range(-most, most + 1))

    def keeps(self, zeros: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> None:
        if self.zeros_stay:
            PrunerConformance.keeps(self, zeros, after)  # type: ignore[arg-type]  # the same assertion

    def saved(self, method: Any, model: nn.Module, checkpoint: Any, traces: dict[str, Any]) -> None:
        named = set(method.codes(model))
        for record in checkpoint.layers:
            if record.name in named:
                weight = weights(model)[record.name].flatten(1).numpy()
                assert np.allclose(record.decoded(), weight, rtol=1e-5, atol=1e-7)
                assert record.trace.weight_coding == self.coding
                assert np.array_equal(traces[record.name].weight, record.trace.weight)


def _each(constraint: Any) -> Iterator[Any]:
    if isinstance(constraint, Combined):
        yield from constraint.constraints
    elif constraint is not None:
        yield constraint


def classes(kind: type = CompressorConformance) -> Iterator[type]:
    """Every class that names a method."""
    for child in kind.__subclasses__():
        if child.name:
            yield child
        yield from classes(child)
