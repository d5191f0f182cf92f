"""The files of a model bundle, read with distrust and written whole or not at all.

It knows names, sizes, hashes and JSON; it does not know what a model is. Every file is read exactly once,
so that what was hashed is what is used. Nothing is unpickled, imported or executed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shopfloor.domain.errors import ModelRefused

MANIFEST = "manifest.json"
CONFIG = "config.json"
WEIGHTS = "weights.safetensors"

LARGEST: Mapping[str, int] = {MANIFEST: 4_000_000, CONFIG: 200_000, WEIGHTS: 64_000_000}
"""Bytes that each allowed file may have; any other name is refused."""


def read_files(directory: Path) -> dict[str, bytes]:
    """Return the content of every file of a bundle.

    Raises:
        ModelRefused: MISSING_FILE, UNEXPECTED_FILE (another name, a link, a folder), TOO_LARGE.
    """
    try:
        entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
    except OSError as error:
        raise ModelRefused("MISSING_FILE", f"no bundle at {directory}: {error.strerror}") from error
    for entry in entries:
        if entry.name not in LARGEST or not entry.is_file(follow_symlinks=False):
            raise ModelRefused("UNEXPECTED_FILE", f"{entry.name[:80]!r} in {directory}")
    names = {entry.name for entry in entries}
    for name in (MANIFEST, CONFIG):
        if name not in names:
            raise ModelRefused("MISSING_FILE", f"{name} in {directory}")
    return {name: _read(directory / name) for name in sorted(names)}


def _read(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ModelRefused("UNEXPECTED_FILE", f"{path.name!r} is not a plain file")
        content = file.read(LARGEST[path.name] + 1)
    if len(content) > LARGEST[path.name]:
        raise ModelRefused("TOO_LARGE", f"{path.name} has more than {LARGEST[path.name]} bytes")
    return content


def write_files(files: Mapping[str, bytes], directory: Path) -> None:
    """Write a bundle into a new directory: temporary folder, fsync, rename, fsync of the parent.

    A directory that is there already is replaced only by the very same content.

    Raises:
        FileExistsError: `directory` holds something else.
    """
    directory.parent.mkdir(parents=True, exist_ok=True)
    if directory.exists():
        if _has_same_files(files, directory):
            return
        raise FileExistsError(f"{directory} holds another bundle\nhint: a bundle is never overwritten")
    scratch = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
    try:
        for name, content in files.items():
            with (scratch / name).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        _sync_folder(scratch)
        scratch.chmod(0o755)
        scratch.rename(directory)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    _sync_folder(directory.parent)


def _has_same_files(files: Mapping[str, bytes], directory: Path) -> bool:
    try:
        return read_files(directory) == dict(files)
    except ModelRefused:
        return False


def _sync_folder(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256(content: bytes) -> str:
    """Return the SHA-256 in hex."""
    return hashlib.sha256(content).hexdigest()


def to_json(value: object) -> bytes:
    """Return canonical JSON; NaN and infinities are refused."""
    return json.dumps(value, sort_keys=True, indent=1, allow_nan=False).encode()


def from_json(content: bytes, name: str) -> dict[str, Any]:
    """Return a JSON object.

    Raises:
        ModelRefused: BAD_FORMAT: not JSON, not an object, a key twice, NaN.
    """
    try:
        value = json.loads(content, parse_constant=_refuse_constant, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise ModelRefused("BAD_FORMAT", f"{name} is not the JSON we write: {str(error)[:200]}") from error
    if not isinstance(value, dict):
        raise ModelRefused("BAD_FORMAT", f"{name} is not a JSON object: {type(value).__name__}")
    return value


def _refuse_constant(text: str) -> Any:
    raise ValueError(f"number {text}")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key appears twice")
    return found
