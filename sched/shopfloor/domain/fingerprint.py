"""Fingerprints: the same plan or instance has the same SHA-256 in every process, on every day.

Canonical JSON with sorted keys is hashed, so neither `PYTHONHASHSEED` nor the order of a mapping matters. A
fingerprint says equal or not; it does not say valid.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from shopfloor.domain.calendar import OpenTime
from shopfloor.domain.instance import FOR_EXPLANATIONS, Instance
from shopfloor.domain.schedule import Schedule


def schedule_fingerprint(schedule: Schedule) -> str:
    """Return the hex SHA-256 of what a plan decides.

    Who made it (`solver`) and the wording of `detail` do not count, nor does the order of the rows.
    """
    operations = sorted(schedule.operations, key=lambda item: (item.operation_id, item.start))
    unassigned = sorted((item.operation_id, item.code.value) for item in schedule.unassigned)
    return _digest({"operations": [_plain(item) for item in operations], "unassigned": unassigned})


def instance_fingerprint(instance: Instance) -> str:
    """Return the hex SHA-256 of everything that a solver may know.

    The order of machines, jobs and operations counts: it breaks ties.
    """
    return _digest(_plain(instance))


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _plain(value: Any) -> Any:
    """Return `value` in JSON's words."""
    if isinstance(value, OpenTime):
        parts = (value.starts, value.ends, value.kinds)
        return hashlib.sha256(b"|".join(part.astype("<i8").tobytes() for part in parts)).hexdigest()
    if is_dataclass(value) and not isinstance(value, type):
        counted = (item for item in fields(value) if not item.metadata.get(FOR_EXPLANATIONS))
        return {item.name: _plain(getattr(value, item.name)) for item in counted}
    if isinstance(value, Mapping):
        return {str(_plain(key)): _plain(entry) for key, entry in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(entry) for entry in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value.value if isinstance(value, Enum) else value
