"""The registry of parts: what ships, what a program adds, and what installed packages offer."""

import sys

import pytest

from accelsim.errors import ConfigError, UnknownNameError
from accelsim.registry import Registry
from tests.packages import install

SHIPPED = {"config": "accelsim.errors:ConfigError", "trace": "accelsim.errors:TraceError"}


@pytest.fixture
def registry(request):
    """A group of its own a test: whatever packages other tests installed are of other groups."""
    return Registry("error", f"accelsim.{request.node.name}", SHIPPED)


def test_a_shipped_part_is_imported_when_it_is_asked_for():
    lazy = Registry("oddity", "accelsim.oddities", {"this": "this:s"})  # the module that prints a poem
    sys.modules.pop("this", None)
    assert lazy.names() == ["this"]
    assert "this" not in sys.modules
    assert lazy.get("this").startswith("Gur Mra")


def test_an_unknown_name_is_told_the_nearest(registry):
    with pytest.raises(UnknownNameError, match="unknown error 'trade'; did you mean 'trace'"):
        registry.get("trade")


def test_an_added_part_is_known_and_listed_behind_the_shipped_ones(registry):
    registry.add("zeta", ZeroDivisionError)
    registry.add("alpha", ArithmeticError)
    assert registry.get("alpha") is ArithmeticError
    assert registry.names() == ["config", "trace", "alpha", "zeta"]


def test_a_name_is_one_parts(registry):
    registry.add("zero", ZeroDivisionError)
    registry.add("zero", ZeroDivisionError)
    registry.add("config", ConfigError)
    with pytest.raises(ConfigError, match="error 'zero' is registered already"):
        registry.add("zero", ArithmeticError)
    with pytest.raises(ConfigError, match="error 'trace' is registered already"):
        registry.add("trace", ArithmeticError)


def test_an_installed_packages_part_is_known(registry, tmp_path, monkeypatch):
    install(tmp_path, monkeypatch, registry.group, {"odd": "odd_package:ODD"}, odd_package="ODD = 7")
    assert "odd_package" not in sys.modules
    assert registry.names() == ["config", "trace", "odd"]
    assert registry.get("odd") == 7


def test_a_package_that_fails_to_load_is_named(registry, tmp_path, monkeypatch):
    install(tmp_path, monkeypatch, registry.group, {"bad": "bad_package:PART"}, bad_package="1 / 0")
    with pytest.raises(ConfigError, match=r"error 'bad', the entry point 'bad_package:PART' of .*: division by zero"):
        registry.get("bad")
    assert registry.get("trace").__name__ == "TraceError"  # the others work
