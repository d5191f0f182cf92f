"""A weekly cycle on disk: what it was asked and which steps are done, so that a killed one goes on.

One folder per cycle; `cycle.json` is replaced atomically after every step. It holds paths and ids, never
results: those are files of their own (snapshot, checkpoints, evaluation rows, bundle).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

RESUME_WITHIN = timedelta(hours=48)
"""An unfinished cycle older than this is abandoned: its data is stale."""


@dataclass(frozen=True)
class CycleRequest:
    """What makes two cycles the same cycle.

    Attributes:
        preset: Training preset.
        seed: Seed of every random draw.
        as_of: UTC instant of the data.
    """

    preset: str
    seed: int
    as_of: datetime


class Cycle:
    """One weekly cycle and its memory."""

    def __init__(self, directory: Path, request: CycleRequest, facts: Mapping[str, Any]) -> None:
        self.directory = directory
        self.request = request
        self._facts = dict(facts)

    @property
    def cycle_id(self) -> str:
        return self.directory.name

    @property
    def is_resumed(self) -> bool:
        """Whether an earlier process did some of its steps."""
        return bool(self._facts)

    @property
    def is_finished(self) -> bool:
        return "finished" in self._facts

    def recall(self, name: str) -> Any | None:
        """Return what was remembered under `name`, or None."""
        return self._facts.get(name)

    def remember(self, name: str, fact: Any) -> None:
        """Keep a JSON-able fact, durably, before going on."""
        self._facts[name] = fact
        _write(self.directory / "cycle.json", self.request, self._facts)


def open_cycle(root: Path, request: CycleRequest, *, is_fresh: bool = False) -> Cycle:
    """Return the unfinished cycle of the same preset and seed, or a new one.

    Args:
        root: Folder of all cycles.
        request: What is asked; an unfinished cycle keeps its own `as_of`.
        is_fresh: Start anew even if one is unfinished.
    """
    root.mkdir(parents=True, exist_ok=True)
    if not is_fresh:
        for path in sorted(root.glob("*/cycle.json"), reverse=True):
            cycle = _read(path)
            same = (cycle.request.preset, cycle.request.seed) == (request.preset, request.seed)
            age = request.as_of - cycle.request.as_of
            if same and not cycle.is_finished and timedelta(0) <= age <= RESUME_WITHIN:
                return cycle
    stem = f"{request.as_of:%Y%m%dT%H%M%S}-{request.preset}-{request.seed}"
    directory = next(
        path for n in range(10_000) if not (path := root / (stem if n == 0 else f"{stem}.{n}")).exists()
    )
    directory.mkdir()
    _write(directory / "cycle.json", request, {})
    return Cycle(directory, request, {})


def _read(path: Path) -> Cycle:
    stored = json.loads(path.read_text())
    asked = stored["request"]
    request = CycleRequest(asked["preset"], asked["seed"], datetime.fromisoformat(asked["as_of"]))
    return Cycle(path.parent, request, stored["facts"])


def _write(path: Path, request: CycleRequest, facts: Mapping[str, Any]) -> None:
    asked = {"preset": request.preset, "seed": request.seed, "as_of": request.as_of.isoformat()}
    temporary = path.with_suffix(".tmp")
    with temporary.open("w") as file:
        json.dump({"request": asked, "facts": dict(facts)}, file, indent=2, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
