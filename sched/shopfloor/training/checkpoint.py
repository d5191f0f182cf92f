"""Pieces of a training that survive a kill: written whole or not at all, used by the same training only.

A folder holds `key.json` (what is being trained: config, data and seed hashes) and one file per finished
piece. Each file appears by rename, so a killed write leaves the old piece or none. A folder of another
training is emptied, never mixed in. Nothing here unpickles: JSON, npz without pickle, and torch files read
with `weights_only`.
"""

from __future__ import annotations

import json
import logging
import os
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import IO, Any, NamedTuple, TypeVar

import numpy as np
import torch

log = logging.getLogger(__name__)

_KEY_FILE = "key.json"
_SPENT_FILE = "spent.json"
_SUFFIXES = (".json", ".npz", ".pt", ".tmp")
_DAMAGE = (ValueError, OSError, RuntimeError, EOFError, KeyError, zipfile.BadZipFile, UnpicklingError)
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class TrainingKey:
    """What must be equal for a piece to be used again.

    Attributes:
        config_hash: Of the preset.
        data_hash: Of the training and validation instances (or the snapshot they come from).
        seed: Of the training.
        format: Version of the pieces.
    """

    config_hash: str
    data_hash: str
    seed: int
    format: int = 1

    def as_dict(self) -> dict[str, str | int]:
        """Return the JSON of `key.json`."""
        return {
            "config_hash": self.config_hash,
            "data_hash": self.data_hash,
            "seed": self.seed,
            "format": self.format,
        }


class Spent(NamedTuple):
    """What a training has cost.

    Attributes:
        seconds: Wall.
        cpu_seconds: Of its process, all threads.
    """

    seconds: float
    cpu_seconds: float


def _now() -> Spent:
    return Spent(time.perf_counter(), time.process_time())


@dataclass
class Checkpoint:
    """The pieces of one training.

    Attributes:
        directory: Holds nothing but this.
        is_resumed: Whether a piece of an earlier, killed run was used.
        reused: Names of those pieces.
        before: What earlier, killed runs spent up to their last piece.
    """

    directory: Path
    key: TrainingKey
    reused: list[str] = field(default_factory=list)
    before: Spent = field(default_factory=lambda: Spent(0.0, 0.0))
    _opened: Spent = field(default_factory=_now)

    @property
    def is_resumed(self) -> bool:
        return bool(self.reused)

    @property
    def spent(self) -> Spent:
        """What this training has cost so far, killed runs included."""
        now = _now()
        return Spent(
            self.before.seconds + now.seconds - self._opened.seconds,
            self.before.cpu_seconds + now.cpu_seconds - self._opened.cpu_seconds,
        )

    def save_json(self, name: str, value: object) -> None:
        """Store a JSON piece."""
        text = json.dumps(value, indent=1, sort_keys=True)
        self._write(f"{name}.json", lambda file: file.write(text.encode()))

    def load_json(self, name: str) -> Any | None:
        """Return a JSON piece, or None where there is none."""
        return self._read(f"{name}.json", lambda path: json.loads(path.read_text()))

    def save_arrays(self, name: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Store named arrays."""
        self._write(f"{name}.npz", lambda file: np.savez(file, **dict(arrays)))  # type: ignore[arg-type]

    def load_arrays(self, name: str) -> dict[str, np.ndarray] | None:
        """Return named arrays, or None where there are none."""

        def read(path: Path) -> dict[str, np.ndarray]:
            with np.load(path, allow_pickle=False) as archive:
                return {key: archive[key] for key in archive.files}

        return self._read(f"{name}.npz", read)

    def save_tensors(self, name: str, value: Mapping[str, Any]) -> None:
        """Store state dicts: tensors, numbers, strings, lists and dicts of them."""
        self._write(f"{name}.pt", lambda file: torch.save(dict(value), file))

    def load_tensors(self, name: str) -> dict[str, Any] | None:
        """Return stored state dicts, or None where there are none."""
        return self._read(f"{name}.pt", lambda path: torch.load(path, map_location="cpu", weights_only=True))

    def _write(self, file_name: str, write: Callable[[IO[bytes]], object]) -> None:
        target = self.directory / file_name
        temporary = target.with_suffix(target.suffix + ".tmp")
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
        if file_name not in (_KEY_FILE, _SPENT_FILE):
            self.save_json(_SPENT_FILE.removesuffix(".json"), self.spent._asdict())

    def _read(self, file_name: str, read: Callable[[Path], Value]) -> Value | None:
        path = self.directory / file_name
        if not path.exists():
            return None
        try:
            value = read(path)
        except _DAMAGE as error:
            log.warning(
                "checkpoint piece is unreadable and is made again piece=%s error=%s", file_name, error
            )
            return None
        if file_name not in self.reused:
            self.reused.append(file_name)
        return value


def open_checkpoint(directory: Path, key: TrainingKey) -> Checkpoint:
    """Return the checkpoint of this training, with the pieces that an earlier run of the same key left."""
    directory.mkdir(parents=True, exist_ok=True)
    checkpoint = Checkpoint(directory, key)
    path = directory / _KEY_FILE
    try:
        known = json.loads(path.read_text()) if path.exists() else None
    except ValueError:
        known = None
    if known != key.as_dict():
        for stale in directory.iterdir():
            if stale.is_file() and stale.suffix in _SUFFIXES:
                stale.unlink()
        checkpoint.save_json("key", key.as_dict())
    spent = directory / _SPENT_FILE
    if spent.exists():
        try:
            checkpoint.before = Spent(**json.loads(spent.read_text()))
        except (ValueError, TypeError) as error:
            log.warning("what earlier runs cost is unreadable piece=%s error=%s", spent, error)
    return checkpoint


def as_tensors(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Return a nest of arrays as tensors: what a checkpoint holds."""
    return {
        name: as_tensors(value) if isinstance(value, Mapping) else torch.from_numpy(value)
        for name, value in arrays.items()
    }


def as_arrays(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `as_tensors` was made from."""
    return {
        name: as_arrays(value) if isinstance(value, Mapping) else value.numpy()
        for name, value in tensors.items()
    }
