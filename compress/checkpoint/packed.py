"""A checkpoint folder as one zip file: what a package ships and a repository keeps, a tenth of the size."""

from __future__ import annotations

import io
import tempfile
import zipfile
import zlib
from pathlib import Path

from accelsim.errors import FileFormatError
from accelsim.files import read_bytes, written_whole

from .format import MANIFEST, TENSORS, Checkpoint, read

ZIP_LIMIT_BYTES = 2**28
MEMBER_LIMIT_BYTES = 2**28  # unpacked: no small file may grow without end
_NO_TIME = (1980, 1, 1, 0, 0, 0)  # the first that a zip can say: equal checkpoints give equal files


def pack(folder: str | Path, path: str | Path) -> Path:
    """Write the checkpoint in `folder` as the zip file `path`, whole or not at all, and return the path.

    Raises MissingFileError or FileFormatError where the folder holds no checkpoint.
    """
    folder, path = Path(folder), Path(path)
    read(folder)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in (MANIFEST, TENSORS):
            info = zipfile.ZipInfo(name, _NO_TIME)
            info.external_attr = 0o644 << 16
            archive.writestr(info, (folder / name).read_bytes(), zipfile.ZIP_DEFLATED, compresslevel=9)
    with written_whole(path) as temporary:
        temporary.write_bytes(content.getvalue())
    return path


def read_packed(path: str | Path) -> Checkpoint:
    """The checkpoint in a zip file that `pack` wrote, named after the file, without torch.

    Raises MissingFileError where the file is not there, FileFormatError where it is no such file or what it holds is
    broken.
    """
    path = Path(path)
    where = f"packed checkpoint {str(path)!r}"
    members = _members(read_bytes(path, "packed checkpoint", ZIP_LIMIT_BYTES), where)
    with tempfile.TemporaryDirectory() as beside:
        folder = Path(beside) / path.stem
        folder.mkdir()
        for name, content in members.items():
            (folder / name).write_bytes(content)
        try:
            return read(folder)
        except FileFormatError as error:
            raise FileFormatError(str(error).replace(f"checkpoint {str(folder)!r}", where)) from error


def _members(content: bytes, where: str) -> dict[str, bytes]:
    """Both files of the checkpoint; nothing else is looked at."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in (MANIFEST, TENSORS):
                if archive.getinfo(name).file_size > MEMBER_LIMIT_BYTES:
                    raise FileFormatError(f"{where}: {name} has more than {MEMBER_LIMIT_BYTES} bytes unpacked")
            return {name: archive.read(name) for name in (MANIFEST, TENSORS)}
    except (zipfile.BadZipFile, KeyError, RuntimeError, NotImplementedError, EOFError, zlib.error) as error:
        raise FileFormatError(
            f"{where} is no zip file with {MANIFEST} and {TENSORS}: {' '.join(str(error).split())[:200]}"
        ) from error
