import pytest
import torch
from torch import nn

from accelsim.errors import CompressionError
from compress.base import Compressor
from compress.training.fit import fit
from tests.compress.networks import Cnn, images, made

BATCHES = [(images(8, seed=i), torch.arange(8) % 5) for i in range(3)]


class Counting(Compressor):
    """Writes down which hook was called, in order."""

    def __init__(self, model):
        super().__init__(model)
        self.calls = []

    def penalty(self):
        self.calls.append("penalty")
        return super().penalty()

    def step(self):
        self.calls.append("step")

    def wrap_optimizer(self, optimizer):
        self.calls.append("wrap")
        return optimizer

    def harden(self):
        self.calls.append("harden")

    def finalize(self):
        return self.model


def test_hooks_are_called_in_the_contracts_order():
    model = made(Cnn)
    method, epochs = Counting(model), []
    losses = fit(model, BATCHES, epochs=2, method=method, on_epoch=lambda done, loss: epochs.append((done, loss)))
    assert method.calls == ["wrap"] + ["penalty", "step"] * 6
    assert [done for done, _ in epochs] == [1, 2]
    assert [loss for _, loss in epochs] == losses


def test_the_loss_falls_and_the_same_seed_gives_the_same_weights():
    first, second = made(Cnn), made(Cnn)
    losses = fit(first, BATCHES, epochs=30)
    fit(second, BATCHES, epochs=30)
    assert losses[-1] < 0.7 * losses[0]
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_the_rate_falls_by_a_cosine():
    rates = []

    class Spy(Counting):
        def wrap_optimizer(self, optimizer):
            optimizer.register_step_pre_hook(lambda o, *_: rates.append(o.param_groups[0]["lr"]))
            return optimizer

    model = made(Cnn)
    fit(model, BATCHES, epochs=3, method=Spy(model), learning_rate=0.1, final_rate=0.2)
    assert rates[0] == pytest.approx(0.1)
    assert rates[4] == pytest.approx(0.06)
    assert rates[-1] == pytest.approx(0.02)


def test_the_methods_penalty_is_trained():
    class Decay(Counting):
        def penalty(self):
            return 10 * sum(p.square().sum() for p in self.model.parameters())

    model = nn.Sequential(nn.Flatten(), nn.Linear(256, 5))
    before = float(model[1].weight.detach().norm())
    fit(model, BATCHES, epochs=20, method=Decay(model), learning_rate=1e-2)
    assert float(model[1].weight.detach().norm()) < 0.5 * before


def test_a_loss_that_is_not_finite_stops_with_the_step():
    model = made(Cnn)
    broken = [*BATCHES[:2], (torch.full_like(BATCHES[0][0], torch.nan), BATCHES[0][1])]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(CompressionError, match="the loss is nan at step 3"):
        fit(model, broken, epochs=1)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_the_last_good_epoch_comes_back_where_training_runs_off():
    class Breaks(Counting):
        """The 8th step leaves a NaN behind, of which the loss of that step knows nothing."""

        def step(self):
            super().step()
            if self.calls.count("step") == 8:
                with torch.no_grad():
                    self.model.fc2.bias[0] = torch.nan

    good, model = made(Cnn), made(Cnn)
    fit(good, BATCHES, epochs=2, final_rate=1.0)
    with pytest.raises(CompressionError, match="the loss is nan at step 9; lower the learning rate"):
        fit(model, BATCHES, epochs=3, final_rate=1.0, method=Breaks(model))
    assert all(torch.equal(a, b) for a, b in zip(good.parameters(), model.parameters(), strict=True))


def test_a_weight_that_is_not_finite_after_the_last_step_is_found():
    class Breaks(Counting):
        def step(self):
            with torch.no_grad():
                self.model.fc2.bias[0] = torch.inf

    model = made(Cnn)
    with pytest.raises(CompressionError, match="a weight is NaN or infinite at step 1"):
        fit(model, BATCHES[:1], epochs=1, method=Breaks(model))
    assert bool(torch.isfinite(model.fc2.bias).all())
