"""Name a request by its content: the same request has the same key, and is written once.

Two runs with one key are one run; the database's unique index on it decides, not a scheduler.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class PlanRequest:
    """Everything that a plan is a function of.

    Attributes:
        plant: Name of the plant.
        as_of: Instant of the plan, aware.
        data_hash: Content of the plant's tables and pins.
        config_hash: Settings that change a plan.
        model: Bundle hash of the champion; empty = none.
        seed: Seed of the samples.
    """

    plant: str
    as_of: datetime
    data_hash: str
    config_hash: str
    model: str
    seed: int


def run_key(request: PlanRequest) -> str:
    """Return the key: `plan-` and 48 hex digits.

    Raises:
        ValueError: `as_of` has no zone.
    """
    if request.as_of.tzinfo is None:
        raise ValueError(f"as_of has no zone: {request.as_of}\nhint: an aware datetime, UTC")
    facts = [
        request.plant,
        request.as_of.astimezone(UTC).isoformat(timespec="microseconds"),
        request.data_hash,
        request.config_hash,
        request.model,
        request.seed,
    ]
    return f"plan-{_digest(facts)[:48]}"


def config_hash(knobs: Mapping[str, object]) -> str:
    """Return the hash of the settings that change a plan; give it no secrets and no paths."""
    return _digest(dict(knobs))


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, default=str, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
