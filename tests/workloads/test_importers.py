"""Importers: one of one's own is asked behind those that ship, for files and for names."""

import json

import pytest

import accelsim
import workloads
from accelsim.errors import ConfigError, FileFormatError, UnknownNameError
from tests.packages import install
from workloads.registry import FILE_IMPORTERS, IMPORTERS, importer_of

TEXT = """
import json
import accelsim, workloads

class LayerList(workloads.Importer):
    name = "layer_list"
    suffixes = (".layers", ".csv")

    def load(self, path, *, batch, values):
        layers = json.loads(path.read_text())
        return accelsim.Workload(path.stem, [accelsim.GemmTrace(n, M=m * batch, N=f, K=k) for n, m, f, k in layers])
"""


@pytest.fixture(autouse=True)
def forget(monkeypatch):
    """What a test registers or loads is forgotten after it."""
    monkeypatch.setattr(FILE_IMPORTERS, "_values", {n: v for n, v in FILE_IMPORTERS._values.items() if n in IMPORTERS})


@pytest.fixture
def layers(tmp_path):
    path = tmp_path / "tiny.layers"
    path.write_text(json.dumps([["fc1", 1, 300, 784], ["fc2", 1, 10, 300]]))
    return path


def layer_list():
    scope = {"__name__": __name__}
    exec(TEXT, scope)
    return scope["LayerList"]


def test_an_unknown_ending_stays_unknown(layers):
    with pytest.raises(FileFormatError, match=r"unknown ending '\.layers'"):
        workloads.open_workload(layers)


def test_a_registered_importer_opens_its_files(layers):
    assert workloads.register_importer(layer_list()).name == "layer_list"
    assert workloads.open_workload(layers, batch=4).macs == 4 * (300 * 784 + 3000)
    assert accelsim.simulate(workloads.open_workload(str(layers)), "dense/os-16x16").cycles > 0
    drawn = workloads.open_workload(layers, density=0.5, weight_bits=4)["fc1"]
    assert drawn.weight_bits == 4
    assert 0.45 < (drawn.weight != 0).mean() < 0.55


def test_shipped_importers_are_asked_first(tmp_path):
    workloads.register_importer(layer_list())
    (tmp_path / "t.csv").write_text("Layer, M, N, K,\nfc, 2, 3, 4,\n")
    assert workloads.open_workload(tmp_path / "t.csv").macs == 24


def test_an_installed_importer_opens_its_files(layers, tmp_path, monkeypatch):
    install(tmp_path, monkeypatch, "accelsim.importers", {"layer_list": "layer_lists:LayerList"}, layer_lists=TEXT)
    assert workloads.open_workload(layers).macs == 300 * 784 + 3000


def test_an_importer_may_open_what_looks_like_a_name():
    @workloads.register_importer
    class Hub(workloads.Importer):
        name = "hub"
        takes_batch = False

        def opens(self, path):
            return str(path).startswith("hub:")

        def load(self, path, *, batch, values):
            return accelsim.Workload(str(path), [accelsim.GemmTrace("fc", M=1, N=2, K=3)])

    assert workloads.open_workload("hub:tiny").macs == 6
    assert workloads.open_workload("hub:tiny", batch=2).macs == 12  # the one input twice
    with pytest.raises(UnknownNameError, match="did you mean 'lenet5'"):
        workloads.open_workload("lenet")


def test_what_is_no_importer_is_refused():
    class Nameless(layer_list()):
        name = ""

    for wrong in (int, Nameless, 3):
        with pytest.raises(ConfigError, match="a subclass of Importer with `name"):
            workloads.register_importer(wrong)


OPENS = {"a.csv": "scalesim", "A.ONNX": "onnx", "a.npz": "saved", "a.zip": "checkpoint", ".": "checkpoint"}


@pytest.mark.parametrize(("file", "name"), OPENS.items())
def test_which_importer_opens_what(tmp_path, file, name):
    assert importer_of(tmp_path / file).name == name
