"""The active plan's rows of a snapshot as the domain knows them: what is in force now, operation by operation.

Only open operations that the instance knows; whether the plan can still be run is not asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pandas as pd

from shopfloor.data.frames import cast, rows_of
from shopfloor.data.instants import to_utc_naive
from shopfloor.domain.instance import Instance
from shopfloor.domain.schedule import ScheduledOperation


def planned_operations(
    frames: Mapping[str, pd.DataFrame], instance: Instance
) -> dict[str, ScheduledOperation]:
    """Return the active plan's rows by operation_id; none when it was made after `as_of`."""
    frame = cast(frames["scheduled_jobs"], "scheduled_jobs")
    known = frame[frame["scheduled_date"] <= pd.Timestamp(to_utc_naive(instance.as_of))]
    return {
        str(row["operation_id"]): ScheduledOperation(
            operation_id=str(row["operation_id"]),
            job_id=str(row["job_id"]),
            machine_id=str(row["machine_id"]),
            start=_minute(instance, row["start_time"]),
            end=_minute(instance, row["end_time"]),
            setup_minutes=row["setup_minutes"],
            run_minutes=row["run_minutes"],
            level=row["overtime_level"],
            slot=row["slot"],
            is_committed=bool(row["is_committed"]),
        )
        for row in rows_of(known, "scheduled_jobs")
        if row["operation_id"] in instance.operation_by_id
    }


def _minute(instance: Instance, instant: datetime) -> int:
    return instance.to_minute(instant.replace(tzinfo=UTC))
