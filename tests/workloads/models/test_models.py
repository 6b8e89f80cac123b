import pytest
import torch

import workloads.models
from accelsim.errors import UnknownNameError

LENET5_MACS = 2_293_000


def test_lenet5_has_the_sizes_of_the_papers():
    model = workloads.models.model("lenet5")
    weights = {name: tuple(p.shape) for name, p in model.named_parameters() if p.ndim > 1}
    assert weights == {
        "conv1.weight": (20, 1, 5, 5),
        "conv2.weight": (50, 20, 5, 5),
        "fc1.weight": (500, 800),
        "fc2.weight": (10, 500),
    }
    assert sum(p.numel() for p in model.parameters()) == 431_080


def test_lenet5_macs_and_output_shape():
    model, macs = workloads.models.model("lenet5"), []
    for layer in (model.conv1, model.conv2, model.fc1, model.fc2):
        layer.register_forward_hook(lambda m, _, out: macs.append(out[0].numel() * m.weight[0].numel()))
    assert model(torch.zeros(3, 1, 28, 28)).shape == (3, 10)
    assert sum(macs) == LENET5_MACS


def test_every_listed_model_builds():
    with torch.device("meta"):  # without memory for hundreds of millions of weights
        for name in workloads.models.list_models():
            assert list(workloads.models.model(name).parameters())


def test_unknown_model_names_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'lenet5'"):
        workloads.models.model("lenet")
