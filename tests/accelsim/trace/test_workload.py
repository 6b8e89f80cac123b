"""Workload: what it holds, and that its file gives back everything or says what is wrong."""

import dataclasses
import io
import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from accelsim import ConvGeometry, GemmTrace, Workload
from accelsim.errors import FileFormatError, MissingFileError, OutputError, TraceError
from accelsim.trace.not_simulated import NotSimulated
from accelsim.trace.operand import PatternOperand

FIELDS = (
    *("name", "M", "N", "K", "groups", "number_format", "kind", "conv", "repeat"),
    *("dense_shape", "dense_groups", "operation"),
)


def sample() -> Workload:
    """One trace of every sort that a file must hold."""
    rng = np.random.default_rng(0)

    def ints(*shape: int) -> np.ndarray:
        return rng.integers(-4, 5, shape)

    kept = ConvGeometry(2, 3, 7, 8, (3, 3), (2, 1), (1, 1), (1, 2), columns=(0, 4, 5, 20))
    pow2 = {"weight_bits": 4, "weight_coding": "pow2"}
    codebook = {"weight_bits": 16, "weight_coding": "codebook", "codebook_bits": 4}
    return Workload(
        "sample",
        [
            GemmTrace(
                "fc", weight=ints(6, 8), activation=ints(3, 8).astype(np.int8), dense_shape=(3, 10, 20), repeat=3
            ),
            GemmTrace.from_conv("conv", weight=ints(6, 2, 3, 3), ifmap=ints(2, 4, 8, 8), groups=2, padding=1),
            GemmTrace("kept", weight=ints(5, 4), activation=ints(2, 3, 7, 8), conv=kept, dense_shape=(60, 5, 27)),
            GemmTrace.random("n:m", M=4, N=5, K=16, weight_density=0.5, distribution="2:4", seed=4, groups=2),
            GemmTrace.random("random conv", N=5, conv=kept, activation_density=0.3, seed=5, **pow2),
            GemmTrace("shape", M=3, N=4, K=5, kind="lstm", operation="l1", **codebook),
        ],
        {"source": "a test", "seed": 0},
    )


def saved(tmp_path: Path) -> Path:
    path = tmp_path / "w.npz"
    sample().save(path)
    return path


def contents(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


def manifest(arrays: dict[str, np.ndarray]) -> dict:
    return json.loads(arrays["workload"].tobytes())


def with_manifest(arrays: dict[str, np.ndarray], changed: object) -> dict[str, np.ndarray]:
    return arrays | {"workload": np.frombuffer(json.dumps(changed).encode(), np.uint8)}


def test_a_file_gives_back_every_field_and_every_integer(tmp_path):
    before, after = sample(), Workload.load(saved(tmp_path))
    assert (after.name, after.provenance, after.macs) == (before.name, before.provenance, before.macs)
    for a, b in zip(before, after, strict=True):
        assert [getattr(a, f) for f in FIELDS] == [getattr(b, f) for f in FIELDS]
        for one, other in ((a.weight_operand, b.weight_operand), (a.activation_operand, b.activation_operand)):
            assert type(one) is type(other)
            if one is not None:
                assert one.whole().dtype == other.whole().dtype
                np.testing.assert_array_equal(one.whole(), other.whole())
    assert isinstance(after["n:m"].weight_operand, PatternOperand)  # still a pattern, not its integers


def test_patterns_are_not_drawn_to_be_saved(tmp_path):
    huge = GemmTrace.random("huge", M=2**20, N=2**20, K=2**20)
    Workload("huge", [huge]).save(tmp_path / "w.npz")
    assert Workload.load(tmp_path / "w.npz").macs == 2**60
    assert (tmp_path / "w.npz").stat().st_size < 2000


def test_the_same_workload_gives_the_same_bytes_and_nothing_beside(tmp_path):
    first = saved(tmp_path).read_bytes()
    assert saved(tmp_path).read_bytes() == first
    assert [p.name for p in tmp_path.iterdir()] == ["w.npz"]


def test_numpy_numbers_in_shapes_and_provenance_are_saved(tmp_path):
    trace = GemmTrace("t", M=2, N=2, K=2, weight_bits=np.int64(4), dense_shape=(np.int64(2), 3, 4))
    Workload("w", [trace], {"accuracy": np.float64(0.5)}).save(tmp_path / "w.npz")
    back = Workload.load(tmp_path / "w.npz")
    assert back.provenance == {"accuracy": 0.5}
    assert back["t"].dense_shape == (2, 3, 4)


def test_macs_count_groups_and_repeats():
    assert Workload("w", [GemmTrace("a", M=2, N=3, K=5, groups=7, repeat=11)]).macs == 2 * 3 * 5 * 7 * 11


def test_no_traces_and_equal_names_are_refused():
    trace = GemmTrace("a", M=1, N=1, K=1)
    with pytest.raises(TraceError, match="no traces"):
        Workload("w", [])
    with pytest.raises(TraceError, match="more than one trace named 'a'"):
        Workload("w", [trace, trace])


def test_an_unknown_layer_is_a_key_error():
    with pytest.raises(KeyError):
        sample()["nowhere"]


def test_provenance_beyond_json_and_unwritable_places_are_refused(tmp_path):
    with pytest.raises(TraceError, match="provenance"):
        Workload("w", [GemmTrace("a", M=1, N=1, K=1)], {"x": object()}).save(tmp_path / "w.npz")
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError):
        sample().save(tmp_path / "file" / "w.npz")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(MissingFileError, match=r"none\.npz"):
        Workload.load(tmp_path / "none.npz")


class Touch:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def refused(path: Path) -> str:
    """The one line that Workload.load says about a file."""
    with pytest.raises(FileFormatError) as caught:
        Workload.load(path)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 600
    assert str(path) in message
    return message


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.5, 0.9, 0.999])
def test_a_cut_file_is_refused(tmp_path, share):
    path = saved(tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    refused(path)


def test_no_flipped_byte_passes_unseen(tmp_path):
    """Every array has a checksum, so a damaged file is refused or, where the byte means nothing, reads the same."""
    path = saved(tmp_path)
    data, rng = path.read_bytes(), np.random.default_rng(1)
    for at in rng.integers(0, len(data), 60):
        path.write_bytes(data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :])
        try:
            back = Workload.load(path)
        except FileFormatError:
            continue
        np.testing.assert_array_equal(back["fc"].weight, sample()["fc"].weight)


@pytest.mark.parametrize("data", [b"PK\x03\x04 no zip", b"\x93NUMPY", b"\x00" * 99, bytes(range(256)) * 4])
def test_noise_is_refused(tmp_path, data):
    (tmp_path / "w.npz").write_bytes(data)
    refused(tmp_path / "w.npz")


def test_pickles_are_refused_and_never_run(tmp_path):
    path = saved(tmp_path)
    names = contents(path)
    marker = tmp_path / "executed"
    np.savez(path, allow_pickle=True, **{n: np.array([Touch(marker)], dtype=object) for n in names})
    refused(path)
    path.write_bytes(pickle.dumps(Touch(marker)))
    refused(path)
    assert not marker.exists()


def test_a_file_that_unpacks_without_end_is_refused_unread(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (2**45,)})
    with zipfile.ZipFile(tmp_path / "w.npz", "w") as archive:
        archive.writestr("workload.npy", header.getvalue() + b"{}")
    refused(tmp_path / "w.npz")


@pytest.mark.parametrize("lost", ["workload", "0.weight", "1.activation", "2.columns"])
def test_a_lost_array_is_named(tmp_path, lost):
    path = saved(tmp_path)
    arrays = contents(path)
    del arrays[lost]
    np.savez(path, **arrays)
    assert lost in refused(path)


def test_an_array_too_many_is_named(tmp_path):
    path = saved(tmp_path)
    np.savez(path, **contents(path), stray=np.arange(3))
    assert "stray" in refused(path)


def test_another_npz_is_refused(tmp_path):
    np.savez(tmp_path / "w.npz", a=np.arange(3))
    assert "Workload.save" in refused(tmp_path / "w.npz")


@pytest.mark.parametrize(
    ("key", "array", "says"),
    [
        ("0.weight", np.zeros((2, 2), np.int8), "shape"),
        ("0.weight", np.full((6, 8), np.nan), "nan"),
        ("0.weight", np.full((6, 8), 300), "300"),
        ("0.activation", np.array([["x"] * 8] * 3), "integers"),
        ("2.columns", np.array([5, 4, 3, 2]), "rise"),
        ("2.columns", np.array([0.0, 1.0, 2.0, 3.0]), "int64"),
        ("workload", np.frombuffer(b"{", np.uint8), "JSON"),
        ("workload", np.frombuffer(b"[" * 10**5, np.uint8), "JSON"),
        ("workload", np.arange(3), "Workload.save"),
    ],
)
def test_arrays_that_contradict_the_layer_are_refused(tmp_path, key, array, says):
    path = saved(tmp_path)
    np.savez(path, **(contents(path) | {key: array}))
    assert says in refused(path)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[
            (field, value)
            for field in ("M", "N", "K", "groups", "repeat")
            for value in (0, -1, 1.5, "3", None, True, 10**30)
        ],
        *[("weight_bits", value) for value in (0, 33, "8", None)],
        *[("dense_shape", value) for value in ([1, 2], [1, 2, 0], "123", None)],
        *[("conv", value) for value in ({}, [], 3)],
        *[("weight", value) for value in ({}, [], 3, "arrays", {"density": 2})],
        ("name", ""),
        ("name", 3),
        ("kind", None),
        ("weight_coding", "roman"),
        *[("operation", value) for value in ("l2", None, [])],
    ],
)
def test_wrong_fields_of_a_layer_are_named(tmp_path, field, value):
    path = saved(tmp_path)
    arrays = contents(path)
    changed = manifest(arrays)
    changed["layers"][0][field] = value
    np.savez(path, **with_manifest(arrays, changed))
    assert field in refused(path)


def test_every_field_of_a_layer_is_required(tmp_path):
    path = saved(tmp_path)
    arrays = contents(path)
    for field in manifest(arrays)["layers"][0]:
        changed = manifest(arrays)
        del changed["layers"][0][field]
        np.savez(path, **with_manifest(arrays, changed))
        if field == "pruned":  # files of earlier versions do not say it
            assert Workload.load(path).traces[0].pruned
            continue
        assert f"{field} is missing" in refused(path)


@pytest.mark.parametrize("changed", [[], 3, None, {}, {"format": "accelsim-workload", "version": 2}])
def test_a_foreign_manifest_is_refused(tmp_path, changed):
    path = saved(tmp_path)
    np.savez(path, **with_manifest(contents(path), changed))
    refused(path)


def test_wrong_heads_are_refused(tmp_path):
    path = saved(tmp_path)
    arrays = contents(path)
    for field, value in (("name", 3), ("layers", {}), ("layers", [3]), ("provenance", [])):
        np.savez(path, **with_manifest(arrays, manifest(arrays) | {field: value}))
        refused(path)
    twice = manifest(arrays)
    twice["layers"][3]["name"] = twice["layers"][0]["name"]
    np.savez(path, **with_manifest(arrays, twice))
    assert "more than one" in refused(path)


def test_a_workload_prints_as_one_line() -> None:
    network = Workload("net", [GemmTrace("fc1", M=1, N=8, K=4), GemmTrace("fc2", M=1, N=2, K=8)])
    assert repr(network) == "Workload('net': 2 traces, 0 operators, 48 MACs; .traces and .operators list them)"


@pytest.mark.parametrize(
    "records", [None, ["odd"], [{"name": "odd"}], [{"name": "odd", "operation": "Odd", "flops": 3}]]
)
def test_records_of_what_is_not_simulated_that_cannot_be(records):
    manifest, arrays = Workload("net", [GemmTrace("fc", M=1, N=2, K=3)]).manifest()
    with pytest.raises(FileFormatError, match="not_simulated"):
        Workload.from_manifest({**manifest, "not_simulated": records}, arrays, "workload 'w'")


LEFT_OUT = (NotSimulated("pair", "bilinear", 96), NotSimulated("pack", "com.microsoft::Packed"))


def test_what_is_not_simulated_is_saved_with_the_network(tmp_path):
    network = Workload("net", [GemmTrace("fc", M=1, N=8, K=4)], not_simulated=LEFT_OUT)
    network.save(tmp_path / "net.npz")
    assert Workload.load(tmp_path / "net.npz").not_simulated == LEFT_OUT
    assert dataclasses.replace(network, name="other").not_simulated == LEFT_OUT


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({}, "not_simulated is {}; a list is expected"),
        ([3], "not_simulated 0 is 3; an object is expected"),
        ([{"name": "", "operation": "bilinear", "macs": None}], "name is ''; a text"),
        ([{"name": "pair", "operation": "bilinear"}], "macs is missing"),
        ([{"name": "pair", "operation": "bilinear", "macs": 1.5}], "macs is 1.5; an integer from 0"),
    ],
)
def test_a_broken_account_of_it_is_refused(tmp_path, told, message):
    path = saved(tmp_path)
    arrays = contents(path)
    np.savez(path, **with_manifest(arrays, manifest(arrays) | {"not_simulated": told}))
    assert message in refused(path)
