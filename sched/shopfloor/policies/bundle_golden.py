"""The golden example of a bundle: a fixed input and what the model answered when it was saved.

A hash proves that bytes are the same; this proves that bytes and this program together still decide the
same. A rule dispatches a tiny built-in shop; an actor scores a fixed batch of observations. It judges
nothing else.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shopfloor.domain.calendar import OpenTime
from shopfloor.domain.errors import ModelRefused
from shopfloor.domain.instance import Instance, Job, Operation
from shopfloor.domain.plant import Machine, Plant
from shopfloor.engine.actor import ActorSpec, logits_of
from shopfloor.engine.arrays import Compiled, compile_instance
from shopfloor.engine.dispatch import dispatch
from shopfloor.engine.observation import MASK_SIZE, OBSERVATION_SIZE
from shopfloor.policies.model import DispatchModel

TOLERANCE = 1e-5
ROWS = 8
EPOCH = datetime(2026, 1, 5, tzinfo=UTC)


def golden_record(model: DispatchModel) -> dict[str, Any]:
    """Return the golden input and output, JSON-able."""
    if model.actor is None:
        return {"instance": golden_instance_name(), "starts": _starts(model)}
    observation = _golden_observation()
    logits = _logits(model, observation)
    return {"observation": observation.tolist(), "logits": logits.tolist()}


def require_golden(model: DispatchModel, record: object) -> None:
    """Require that the model answers as it did when it was saved.

    Raises:
        ModelRefused: GOLDEN_MISMATCH, or BAD_FORMAT when the record is not one.
    """
    if not isinstance(record, dict):
        raise ModelRefused("BAD_FORMAT", "golden record is not an object")
    if model.actor is None:
        _require_starts(model, record)
    else:
        _require_logits(model, record)


def _require_starts(model: DispatchModel, record: dict[str, Any]) -> None:
    if set(record) != {"instance", "starts"}:
        raise ModelRefused("BAD_FORMAT", f"golden record of a rule has the keys {sorted(record)[:12]}")
    starts = _starts(model)
    if record["instance"] != golden_instance_name() or record["starts"] != starts:
        raise ModelRefused(
            "GOLDEN_MISMATCH",
            f"{model.rule.name} starts the golden shop at {starts}, it was saved at "
            f"{str(record['starts'])[:200]}",
        )


def _require_logits(model: DispatchModel, record: dict[str, Any]) -> None:
    if set(record) != {"observation", "logits"}:
        raise ModelRefused("BAD_FORMAT", f"golden record of an actor has the keys {sorted(record)[:12]}")
    try:
        observation = np.array(record["observation"], dtype=np.float32)
        expected = np.array(record["logits"], dtype=np.float32)
        if observation.shape != _golden_observation().shape:
            raise ValueError(f"golden observation has the shape {observation.shape}")
        logits = _logits(model, observation)
    except (ValueError, TypeError, OverflowError) as error:
        raise ModelRefused("BAD_FORMAT", f"golden record: {str(error)[:200]}") from error
    if expected.shape != logits.shape or not np.allclose(logits, expected, rtol=TOLERANCE, atol=TOLERANCE):
        gap = float(np.max(np.abs(logits - expected))) if expected.shape == logits.shape else float("nan")
        raise ModelRefused("GOLDEN_MISMATCH", f"golden logits differ by {gap:.3g}, allowed is {TOLERANCE:g}")


def _starts(model: DispatchModel) -> list[int]:
    return [int(start) for start in dispatch(_golden_compiled(), model.rule).start]


def _golden_observation() -> NDArray[np.float32]:
    """Return observations in the range of real ones, float32 (ROWS, OBSERVATION_SIZE)."""
    grid = np.arange(ROWS * OBSERVATION_SIZE, dtype=np.float64).reshape(ROWS, OBSERVATION_SIZE)
    return np.sin(grid * 12.9898).astype(np.float32) * np.float32(2.0)


def _logits(model: DispatchModel, observation: NDArray[np.float32]) -> NDArray[np.float32]:
    spec = model.spec()
    if not isinstance(spec, ActorSpec):
        raise TypeError(f"a model of kind {model.kind!r} has no logits")
    return logits_of(spec, observation, np.ones((len(observation), MASK_SIZE), dtype=bool))


@lru_cache(maxsize=1)
def _golden_compiled() -> Compiled:
    return compile_instance(golden_instance())


def golden_instance_name() -> str:
    """Return a name of the built-in shop that changes with its content."""
    shop = golden_instance()
    text = repr((shop.plant, shop.jobs, shop.operations))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@lru_cache(maxsize=1)
def golden_instance() -> Instance:
    """Return a shop small enough to read and large enough that no two rules agree on it.

    Three machines in two work centres, twelve jobs of two operations in three families, always open.
    """
    machines = (
        Machine("cut-1", "cut", setup_time_same=5, setup_time_different=30),
        Machine("cut-2", "cut", setup_time_same=5, setup_time_different=30, speed_factor=1.25),
        Machine("weld-1", "weld", setup_time_same=0, setup_time_different=20),
    )
    open_time = {machine.machine_id: OpenTime.of([(0, 60 * 24 * 60, 0)]) for machine in machines}
    jobs = tuple(
        Job(
            f"G{k}",
            "ABC"[k % 3],
            weight=float(1 + 3 * k % 5),
            release=20 * (k % 4),
            due=300 + 60 * (7 * k % 12),
        )
        for k in range(12)
    )
    operations: list[Operation] = []
    for k, job in enumerate(jobs):
        first = Operation(f"{job.job_id}_P01", job.job_id, job.family, 1, "cut", 30 + 13 * ((3 * k) % 8))
        second = Operation(
            f"{job.job_id}_P02", job.job_id, job.family, 2, "weld", 25 + 7 * ((5 * k) % 8), first.operation_id
        )
        operations += [first, second]
    return Instance(
        epoch=EPOCH,
        as_of=EPOCH,
        plant_tz="UTC",
        plant=Plant(machines),
        open_time=open_time,
        jobs=jobs,
        operations=tuple(operations),
    )
