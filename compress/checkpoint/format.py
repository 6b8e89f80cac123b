"""What a saved network is, and how it is read: two files, no torch, nothing executed.

A checkpoint folder holds `manifest.json` and `model.safetensors`. The manifest lists the layers in the order in which
they run, each as the record of its trace (accelsim.trace.serialization) with its scales, the operators between them,
the graph of who reads whom, and what is in neither; the tensors are `<layer>.weight` and `<layer>.activation`, and
where there are any `<layer>.columns`, `<layer>.inputs` and `<layer>.bias`. Manifests of version 2, which have layers
alone, are read too, and so are those of version 1, with another record of a layer (compress.checkpoint.version1).
Where manifests of these do not say which layers were pruned, compress.checkpoint.pruned works it out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from accelsim.errors import FileFormatError, MissingFileError, TraceError
from accelsim.files import read_bytes, read_json
from accelsim.trace.gemm import GemmTrace
from accelsim.trace.graph import graph_from_record
from accelsim.trace.not_simulated import NotSimulated, not_simulated_from_records
from accelsim.trace.operator import Operator, operator_from_record
from accelsim.trace.reader import RecordReader
from accelsim.trace.serialization import restore
from accelsim.trace.workload import Workload
from accelsim.validation import is_number, is_whole

from .pruned import pruned_by, smaller
from .version1 import check_columns, modern

MANIFEST, TENSORS = "manifest.json", "model.safetensors"
FORMAT, VERSION = "accelsim-checkpoint", 3
TENSORS_LIMIT_BYTES = 2**33


@dataclass(frozen=True, eq=False)
class SavedLayer:
    """A layer of a checkpoint: its trace, and what turns the trace's integers back into the network's numbers.

    trace: the layer as the hardware sees it: its integers, their format, and the shape that it had uncompressed.
    weight_scale: weight ≈ integers · scale, one number or one a filter (groups·N,); of a product of two activations
        (kind attention) that of the second. Batch norms behind the layer are in neither.
    activation_scale: the same for the layer's input.
    bias: float32 (groups·N,) or None.
    inputs: int64 (K,), which inputs of a linear layer the trace's columns are, where not all are left; else None.
        (A convolution's are `trace.conv.columns`.)
    """

    trace: GemmTrace
    weight_scale: float | np.ndarray
    activation_scale: float
    bias: np.ndarray | None = None
    inputs: np.ndarray | None = None

    def __repr__(self) -> str:
        """One line; the integers are in `trace`."""
        return f"SavedLayer({self.trace!r}; .trace, .weight_scale and .activation_scale hold its numbers)"

    @property
    def name(self) -> str:
        """The layer's name, the trace's."""
        return self.trace.name

    def decoded(self) -> np.ndarray:
        """The weight as real numbers: integers · scale, float64 (groups·N, K)."""
        weight = self.trace.weight
        assert weight is not None
        return np.asarray(weight * np.asarray(self.weight_scale, np.float64).reshape(-1, 1))


@dataclass(frozen=True)
class Checkpoint:
    """A saved network: its layers in the order in which they run, and what is known about it.

    operators, graph, not_simulated: as a Workload has them; empty where an older version knew layers alone.
    not_lowered: operations without matrix work that are no operator, and where they are.
    """

    name: str
    layers: tuple[SavedLayer, ...]
    accuracy: float | None
    method: str | None
    provenance: Mapping[str, Any]
    operators: tuple[Operator, ...] = ()
    graph: Mapping[str, Any] = field(default_factory=dict)
    not_simulated: tuple[NotSimulated, ...] = ()
    not_lowered: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """One line; `layers` hold the integers."""
        accuracy = "unknown" if self.accuracy is None else f"{100 * self.accuracy:.2f} %"
        return (
            f"Checkpoint({self.name[:80]!r} by {self.method}: {len(self.layers)} layers, accuracy {accuracy}; .layers)"
        )

    @property
    def traces(self) -> tuple[GemmTrace, ...]:
        """The layers as the hardware sees them."""
        return tuple(layer.trace for layer in self.layers)

    def workload(self, provenance: Mapping[str, Any]) -> Workload:
        """All of it as the simulator takes it, with this provenance."""
        return Workload(self.name, self.traces, provenance, self.operators, self.graph, self.not_simulated)


def read(folder: str | Path) -> Checkpoint:
    """The checkpoint in `folder`, without torch.

    Raises MissingFileError where the folder or one of its two files is not there, FileFormatError where their content
    is broken, cut or contradicts itself.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise MissingFileError(f"checkpoint folder {str(folder)!r} is not there")
    manifest = read_json(folder / MANIFEST, "checkpoint manifest")
    content = read_bytes(folder / TENSORS, "checkpoint tensors", TENSORS_LIMIT_BYTES)
    where = f"checkpoint {str(folder)!r}"
    if not isinstance(manifest, dict):
        raise FileFormatError(f"{where}: {MANIFEST} holds a {type(manifest).__name__}; an object is expected")
    version = manifest.get("version")
    if manifest.get("format") != FORMAT or not is_whole(version, 1, VERSION):
        raise FileFormatError(f"{where}: {MANIFEST} is not of format {FORMAT!r}, version 1 to {VERSION}")
    tensors = _tensors(content, manifest.get("tensors_sha256"), where)
    layers = _field(manifest, "layers", list, where)
    if not layers:
        raise FileFormatError(f"{where}: {MANIFEST} lists no layers")
    facts = _facts(manifest, where)
    pruned = pruned_by(facts[1], facts[2])
    saved = tuple(_layer(entry, version, tensors, pruned, f"{where}: layer {i}") for i, entry in enumerate(layers))
    if len({layer.name for layer in saved}) != len(saved):
        raise FileFormatError(f"{where}: two layers have the same name")
    checkpoint = Checkpoint(folder.resolve().name, saved, *facts, **(_between(manifest, where) if version > 2 else {}))
    try:
        checkpoint.workload({})
    except TraceError as error:
        raise FileFormatError(f"{where}: {error}") from error
    return checkpoint


def _between(manifest: dict[str, Any], where: str) -> dict[str, Any]:
    """What a manifest says beside its layers."""
    operators = _field(manifest, "operators", list, where)
    told = _field(manifest, "not_lowered", list, where)
    if not all(isinstance(text, str) for text in told):
        raise FileFormatError(f"{where}: not_lowered is {told!r:.60}; a list of texts is expected")
    return {
        "operators": tuple(operator_from_record(one, f"{where}: operator {i}") for i, one in enumerate(operators)),
        "graph": graph_from_record(_field(manifest, "graph", dict, where), where),
        "not_simulated": not_simulated_from_records(manifest.get("not_simulated"), where),
        "not_lowered": tuple(told),
    }


def _facts(manifest: dict[str, Any], where: str) -> tuple[float | None, str | None, dict[str, Any]]:
    accuracy, method = manifest.get("accuracy"), manifest.get("method")
    if accuracy is not None and not (is_number(accuracy) and 0 <= accuracy <= 1):
        raise FileFormatError(f"{where}: accuracy is {accuracy!r}; a fraction from 0 to 1 is expected")
    if method is not None and not isinstance(method, str):
        raise FileFormatError(f"{where}: method is {method!r}; a text is expected")
    return accuracy, method, _field(manifest, "provenance", dict, where)


def _tensors(content: bytes, digest: Any, where: str) -> dict[str, np.ndarray]:
    """The arrays of the safetensors file; its digest must be the manifest's, so the two files belong together."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    if hashlib.sha256(content).hexdigest() != digest:
        raise FileFormatError(f"{where}: {TENSORS} is damaged, or not the file that {MANIFEST} was written with")
    try:
        tensors: dict[str, np.ndarray] = load(content)
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise FileFormatError(
            f"{where}: {TENSORS} is not a safetensors file: {' '.join(str(error).split())}"
        ) from error
    return tensors


def _layer(
    record: Any, version: int, tensors: dict[str, np.ndarray], pruned: Callable[[str], bool], where: str
) -> SavedLayer:
    """One layer from its manifest entry and its tensors, checked; `pruned` tells what it does not say."""
    name = RecordReader(record, where).text("name")
    reader = RecordReader(record, f"{where} ({name!r:.60})")
    arrays = {own: array for (layer, _, own), array in _parts(tensors) if layer == name}
    if version == 1:
        record, arrays = modern(reader, arrays)
    trace = restore(record, "", arrays, where, whole=version > 1)
    if "pruned" not in record:
        trace = replace(trace, pruned=pruned(name) or smaller(trace))
    if trace.operation == "any":  # what was saved before layers said what they are
        trace = replace(trace, operation="mac")
    filters, bias, inputs = trace.groups * trace.N, arrays.get("bias"), arrays.get("inputs")
    if bias is not None and bias.shape != (filters,):
        raise FileFormatError(f"{reader.where}: bias has shape {bias.shape}; expected {(filters,)}")
    if inputs is not None:
        _check_inputs(inputs, trace, reader.where)
    scale = _scale(reader, filters)
    return SavedLayer(
        trace, scale, _positive(reader.value("activation_scale"), "activation_scale", reader), bias, inputs
    )


def _parts(tensors: dict[str, np.ndarray]) -> Iterator[tuple[tuple[str, str, str], np.ndarray]]:
    """Each tensor with its name as (layer, ".", what it is of the layer)."""
    return ((key.rpartition("."), tensor) for key, tensor in tensors.items())


def _check_inputs(inputs: np.ndarray, trace: GemmTrace, where: str) -> None:
    """They must be one a column of the trace, and those of its uncompressed layer."""
    check_columns(inputs, trace.dense_shape.K, where)
    if len(inputs) != trace.K:
        raise FileFormatError(f"{where}: inputs has {len(inputs)} numbers; expected {trace.K}")


def _scale(reader: RecordReader, filters: int) -> float | np.ndarray:
    """The weight's scale: one number, or one a filter."""
    value = reader.value("weight_scale")
    if not isinstance(value, list):
        return _positive(value, "weight_scale", reader)
    if len(value) != filters:
        raise FileFormatError(f"{reader.where}: weight_scale has {len(value)} values; expected one, or {filters}")
    return np.array([_positive(v, "weight_scale", reader) for v in value])


def _positive(value: Any, key: str, reader: RecordReader) -> float:
    if not is_number(value) or value <= 0:
        raise FileFormatError(f"{reader.where}: {key} is {value!r:.60}; a finite number above 0 is expected")
    return float(value)


def _field(entry: dict[str, Any], key: str, kind: type, where: str) -> Any:
    value = entry.get(key)
    if not isinstance(value, kind):
        raise FileFormatError(f"{where}: {key} is {value!r:.60}; a {kind.__name__} is expected")
    return value
