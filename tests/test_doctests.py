"""Every example in a docstring is run, and the names that a user calls have one."""

import doctest
from importlib import import_module
from pathlib import Path

import pytest

import accelsim
import compress
import workloads

ROOT = Path(__file__).parent.parent
PACKAGES = ("accelsim", "compress", "workloads", "plots", "explore")
PROMPT = ">>" + "> "
WITH_EXAMPLES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
    if f"\n{PROMPT}" in (text := path.read_text()) or f" {PROMPT}" in text
]
CALLED = (
    *(accelsim.simulate, accelsim.load_hardware, accelsim.ppr, accelsim.compare_machines, accelsim.Report),
    *(accelsim.GemmTrace, accelsim.GemmTrace.from_conv, accelsim.GemmTrace.random, accelsim.Workload),
    *(accelsim.formats.encode, accelsim.memory.dram.replay, accelsim.plot),
    *(compress.create, compress.save, compress.fit, compress.shrink, compress.ADMMPruner),
    *(workloads.load, workloads.from_torch, workloads.from_onnx, workloads.from_checkpoint, workloads.open_workload),
)


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_hold(name):
    result = doctest.testmod(import_module(name), optionflags=doctest.IGNORE_EXCEPTION_DETAIL)
    assert result.failed == 0


def test_a_wrong_example_would_fail():
    example = doctest.DocTestParser().get_doctest(f"{PROMPT}1 + 1\n3\n", {}, "wrong", None, 0)
    assert doctest.DocTestRunner(verbose=False).run(example, out=lambda text: None).failed == 1


@pytest.mark.parametrize("called", CALLED, ids=lambda called: called.__qualname__)
def test_what_a_user_calls_has_an_example(called):
    assert PROMPT in (called.__doc__ or "")
