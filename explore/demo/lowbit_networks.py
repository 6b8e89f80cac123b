"""The demo's low-bit networks: LeNet-5 with weights that a shifter, XNOR gates, an adder or bit-serial PEs multiply by.

How long each trains are the tables `FULL` and `FAST`; everything below them only carries them out.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

import workloads
from compress.quantizers.admm import admm_ternary
from compress.quantizers.inq import IncrementalQuantizer
from compress.quantizers.integer import calibrate_activations
from compress.quantizers.xnor_net import XnorNet
from explore.demo.mixed_precision import MixedPrecision, least_bits
from explore.demo.network_training import CALIBRATION_IMAGES, Schedule, Study, Trained, Training
from workloads.models import model as zoo_model

LOW_BIT_BATCH = 64
INQ_RATE, REAL_RATE, BINARY_RATE = Schedule(1e-3), Schedule(2e-3), Schedule(5e-3)
TERNARY_ADMM_RATE, TERNARY_RATE = Schedule(2e-3, final=1.0), Schedule(2e-3)


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
class TernaryPlan:
    """ADMM towards −q, 0 and q for some iterations of an epoch each, then epochs with the weights on them."""

    iterations: int = 1
    retrain_epochs: int = 2
    rho: float = 3e-3

    @property
    def epochs(self) -> int:
        """All of them."""
        return self.iterations + self.retrain_epochs


@dataclass(frozen=True)
class LowBitBudget:
    """What one run trains of the networks, and on how many training digits the bits of `mixed` are searched."""

    pow2: Pow2Plan
    binary: BinaryPlan
    ternary: TernaryPlan = TernaryPlan()
    search_digits: int = 500

    @property
    def epochs(self) -> int:
        """All epochs of all networks."""
        return self.pow2.epochs + self.binary.real_epochs + self.binary.epochs + self.ternary.epochs


FULL = LowBitBudget(
    Pow2Plan(epochs_per_portion=2),
    BinaryPlan(real_epochs=2, epochs=14),
    TernaryPlan(iterations=2, retrain_epochs=3),
    search_digits=1000,
)
FAST = LowBitBudget(Pow2Plan(), BinaryPlan(real_epochs=1, epochs=7))


def low_bit_tasks(study: Study, baseline: nn.Module, budget: LowBitBudget) -> list[Callable[[], Trained]]:
    """What trains and saves `pow2`, `binary`, `ternary` and `mixed`, each when called, from copies of `baseline`.

    That is the trained LeNet-5. The calls share nothing but the study, so they may run side by side. They take
    `budget.epochs` epochs in all.
    """
    start = copy.deepcopy(baseline)
    return [
        lambda: train_pow2(study, start, budget.pow2),
        lambda: train_binary(study, start, budget.binary),
        lambda: train_ternary(study, start, budget.ternary),
        lambda: choose_mixed(study, start, budget.search_digits),
    ]


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


def train_ternary(study: Study, baseline: nn.Module, plan: TernaryPlan) -> Trained:
    """`ternary`: the weights of each layer −q, 0 or q by ADMM, inputs at 8 bits; `baseline` stays as it is."""
    training = Training(study, "ternary", copy.deepcopy(baseline), batch=LOW_BIT_BATCH)
    method = admm_ternary(training.model, study.example, rho=plan.rho, steps_per_iteration=len(training.batches))
    training.fit("admm", plan.iterations, TERNARY_ADMM_RATE, method)
    method.harden()
    training.fit("retrain", plan.retrain_epochs, TERNARY_RATE, method)
    method.finalize()
    return training.save(method)


def choose_mixed(study: Study, baseline: nn.Module, search_digits: int) -> Trained:
    """`mixed`: the baseline's own weights, each layer at the fewest bits that keep the accuracy, without training.

    The digits of the search are the last of the training digits; the inputs are calibrated on the first.
    """
    training = Training(study, "mixed", copy.deepcopy(baseline))
    data, started = study.data, time.perf_counter()
    activations = calibrate_activations(training.model, torch.split(data.train_images[:CALIBRATION_IMAGES], 100))
    macs = {trace.name: trace.macs for trace in workloads.load("lenet5")}
    bits = least_bits(
        training.model, macs, activations, data.train_images[-search_digits:], data.train_labels[-search_digits:]
    )
    training.epochs["search"], training.seconds["search"] = 0, round(time.perf_counter() - started, 2)
    return training.save(MixedPrecision(training.model, bits, activations, study.example))
