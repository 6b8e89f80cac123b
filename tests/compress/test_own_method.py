"""A method of somebody's own: by decorator, and out of an installed package."""

import pytest
import torch
from torch import nn

import compress
from accelsim.errors import ConfigError, UnknownNameError
from compress import registry
from tests.packages import install

PACKAGE = """
from compress.registry import factory

def quarter(model, example_input=None, rho=0.01):
    "Keeps a quarter.\\n\\nMore words."
    return factory("admm")(model, example_input=example_input, keep=0.25, rho=rho)
"""


@pytest.fixture(autouse=True)
def forget(monkeypatch):
    """What a test registers is forgotten after it."""
    monkeypatch.setattr(registry.FACTORIES, "_values", {})
    monkeypatch.setattr(registry, "_OWN", {})


def half(model, example_input=None, keep=0.5):
    """ADMM that leaves half of the weights."""
    return registry.factory("admm")(model, example_input=example_input, keep=keep)


def test_a_registered_method_is_listed_and_made():
    assert compress.register_method("half", family="regularized_pruning", where="here")(half) is half
    assert compress.methods()[-1] == compress.Method("half", "regularized_pruning", "ext", "here")
    model = nn.Linear(20, 10)
    method = compress.create("half", model, example_input=torch.zeros(1, 20))
    method.harden()
    assert int((model.weight == 0).sum()) == 100
    with pytest.raises(ValueError, match="method 'half' has no setting 'kep'; did you mean 'keep'"):
        compress.create("half", model, kep=0.1)
    with pytest.raises(UnknownNameError, match="did you mean 'half'"):
        compress.create("haf", model)


def test_a_name_is_one_methods():
    with pytest.raises(ConfigError, match="method 'admm' is registered already"):
        compress.register_method("admm", family="regularized_pruning")(half)
    with pytest.raises(ConfigError, match="a factory that takes"):
        compress.register_method("none", family="regularized_pruning")(3)
    assert [m.name for m in compress.methods()] == [*registry.FACTORIES.shipped]


def test_an_installed_method_is_known_by_its_docstring(tmp_path, monkeypatch):
    install(tmp_path, monkeypatch, "accelsim.methods", {"quarter": "quarters:quarter"}, quarters=PACKAGE)
    assert compress.methods()[-1] == compress.Method("quarter", "other", "ext", "Keeps a quarter.")
    model = nn.Linear(20, 10)
    compress.create("quarter", model, example_input=torch.zeros(1, 20)).harden()
    assert int((model.weight != 0).sum()) == 50
