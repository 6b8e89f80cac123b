"""Files in and out: YAML and JSON read without executing anything, outputs written beside and then renamed."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .errors import FileFormatError, MissingFileError, OutputError

YAML_LIMIT_BYTES = 2**20
JSON_LIMIT_BYTES = 2**28
YAML_LIMIT_DEPTH = 32
STANDARD_TAGS = "tag:yaml.org,2002:"
PYTHON_TAGS = "tag:yaml.org,2002:python"


def read_bytes(path: Path, what: str, limit: int) -> bytes:
    """The bytes of a regular file of at most `limit` bytes, or one clear error. `what` names the kind of file."""
    try:
        if not path.is_file():
            state = "a folder" if path.is_dir() else "not there"
            raise MissingFileError(f"{what} {str(path)!r} is {state}; a file is expected")
        if path.stat().st_size > limit:
            raise FileFormatError(f"{what} {str(path)!r} has {path.stat().st_size} bytes; at most {limit} are read")
        return path.read_bytes()
    except OSError as error:
        if isinstance(error, MissingFileError):
            raise
        raise MissingFileError(f"{what} {str(path)!r} cannot be read: {error.strerror}") from error


def read_text(path: Path, what: str, limit: int) -> str:
    """The UTF-8 text of a file; raises FileFormatError where it is not text."""
    try:
        return read_bytes(path, what, limit).decode("utf-8")
    except UnicodeDecodeError as error:
        raise FileFormatError(f"{what} {str(path)!r} is not UTF-8 text (byte {error.start})") from error


def read_yaml(path: Path, what: str) -> dict[str, Any]:
    """A YAML mapping of at most 1 MiB. Tags, aliases and deep nesting are refused before anything is built."""
    return parse_yaml(read_text(path, what, YAML_LIMIT_BYTES), f"{what} {str(path)!r}")


def parse_yaml(text: str, where: str) -> dict[str, Any]:
    """The mapping that a YAML text holds; `where` begins each message.

    Raises FileFormatError for broken YAML, for aliases and tags (which could grow or execute), and for anything
    but one mapping with text keys.
    """
    content = _loaded(text, where)
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise FileFormatError(f"{where} holds {_kind(content)}; a mapping with text keys is expected")
    return content


def load_yaml(path: Path, what: str) -> Any:
    """Whatever a YAML file of at most 1 MiB holds, a list for one; the same is refused as by `read_yaml`."""
    return _loaded(read_text(path, what, YAML_LIMIT_BYTES), f"{what} {str(path)!r}")


def _loaded(text: str, where: str) -> Any:
    """The content of a YAML text without aliases and foreign tags."""
    import yaml

    try:
        _refuse_dangerous(text, where)
        content = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        at = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = " ".join(str(getattr(error, "problem", None) or error).split())
        raise FileFormatError(f"{where} is not valid YAML{at}: {problem[:200]}") from error
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"{where} is not valid YAML: {' '.join(str(error).split())[:200]}") from error
    return content


def _refuse_dangerous(text: str, where: str) -> None:
    """Walk the event stream, which builds no objects, and refuse what could grow, nest without end or execute."""
    import yaml

    depth = 0
    for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        mark = event.start_mark
        line = mark.line + 1 if mark else 0
        if isinstance(event, yaml.AliasEvent):
            raise FileFormatError(f"{where} line {line}: aliases are not allowed; write the value out")
        tag = getattr(event, "tag", None)
        if tag is not None and (not tag.startswith(STANDARD_TAGS) or tag.startswith(PYTHON_TAGS)):
            raise FileFormatError(f"{where} line {line}: tag {tag[:60]!r} is not allowed")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > YAML_LIMIT_DEPTH:
            raise FileFormatError(f"{where} line {line}: nested deeper than {YAML_LIMIT_DEPTH}")


def _kind(content: object) -> str:
    return "nothing" if content is None else f"a {type(content).__name__}"


def read_json(path: Path, what: str) -> Any:
    """The content of a JSON file, or one clear error."""
    text = read_text(path, what, JSON_LIMIT_BYTES)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"{what} {str(path)!r} is not valid JSON: {error}") from error


def make_folder(path: Path) -> Path:
    """The folder, made with its parents where it was not there; OutputError where that cannot be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = "a file is in the way" if isinstance(error, FileExistsError | NotADirectoryError) else error.strerror
        raise OutputError(
            f"cannot make the folder {str(path)!r}: {reason}; name a folder that can be written"
        ) from error
    return path


def require_writable(path: Path) -> None:
    """Raise OutputError unless `path` is, or can become, a folder to write in. Makes nothing."""
    existing = path
    while not existing.exists() and existing != existing.parent:
        if existing.is_symlink():
            raise OutputError(f"cannot write to {str(path)!r}: {str(existing)!r} is a broken link")
        existing = existing.parent
    if not existing.is_dir():
        raise OutputError(f"cannot write to {str(path)!r}: {str(existing)!r} is a file, a folder is expected")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise OutputError(f"cannot write to {str(path)!r}: no permission in {str(existing)!r}")


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` when the block succeeds, remove it when it fails."""
    make_folder(path.parent)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OutputError:  # of a file written within this one
        raise
    except OSError as error:
        raise OutputError(f"cannot write {str(path)!r}: {error.strerror}") from error
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: Path, text: str) -> None:
    """Write a whole text file or nothing."""
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any) -> None:
    """Write JSON that refuses NaN and infinities, whole or not at all."""
    write_text(path, json.dumps(content, indent=1, allow_nan=False) + "\n")
