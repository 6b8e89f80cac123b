"""SCALE-Sim's configuration files (.cfg) as the mapping that describes a machine."""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import FileFormatError
from ..files import read_text

WHAT = "SCALE-Sim configuration"
LIMIT_BYTES = 2**20
SECTION = "architecture_presets"
DATAFLOWS = ("os", "ws", "is")
CLOCK_MHZ = 1000.0  # SCALE-Sim counts cycles; here a second is needed for energy and bandwidth
_SIZES = {"ifmap_kib": "IfmapSramSzkB", "filter_kib": "FilterSramSzkB", "ofmap_kib": "OfmapSramSzkB"}
_OLDER = {"ifmapsramszkb": "ifmapsramsz", "filtersramszkb": "filtersramsz", "ofmapsramszkb": "ofmapsramsz"}
_NO_COUNTERPART = {  # keys -> how the description names them
    "sparsitysupport": "SparsitySupport (set array.nm)", "ifmapcustomlayout": "IfmapCustomLayout",
    "filtercustomlayout": "FilterCustomLayout", "useramulatortrace": "UseRamulatorTrace",
}  # fmt: skip
_TRUE = ("true", "yes", "on", "1")


def read_scalesim_config(path: Path) -> dict[str, Any]:
    """The machine of a .cfg file as `load_hardware` takes it.

    `ArrayHeight`, `ArrayWidth` and `Dataflow` are the systolic array, `...SramSzkB` the double buffers in KiB.
    `InterfaceBandwidth: USER` is a DRAM of `Bandwidth` bytes a cycle (the least of several), shared by the operands,
    at 1,000 MHz; CALC, or nothing, is the ideal one. Words have one byte. The description names what has no counterpart
    here: layouts of banks, traces of Ramulator, and sparsity, whose n:m is the layers' own (`array.nm` sets it).
    Source: `scale_config.py` of scalesim-project/scale-sim-v2 (versions 2 and 3). Raises MissingFileError, or
    FileFormatError naming the key.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "tpu.cfg"
    >>> array = "[architecture_presets]\\nArrayHeight: 256\\nArrayWidth: 256\\nDataflow: ws\\n"
    >>> _ = file.write_text(array + "IfmapSramSzkB: 6144\\nFilterSramSzkB: 6144\\nOfmapSramSzkB: 2048\\n")
    >>> read_scalesim_config(file)["array"]
    {'kind': 'systolic', 'rows': 256, 'cols': 256, 'dataflow': 'ws'}
    """
    where = f"{WHAT} {str(path)!r}"
    parser = _parsed(read_text(path, WHAT, LIMIT_BYTES), where)
    if not parser.has_section(SECTION):
        raise FileFormatError(f"{where} has no section [{SECTION}]; the array and its buffers are expected there")
    part = parser[SECTION]
    machine: dict[str, Any] = {
        "name": (parser.get("general", "run_name", fallback="").strip().strip('"') or path.stem)[:200],
        "description": _description(parser),
        "source": f"SCALE-Sim configuration {path.name}"[:200],
        "clock_mhz": CLOCK_MHZ,
        "array": {
            "kind": "systolic",
            "rows": _whole(part, "ArrayHeight", where),
            "cols": _whole(part, "ArrayWidth", where),
            "dataflow": _dataflow(part, where),
        },
        "buffers": {field: _whole(part, key, where) for field, key in _SIZES.items()},
    }
    gbps = _gbps(parser, where)
    return machine if gbps is None else {**machine, "dram": {"model": "bandwidth", "gbps": gbps}}


def _parsed(text: str, where: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(text.removeprefix("\ufeff"))
    except configparser.Error as error:
        raise FileFormatError(f"{where} is no configuration: {' '.join(str(error).split())[:200]}") from error
    return parser


def _whole(part: Mapping[str, str], key: str, where: str) -> int:
    """A whole number from 1; the first version calls the buffers' sizes by a shorter name."""
    text = part.get(key, part.get(_OLDER.get(key.lower(), key)))
    if text is None:
        raise FileFormatError(f"{where}: {key} is missing in [{SECTION}]")
    if not (text.strip().isascii() and text.strip().isdigit() and 0 < int(text) <= 2**31):
        raise FileFormatError(f"{where}: {key} is {text[:40]!r}; a whole number from 1 to {2**31} is expected")
    return int(text)


def _dataflow(part: Mapping[str, str], where: str) -> str:
    text = part.get("Dataflow", "").strip().lower()
    if text not in DATAFLOWS:
        raise FileFormatError(f"{where}: Dataflow is {text[:40]!r}; one of {', '.join(DATAFLOWS)} is expected")
    return text


def _gbps(parser: configparser.ConfigParser, where: str) -> float | None:
    """The DRAM's rate where the file sets one; None: every word is there when it is needed."""
    mode = parser.get("run_presets", "InterfaceBandwidth", fallback="CALC").strip().upper()
    if mode not in {"CALC", "USER"}:
        raise FileFormatError(f"{where}: InterfaceBandwidth is {mode[:40]!r}; CALC or USER is expected")
    if mode == "CALC":
        return None
    cells = parser.get(SECTION, "Bandwidth", fallback="").split(",")
    words = [_whole({"Bandwidth": cell.strip()}, "Bandwidth", where) for cell in cells]
    return min(words) * CLOCK_MHZ / 1000


def _description(parser: configparser.ConfigParser) -> str:
    """What the file asks for that has no counterpart, by key; nothing where all of it is carried over."""
    asked = [
        key for section in parser.sections() for key in _NO_COUNTERPART
        if parser.get(section, key, fallback="").strip().lower() in _TRUE
    ]  # fmt: skip
    told = [_NO_COUNTERPART[key] for key in dict.fromkeys(asked)]
    return f"not carried over: {', '.join(told)}" if told else ""
