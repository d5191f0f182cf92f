"""Files that are whole or not there: write aside, flush to disk, rename.

Nobody sees a half-written file under its final name, also after a power cut on an honest disk.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BLOCK = 1 << 20


def sync(path: Path) -> None:
    """Flush a file or a folder to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


@contextmanager
def folder_in_one_step(root: Path, mark: str) -> Iterator[Path]:
    """Yield a temporary folder inside `root`; it is removed when the block raises.

    Args:
        mark: Ending of its name, so that two processes do not meet.
    """
    root.mkdir(parents=True, exist_ok=True)
    folder = root / f".tmp-{os.getpid()}-{mark}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def publish(folder: Path, target: Path) -> None:
    """Flush a folder's files, rename it to `target`, and flush the parent.

    Raises:
        OSError: The target exists already, or the disk failed.
    """
    for path in folder.iterdir():
        sync(path)
    sync(folder)
    folder.rename(target)
    sync(target.parent)


def sweep_left_over(root: Path) -> list[Path]:
    """Remove temporary folders whose process is gone, and return them."""
    removed = []
    for folder in root.glob(".tmp-*"):
        owner = folder.name.split("-")[1]
        if owner.isdigit() and not _is_alive(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)
            removed.append(folder)
    return removed


def _is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
