"""A network of which something is not simulated, and what an output must say of it."""

import re
from dataclasses import replace

from accelsim.trace.gemm import GemmTrace
from accelsim.trace.not_simulated import NotSimulated
from accelsim.trace.workload import Workload

PART = NotSimulated("head", "com.example::Mystery", 24_000)
SHARE = 0.75  # 24,000 of 32,000 MACs: the two layers have 6,400 and 1,600
LINE = re.compile(r"not simulated: (?P<parts>.+?) = (?P<macs>[\d,]+) MACs, (?P<percent>[\d.]+) % of the network's")
WHOLE = Workload(
    "net", [GemmTrace("fc1", weight=[[1, 0] * 10] * 40, M=8), GemmTrace("fc2", weight=[[2, 3] * 10] * 10, M=8)]
)
PARTIAL = replace(WHOLE, not_simulated=(PART,))


def told(text: str) -> list[tuple[str, int, float]]:
    """(name and operation, MACs, percent) of every line on what is not simulated."""
    return [(m["parts"], int(m["macs"].replace(",", "")), float(m["percent"])) for m in LINE.finditer(text)]


EXPECTED = ("head (com.example::Mystery)", 24_000, 75.0)
