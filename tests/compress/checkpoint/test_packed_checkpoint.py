"""Packed checkpoints: the same network as the folder's, equal bytes for equal folders, nothing else is opened."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pytest

import compress
import workloads
from accelsim.errors import FileFormatError, MissingFileError, UnknownNameError
from compress.checkpoint.packed import MEMBER_LIMIT_BYTES
from tests.compress.networks import Cnn, images, made
from workloads.opening import open_workload


@pytest.fixture
def folder(tmp_path):
    return compress.save(tmp_path / "net", made(Cnn), accuracy=0.5, example_input=images())


def test_it_opens_as_the_folder_does(tmp_path, folder):
    path = compress.pack(folder, tmp_path / "packed" / "net.zip")
    whole, packed = workloads.from_checkpoint(folder), workloads.from_checkpoint(path)
    assert packed.name == whole.name == "net"
    assert packed.provenance == whole.provenance
    for one, other in zip(whole.traces, packed.traces, strict=True):
        assert one.name == other.name
        assert np.array_equal(one.weight, other.weight)
        assert np.array_equal(one.activation, other.activation)
    assert open_workload(path).name == "net"


def test_equal_folders_give_equal_files_smaller_than_the_folder(tmp_path, folder):
    first, second = (compress.pack(folder, tmp_path / f"{name}.zip").read_bytes() for name in "ab")
    assert first == second
    assert len(first) < sum(path.stat().st_size for path in folder.iterdir())


def test_what_is_no_checkpoint_is_refused_in_one_line(tmp_path, folder):
    good = compress.pack(folder, tmp_path / "good.zip").read_bytes()
    path = tmp_path / "bad.zip"
    for content in (b"", b"PK", good[: len(good) // 2], good.replace(b"manifest.json", b"manifesto.txt")):
        path.write_bytes(content)
        with pytest.raises(FileFormatError, match=r"packed checkpoint .*bad\.zip") as error:
            workloads.from_checkpoint(path)
        assert "\n" not in str(error.value)
    with pytest.raises(MissingFileError, match=r"none\.zip"):
        compress.read_packed(tmp_path / "none.zip")
    with pytest.raises(MissingFileError):
        compress.pack(tmp_path, tmp_path / "new.zip")
    assert not (tmp_path / "new.zip").exists()


def test_a_broken_manifest_inside_names_the_zip_file(tmp_path, folder):
    path = compress.pack(folder, tmp_path / "net.zip")
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["manifest.json"] = json.dumps(json.loads(members["manifest.json"]) | {"layers": []}).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(FileFormatError, match=r"packed checkpoint '.*net\.zip': manifest\.json lists no layers"):
        workloads.from_checkpoint(path)


def test_a_member_that_would_grow_without_end_is_not_unpacked(tmp_path):
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", "{}")
        with archive.open("model.safetensors", "w", force_zip64=True) as member:
            block = bytes(2**20)
            for _ in range(MEMBER_LIMIT_BYTES // len(block) + 1):
                member.write(block)
    with pytest.raises(FileFormatError, match="more than"):
        workloads.from_checkpoint(path)


def test_names_that_are_not_shipped():
    with pytest.raises(UnknownNameError, match="shipped checkpoint"):
        workloads.shipped_path("lenet5-conv-999x")
