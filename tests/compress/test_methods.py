"""What every method of the registry must do, whatever it is."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

import compress
from accelsim.errors import CompressionError, UnknownNameError
from compress.base import Compressor
from tests.compress.networks import Cnn, images, made

FAMILIES = {method.name: method.family for method in compress.methods()}
NAMES = list(FAMILIES)
PRUNING = {"regularized_pruning", "criterion", "fine_grained", "schedule"}
QUANTIZING = {"quantizer", "pow2", "binary_ternary"}
STRUCTURED = {"admm_filter": 0, "admm_channel": 1, "admm_column": 1, "admm_combined": 1}


def train(model, method, steps):
    optimizer = method.wrap_optimizer(torch.optim.Adam(model.parameters(), lr=2e-3))
    x, y = images(8), torch.arange(8) % 5
    model.train()
    for _ in range(steps):

        def closure():
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y) + method.penalty()
            loss.backward(create_graph=method.second_order)
            return loss

        optimizer.step(closure)
        method.step()


@pytest.mark.parametrize("name", NAMES)
class TestEveryMethod:
    def test_runs_through_the_contract_and_saves(self, name, tmp_path):
        model = made(Cnn)
        keys = set(model.state_dict())
        method = compress.create(name, model, example_input=images(2))
        assert isinstance(method, Compressor)
        train(model, method, 5)
        method.calibrate([(images(4), torch.zeros(4))])
        method.harden()
        train(model, method, 3)
        finished = method.finalize()
        assert set(finished.state_dict()) <= keys
        assert bool(torch.isfinite(finished.eval()(images(2))).all())
        saved = compress.read(compress.save(tmp_path / "net", finished, method=method, accuracy=0.1))
        assert [layer.name for layer in saved.layers] == ["conv1", "conv2", "fc1", "fc2"]
        self.check_effect(name, saved)

    def check_effect(self, name, saved):
        if FAMILIES[name] in QUANTIZING:
            sizes = [(len(np.unique(layer.weight)), 2**layer.weight_bits) for layer in saved.traces]
            assert any(2 <= levels <= most <= 256 for levels, most in sizes)
        if FAMILIES[name] not in PRUNING:
            return
        gone = [1 - np.count_nonzero(layer.weight) / np.prod(layer.dense_shape[1:]) for layer in saved.traces]
        assert max(gone) >= 0.2
        if name in STRUCTURED:
            axis = STRUCTURED[name]
            lines = [layer.weight.any(axis=1 - axis).sum() for layer in saved.traces]
            dense = [layer.dense_shape[1 + axis] for layer in saved.traces]
            assert min(left / all_ for left, all_ in zip(lines, dense, strict=True)) <= 0.6

    def test_hardens_without_a_single_step(self, name):
        model = made(Cnn)
        method = compress.create(name, model, example_input=images(2))
        method.harden()
        finished = method.finalize()
        weights = [p.detach() for p in finished.parameters() if p.ndim > 1]
        if FAMILIES[name] in PRUNING:
            assert max(1 - int(w.count_nonzero()) / w.numel() for w in weights) >= 0.2
        if FAMILIES[name] in QUANTIZING:
            rows = [row for w in weights for row in (w, *w) if row.numel() > 100]
            assert any(len(row.unique()) <= min(256, row.numel() // 2) for row in rows)

    def test_has_a_record(self, name):
        record = next(method for method in compress.methods() if method.name == name)
        assert record.paper.isdigit() or record.paper == "ext"
        assert record.where
        assert record.family


def test_names_are_unique():
    assert len(set(NAMES)) == len(NAMES) >= 5


def test_unknown_method_and_setting_name_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'admm_column'"):
        compress.create("admm_colum", made(Cnn))
    with pytest.raises(CompressionError, match="no setting 'keeps'; did you mean 'keep'"):
        compress.create("admm", made(Cnn), keeps=0.1)
    with pytest.raises(CompressionError, match=r"keep=2\.0"):
        compress.create("admm", made(Cnn), keep=2.0)


def test_importing_compress_loads_no_torch():
    code = "import sys, compress; compress.methods(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
