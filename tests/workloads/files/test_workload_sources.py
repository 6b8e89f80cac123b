"""Where workloads come from: the zoo, SCALE-Sim's topologies, torch models, and whatever a user names."""

import csv
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import workloads
from accelsim.errors import AccelSimError, ConfigError, FileFormatError, MissingFileError, UnknownNameError
from tests.places import GOLDEN
from workloads.files.scalesim import reached
from workloads.shapes import FOLDER, INPUTS

ROWS = GOLDEN / "scalesim_dense.csv"
CONV = "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,\n"
GEMM = "Layer, M, N, K,\n"


def gemms(workload):
    return [(t.name, t.kind, t.M, t.N, t.K, t.groups, t.repeat) for t in workload]


# the zoo


def test_lenet5_is_the_papers():
    found = workloads.load("lenet5")
    assert found.macs == 2_293_000
    assert sum(t.groups * t.N * t.K for t in found) == 430_500
    assert [t.weight for t in found] == [None] * 4


def test_every_network_has_an_input_and_no_shapes_are_left_over():
    assert sorted(INPUTS) == workloads.list_models() == sorted(p.stem for p in FOLDER.glob("*.json"))


def test_a_batch_multiplies_rows_only():
    one, four = workloads.load("lenet5"), workloads.load("lenet5", batch=4)
    for a, b in zip(one, four, strict=True):
        assert (b.M, b.N, b.K) == (4 * a.M, a.N, a.K)
        assert b.dense_shape == (4 * a.dense_shape[0], *a.dense_shape[1:])
    assert four["conv1"].conv.batch == 4


def test_random_weights_have_the_shapes_the_density_and_the_seed():
    shape, full = workloads.load("lenet5"), workloads.load("lenet5", weights="random")
    assert gemms(shape) == gemms(full)
    assert all(np.count_nonzero(t.weight) == t.weight.size for t in full)
    sparse, again, other = (workloads.load("lenet5", density=0.1, seed=seed) for seed in (0, 0, 1))
    assert np.count_nonzero(sparse["fc1"].weight) / sparse["fc1"].weight.size == pytest.approx(0.1, abs=0.01)
    np.testing.assert_array_equal(sparse["fc1"].weight, again["fc1"].weight)
    assert (sparse["fc1"].weight != other["fc1"].weight).any()
    assert sparse["conv1"].ifmap.shape == (1, 1, 28, 28)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"weights": "some"}, "weights"),
        ({"batch": 0}, "batch"),
        ({"batch": 2**40}, "batch"),
        ({"batch": True}, "batch"),
        ({"density": 1.5}, "density"),
        ({"density": float("nan")}, "density"),
        ({"seed": -1}, "seed"),
    ],
)
def test_settings_that_cannot_be_are_named(settings, says):
    with pytest.raises(ConfigError, match=says):
        workloads.load("lenet5", **settings)


def test_an_unknown_network_gets_the_nearest_name():
    with pytest.raises(UnknownNameError, match="lenet5"):
        workloads.load("lenet6")


def test_shapes_and_files_need_no_torch(tmp_path):
    (tmp_path / "t.csv").write_text(GEMM + "a, 2, 3, 4,\n")
    code = (
        "import sys, workloads; w = workloads.load('lenet5', weights='random', density=0.5); w.save('w.npz');"
        "workloads.open_workload('w.npz'); workloads.open_workload('t.csv');"
        "sys.exit('torch' in sys.modules or 'pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False).returncode == 0


# SCALE-Sim's topologies


def topology(tmp_path, text):
    (tmp_path / "net.csv").write_text(text)
    return tmp_path / "net.csv"


def test_golden_layers_have_scalesims_rows(tmp_path):
    """⌈(H − R + stride) / stride⌉ rows, as the golden SRAM counts of the os runs confirm: M·N ofmap writes."""
    with ROWS.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["kind"] == "conv"]
    keys = ("layer", "ifmap_h", "ifmap_w", "filt_h", "filt_w", "channels", "num_filters", "stride")
    text = CONV + "".join(", ".join(row[k] for k in keys) + ",\n" for row in rows)
    for row, trace in zip(rows, workloads.from_scalesim_csv(topology(tmp_path, text)), strict=True):
        h, w, r, s, channels, filters, stride = (int(row[k]) for k in keys[1:])
        assert -(-(h - r + stride) // stride) * -(-(w - s + stride) // stride) == trace.M
        assert (filters, r * s * channels) == (trace.N, trace.K)


@given(st.integers(1, 300), st.integers(1, 12), st.integers(1, 12))
def test_the_last_window_may_overhang_but_no_row_is_lost(size, kernel, stride):
    kernel = min(size, kernel)
    end = reached(size, kernel, stride)
    assert (end - kernel) // stride + 1 == -(-(size - kernel + stride) // stride)
    assert size <= end < size + stride


def test_gemms_names_batch_and_odd_spacing(tmp_path):
    text = "\ufefflayer,m,n,k\n\n a , 2,3,4\na,5,6,7,\n\n"
    found = workloads.from_scalesim_csv(topology(tmp_path, text), batch=3)
    assert gemms(found) == [("a", "linear", 6, 3, 4, 1, 1), ("a#2", "linear", 15, 6, 7, 1, 1)]
    assert found.name == "net"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("\n , ,\n", "empty"),
        (CONV, "no layers"),
        ("a,b\n1,2\n", "line 2 has 2 columns, column 'N' is missing"),
        (CONV + "conv1, 16, 16, 3\n", "line 2 has 4 columns, column 'Filter Width' is missing"),
        (CONV + "conv1, 16, 16, 3, 3, 4, 8, 1, 1, 9\n", "line 2: column 'column 10' is '9', a number that is not read"),
        (CONV + "c, 16, 16, 3, 3, 4, 8, 1,\n\nc, 16, x, 3, 3, 4, 8, 1,\n", "line 4: column 'IFMAP Width' is 'x'"),
        (CONV + "c, 16, 16, 0, 3, 4, 8, 1,\n", "column 'Filter Height' is '0'"),
        (CONV + "c, 16, 16, 3, 3, -4, 8, 1,\n", "column 'Channels' is '-4'"),
        (CONV + "c, 16, 16, 3, 3, 4, 1.5, 1,\n", "column 'Num Filter' is '1.5'"),
        (CONV + "c, 16, 16, 3, 3, 4, 8, nan,\n", "column 'Strides' is 'nan'"),
        (CONV + "c, 16, 16, 3, 3, 4, 8, ²,\n", "column 'Strides' is '²'"),
        (CONV + "c, 16, 16, 3, 3, 4, 8, " + "9" * 5000 + ",\n", "column 'Strides'"),
        (CONV + ", 16, 16, 3, 3, 4, 8, 1,\n", "column 'Layer name' is empty"),
        (CONV + "c, 16, 4, 3, 5, 4, 8, 1,\n", "column 'Filter Width' is 5"),
        (CONV + '"c, 16, 16, 3, 3, 4, 8, 1,\n', "not valid CSV"),
        (GEMM + "c, 16, 16,\n", "column 'K' is missing"),
        (GEMM + f"c, {2**31}, {2**31}, {2**31},\n" * 2 + "d, 0, 1, 1,\n", "line 4: column 'M' is '0'"),
    ],
)
def test_bad_topologies_name_line_and_column(tmp_path, text, says):
    with pytest.raises(FileFormatError) as caught:
        workloads.from_scalesim_csv(topology(tmp_path, text))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


# torch models


class Odd(nn.Module):
    """Branches, groups, a shared layer, several strides: all that the lowering must see."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding="valid", dilation=(1, 2), groups=2, bias=False)
        self.norm = nn.BatchNorm2d(6)
        self.same = nn.Conv2d(6, 6, 3, padding="same", groups=6)
        self.shared = nn.Linear(6, 6)
        self.unused = nn.Linear(7, 7)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm(self.first(x))
        x = self.same(x)
        x = x.flatten(2).transpose(1, 2)
        return self.shared(self.shared(x)) + self.shared(x[:, :1])


def test_a_model_is_lowered_as_it_runs():
    found = workloads.from_torch(Odd(), torch.zeros(2, 4, 9, 8))
    assert gemms(found) == [
        ("first", "conv", 2 * 4 * 6, 3, 2 * 6, 2, 1),
        ("same", "conv", 2 * 4 * 6, 1, 9, 6, 1),
        ("shared", "linear", 2 * 4 * 6, 6, 6, 1, 2),
        ("shared#2", "linear", 2, 6, 6, 1, 1),
    ]
    assert found.name == "Odd"


def test_the_ofmap_is_torchs():
    rng = np.random.default_rng(0)
    for _ in range(40):
        size, kernel, stride, padding, dilation = (int(v) for v in rng.integers(1, (20, 5, 4, 3, 4)))
        if size + 2 * padding < dilation * (kernel - 1) + 1:
            continue
        layer = nn.Conv2d(2, 3, kernel, stride, padding, dilation)
        x = torch.zeros(2, 2, size, size + 1)
        assert layer(x)[:, 0].numel() == workloads.from_torch(layer, x).traces[0].M


def test_the_model_is_left_as_it_was():
    model = Odd().train()
    workloads.from_torch(model, torch.zeros(1, 4, 9, 8))
    assert model.training
    assert not any(m._forward_hooks for m in model.modules())


# whatever a user names


def test_a_workload_is_opened_by_what_it_is(tmp_path):
    path = topology(tmp_path, GEMM + "a, 2, 3, 4,\n")
    workloads.load("lenet5").save(tmp_path / "w.npz")
    assert workloads.open_workload("lenet5", batch=2, values=True)["fc1"].has_values
    assert gemms(workloads.open_workload(str(path), batch=2))[0][2] == 4
    assert workloads.open_workload(tmp_path / "w.npz").macs == 2_293_000


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("lenet6", UnknownNameError, "lenet5"),
        ("", AccelSimError, "manifest"),
        ("x" * 5000, UnknownNameError, "lenet5"),
        ("a\x00b", UnknownNameError, "lenet5"),
        ("no/such/place", MissingFileError, "no/such/place"),
        ("none.npz", MissingFileError, r"none\.npz"),
        ("none.csv", MissingFileError, r"none\.csv"),
        ("none.xyz", MissingFileError, r"none\.xyz"),
    ],
)
def test_what_is_not_there_is_named(text, error, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=says) as caught:
        workloads.open_workload(text)
    assert len(str(caught.value)) < 1000


def test_unknown_endings_empty_folders_and_settings_that_do_not_fit_are_refused(tmp_path):
    (tmp_path / "w.xyz").write_text("x")
    with pytest.raises(FileFormatError, match=r"\.xyz"):
        workloads.open_workload(tmp_path / "w.xyz")
    with pytest.raises(AccelSimError):
        workloads.open_workload(tmp_path)
    workloads.load("lenet5").save(tmp_path / "w.npz")
    for setting, value in (("batch", 0), ("density", 2), ("weight_bits", 33), ("partial", "some")):
        with pytest.raises(ConfigError, match=setting):
            workloads.open_workload(tmp_path / "w.npz", **{setting: value})
    for setting in ("weights", "profile"):
        with pytest.raises(ConfigError, match=f"{setting} is for networks of the zoo"):
            workloads.load(tmp_path / "w.npz", **{setting: "deep_compression"})
