"""Simulations kept on disk by content."""

import json
from dataclasses import replace

import pytest

import accelsim
from accelsim import GemmTrace
from accelsim.hardware.loading import load_hardware
from accelsim.trace.not_simulated import NotSimulated
from accelsim.trace.workload import Workload
from explore import cache

OS = {"name": "os", "array": {"kind": "systolic", "rows": 4, "cols": 4, "dataflow": "os"}}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ACCELSIM_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def layers(seed=0, name="a", **settings):
    return Workload("w", [GemmTrace.random(name, M=9, N=7, K=20, weight_density=0.5, seed=seed, **settings)])


def test_the_second_run_reads_what_the_first_wrote(folder, monkeypatch):
    machine = load_hardware(OS)
    first = cache.simulate_cached(layers(), machine)
    assert first.rows == accelsim.simulate(layers(), machine).rows
    monkeypatch.setattr(cache, "simulate", None)
    again = cache.simulate_cached(layers(), machine)
    assert again.to_json() == first.to_json()
    assert len(list(folder.rglob("*.json"))) == 1


def test_what_is_not_simulated_is_the_workloads_own_and_no_part_of_the_key(folder):
    machine = load_hardware(OS)
    first = cache.simulate_cached(layers(), machine)
    part = NotSimulated("head", "Mystery", 7)
    partial = cache.simulate_cached(replace(layers(), not_simulated=(part,)), machine)
    assert (first.not_simulated, partial.not_simulated) == ((), (part,))
    assert partial.rows == first.rows
    assert len(list(folder.rglob("*.json"))) == 1


def test_batch_warm_up_and_formats_come_back(monkeypatch):
    buffers = {"ifmap_kib": 64, "filter_kib": 64, "ofmap_kib": 64, "weights_resident": True}
    machine = load_hardware({**OS, "buffers": buffers, "tensors": {"activation_format": "rle"}})
    several = Workload("w", layers().traces, {"batch": 9})
    first = cache.simulate_cached(several, machine)
    assert (first.batch, first.warmup_bytes) == (9, 7 * 20)
    monkeypatch.setattr(cache, "simulate", None)
    again = cache.simulate_cached(several, machine)
    assert again.to_json() == first.to_json()
    assert again.inferences_per_s == first.inferences_per_s == 9 / first.seconds
    assert again.activation_storage == first.activation_storage != "activations in DRAM: dense, tiled"


@pytest.mark.parametrize(
    "other", [layers(1), layers(name="b"), layers(weight_bits=4), Workload("w", [GemmTrace("a", M=9, N=7, K=20)])]
)
def test_other_layers_have_another_key(other):
    assert cache.content_key(other, load_hardware(OS)) != cache.content_key(layers(), load_hardware(OS))


def test_other_machines_and_other_code_have_another_key(monkeypatch):
    machine = load_hardware(OS)
    key = cache.content_key(layers(), machine)
    assert cache.content_key(layers(), load_hardware(OS, **{"array.rows": 8})) != key
    monkeypatch.setattr(cache, "code_fingerprint", lambda: "another")
    assert cache.content_key(layers(), machine) != key


def test_values_count_and_the_workloads_name_does_not():
    machine = load_hardware(OS)
    given = [
        Workload(n, [GemmTrace("a", weight=[[1, v]], activation=[[1, 1]])]) for n, v in (("x", 2), ("y", 2), ("x", 3))
    ]
    keys = [cache.content_key(workload, machine) for workload in given]
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", '{"layers": 1, "area": {}}', '{"layers": [{}], "area": {}}', '{"layers": []}']
)
def test_a_damaged_entry_is_simulated_anew(folder, damage):
    expected = cache.simulate_cached(layers(), load_hardware(OS))
    (entry,) = folder.rglob("*.json")
    entry.write_text(damage)
    assert cache.simulate_cached(layers(), load_hardware(OS)).rows == expected.rows
    assert len(json.loads(entry.read_text())["layers"]) == len(expected.rows)


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ACCELSIM_CACHE_DIR", str(tmp_path / "file" / "below"))
    assert cache.simulate_cached(layers(), load_hardware(OS)).cycles > 0


def test_the_users_cache_folder(monkeypatch):
    monkeypatch.delenv("ACCELSIM_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert str(cache.cache_folder()) == "/somewhere/accelsim"
