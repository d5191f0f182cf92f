"""What experiments of several trainings share: a key with the code in it, a folder of one's own, a record in MLflow."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shopfloor.domain.errors import RefusedInput
from shopfloor.settings import read_settings

if TYPE_CHECKING:
    from shopfloor.training.presets import Preset

_PACKAGES = ("engine", "engine/kernel", "envs", "policies", "training", "twin")
"""Where the code is that decides what a training ends with."""


class StudyBusy(RefusedInput):
    """Another process works in the folder of this experiment."""


@lru_cache(maxsize=1)
def learning_code_hash() -> str:
    """Return SHA-256 of the code that trainings depend on: results of other code are not mixed in."""
    digest = hashlib.sha256()
    root = files("shopfloor")
    for package in _PACKAGES:
        modules = [item for item in root.joinpath(package).iterdir() if item.name.endswith(".py")]
        for module in sorted(modules, key=lambda item: item.name):
            digest.update(f"{package}/{module.name}\0".encode() + module.read_bytes())
    return digest.hexdigest()


def study_key(preset: Preset, *facts: object) -> str:
    """Return a short name of everything that an experiment's cells depend on, the code included."""
    parts = [preset.config_hash(), learning_code_hash(), *map(str, facts)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:10]


@contextmanager
def own_folder(folder: Path) -> Iterator[Path]:
    """Hold the folder of an experiment; a killed holder lets go of it by dying.

    Raises:
        StudyBusy: Another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StudyBusy(
                f"another process works on this experiment: {folder}\n"
                "hint: wait for it, give it more --workers, or use another SHOPFLOOR_HOME"
            ) from error
        yield folder


def write_whole(path: Path, facts: Mapping[str, Any]) -> None:
    """Write a cell's JSON so that a kill leaves all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    with temporary.open("w") as file:
        json.dump(facts, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def record_study(
    experiment: str,
    name: str,
    preset: Preset,
    *,
    metrics: Mapping[str, float],
    curves: Mapping[str, Sequence[tuple[int, float]]],
    artifacts: Sequence[Path],
) -> None:
    """Write an experiment's outcome into MLflow as one run.

    Args:
        experiment: MLflow experiment.
        metrics: Final figures by name.
        curves: Series of (step, value) by name.
        artifacts: Tables and pages.
    """
    from shopfloor.tracking.runs import RunRequest, start_run

    tags = {"preset": preset.name, "code": learning_code_hash()[:12]}
    with start_run(RunRequest(experiment, name, tags), tracking_uri=read_settings().tracking_uri) as diary:
        diary.log_params({"preset": preset.model_dump(mode="json")})
        diary.log_metrics(dict(metrics))
        for series, points in curves.items():
            for step, value in points:
                diary.log_metrics({series: value}, step)
        for path in artifacts:
            diary.log_artifact(path, "study")
