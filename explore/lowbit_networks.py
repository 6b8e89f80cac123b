"""The demo's low-bit networks: LeNet-5 with power-of-two weights for shifters, and a binary one for XNOR and popcount.

How long each trains are the tables `FULL` and `FAST`; everything below them only carries them out.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from compress.inq import IncrementalQuantizer
from compress.xnor_net import XnorNet
from explore.network_training import Schedule, Study, Trained, Training
from workloads.models import model as zoo_model

LOW_BIT_BATCH = 64
INQ_RATE, REAL_RATE, BINARY_RATE = Schedule(1e-3), Schedule(2e-3), Schedule(5e-3)


@dataclass(frozen=True)
class Pow2Plan:
    """INQ: the portions of weights that become powers of two, epochs after each, epochs when all are."""

    portions: tuple[float, ...] = (0.5, 0.75, 0.875)
    epochs_per_portion: int = 1
    retrain_epochs: int = 1
    bits: int = 4
    rate: Schedule = INQ_RATE

    @property
    def epochs(self) -> int:
        """All of them."""
        return len(self.portions) * self.epochs_per_portion + self.retrain_epochs


@dataclass(frozen=True)
class BinaryPlan:
    """XNOR-Net: epochs as a real network, which gives the batch norms their statistics, then with binary layers."""

    real_epochs: int = 2
    epochs: int = 14
    real_rate: Schedule = REAL_RATE
    rate: Schedule = BINARY_RATE


@dataclass(frozen=True)
class LowBitBudget:
    """What one run trains of both networks."""

    pow2: Pow2Plan
    binary: BinaryPlan

    @property
    def epochs(self) -> int:
        """All epochs of both networks."""
        return self.pow2.epochs + self.binary.real_epochs + self.binary.epochs


FULL = LowBitBudget(Pow2Plan(epochs_per_portion=2), BinaryPlan(real_epochs=2, epochs=14))
FAST = LowBitBudget(Pow2Plan(), BinaryPlan(real_epochs=1, epochs=7))


def low_bit_tasks(study: Study, baseline: nn.Module, budget: LowBitBudget) -> list[Callable[[], Trained]]:
    """What trains and saves `pow2` and `binary`, each when called, from copies of the trained LeNet-5 `baseline`.

    The calls share nothing but the study, so they may run side by side. They take `budget.epochs` epochs in all.
    """
    start = copy.deepcopy(baseline)
    return [lambda: train_pow2(study, start, budget.pow2), lambda: train_binary(study, start, budget.binary)]


def train_pow2(study: Study, baseline: nn.Module, plan: Pow2Plan) -> Trained:
    """`pow2`: every weight 0 or a signed power of two by INQ, inputs at 8 bits; `baseline` stays as it is."""
    training = Training(study, "pow2", copy.deepcopy(baseline), batch=LOW_BIT_BATCH)
    method = IncrementalQuantizer(
        training.model,
        study.example,
        plan.bits,
        plan.portions,
        steps_per_portion=plan.epochs_per_portion * len(training.batches),
    )
    training.fit("inq", plan.epochs_per_portion * len(plan.portions), plan.rate, method)
    method.harden()
    training.fit("retrain", plan.retrain_epochs, plan.rate, method)
    method.finalize()
    return training.save(method)


def train_binary(study: Study, baseline: nn.Module, plan: BinaryPlan) -> Trained:
    """`binary`: LeNet-5 in XNOR-Net's order, conv2 and fc1 on signs, conv1 and fc2 at 8 bits.

    It starts from the weights of `baseline`, which stays as it is.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(study.seed)
        model = zoo_model("lenet5_xnor")
    model.load_state_dict(copy.deepcopy(baseline.state_dict()), strict=False)  # it has no batch norms
    model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's overloads omit it
    training = Training(study, "binary", model, kind="lenet5_xnor", batch=LOW_BIT_BATCH)
    training.fit("real", plan.real_epochs, plan.real_rate)
    method = XnorNet(model, study.example)
    training.fit("xnor-net", plan.epochs, plan.rate, method)
    method.harden()
    method.finalize()
    return training.save(method)
