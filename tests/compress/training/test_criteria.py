"""torch's losses by name: what they compute is what torch computes by hand."""

import pytest
import torch
from torch.nn import functional

from accelsim.errors import CompressionError, UnknownNameError
from compress.training.criteria import criterion, losses

OUTPUTS = torch.rand(4, 5, generator=torch.Generator().manual_seed(0))
CLASSES = torch.tensor([0, 1, 2, 4])
ONE_HOT = functional.one_hot(CLASSES, 5).float()
BY_HAND = {
    "CrossEntropyLoss": lambda: -OUTPUTS.log_softmax(1)[torch.arange(4), CLASSES].mean(),
    "cross_entropy": lambda: -OUTPUTS.log_softmax(1)[torch.arange(4), CLASSES].mean(),
    "NLLLoss": lambda: -OUTPUTS.log_softmax(1)[torch.arange(4), CLASSES].mean(),
    "MSELoss": lambda: ((OUTPUTS - ONE_HOT) ** 2).mean(),
    "l1_loss": lambda: (OUTPUTS - ONE_HOT).abs().mean(),
    "BCEWithLogitsLoss": lambda: (OUTPUTS.exp().log1p() - ONE_HOT * OUTPUTS).mean(),
    "binary_cross_entropy": lambda: -(ONE_HOT * OUTPUTS.log() + (1 - ONE_HOT) * (1 - OUTPUTS).log()).mean(),
    "SoftMarginLoss": lambda: (1 + (-(2 * ONE_HOT - 1) * OUTPUTS).exp()).log().mean(),
    "MultiMarginLoss": lambda: (
        ((1 - OUTPUTS[torch.arange(4), CLASSES][:, None] + OUTPUTS).clamp(min=0) * (1 - ONE_HOT)).sum() / 20
    ),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_a_loss_is_torchs(name):
    torch.testing.assert_close(criterion(name)(OUTPUTS, CLASSES), BY_HAND[name]())


@pytest.mark.parametrize("name", losses())
def test_every_loss_has_a_gradient(name):
    outputs = OUTPUTS.clone().requires_grad_()
    criterion(name)(outputs, CLASSES).backward()
    assert outputs.grad.isfinite().all()


def test_every_step_of_a_sequence_counts():
    words, logits = torch.tensor([[1, 2], [3, 0]]), OUTPUTS.view(2, 2, 5)
    loss = criterion("CrossEntropyLoss")
    torch.testing.assert_close(loss(logits, words), functional.cross_entropy(OUTPUTS, words.flatten()))


def test_settings_go_to_the_loss():
    weight = [1.0, 2.0, 1.0, 1.0, 3.0]
    weighted = criterion("CrossEntropyLoss", {"weight": weight, "reduction": "sum"})(OUTPUTS, CLASSES)
    expected = functional.cross_entropy(OUTPUTS, CLASSES, torch.tensor(weight), reduction="sum")
    torch.testing.assert_close(weighted, expected)
    with pytest.raises(CompressionError, match="cannot take"):
        criterion("MSELoss", {"smooth": 1})


@pytest.mark.parametrize("name", ["TripletMarginLoss", "Linear", "relu", "mse"])
def test_what_is_no_loss_of_outputs_and_targets_is_named(name):
    with pytest.raises(UnknownNameError, match=f"unknown criterion '{name}'"):
        criterion(name)
