"""What had happened by `as_of`: which operations were done, which were running, what each machine last made.

It reads only facts that were known then: the end of an operation that ended later is not among them, nor is
the end of a breakdown that lasted longer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import pandas as pd

from shopfloor.data.assembly_clock import Clock


@dataclass(frozen=True, slots=True)
class Running:
    """An operation on a machine at `as_of`.

    Attributes:
        row_id: `job_id` of its row, or `row#k` for a lot.
        setup_minutes: Setup that was done, minutes; None = not recorded.
        is_current: Still running when the data was read: the plant's own remaining minutes are of now.
    """

    row_id: str
    machine_id: str
    started: datetime
    setup_minutes: float | None
    is_current: bool


@dataclass(frozen=True)
class History:
    """The shop's past at `as_of`.

    Attributes:
        done: Ids with an end at or before `as_of` that do not run.
        running: Running operations by id; of two rows of one operation the later start counts.
        later: Ids whose rows all begin after `as_of`: they are open now, whatever their status says.
        last_started: Per machine the id of the operation that started last.
        touched_later: Machines with rows that begin after `as_of`.
    """

    done: frozenset[str]
    running: Mapping[str, Running]
    later: frozenset[str]
    last_started: Mapping[str, str]
    touched_later: frozenset[str]

    @cached_property
    def _starts_by_row(self) -> Mapping[str, list[datetime]]:
        starts: dict[str, list[datetime]] = {}
        for row_id, running in self.running.items():
            starts.setdefault(row_id.partition("#")[0], []).append(running.started)
        return starts

    def running_starts(self, row_ids: Iterable[str]) -> list[datetime]:
        """Return the starts of what runs of these rows, lots included."""
        return [start for row_id in row_ids for start in self._starts_by_row.get(row_id, ())]


def read_history(job_schedules: pd.DataFrame, clock: Clock) -> History:
    """Return what had happened by `as_of`.

    Args:
        job_schedules: Cast frame of the table.
    """
    now = pd.Timestamp(clock.as_of_row)
    rows = job_schedules.dropna(subset=["job_id", "machine_id", "start_time"])
    started = rows[rows["start_time"] <= now]
    is_done = started["end_time"].notna() & (started["end_time"] <= now)
    open_rows = started[~is_done].sort_values("start_time", kind="stable")
    running = {
        row_id: Running(
            row_id=row_id,
            machine_id=machine_id,
            started=start.to_pydatetime(),
            setup_minutes=None if pd.isna(setup) else float(setup),
            is_current=pd.isna(end),
        )
        for row_id, machine_id, start, end, setup in zip(
            open_rows["job_id"],
            open_rows["machine_id"],
            open_rows["start_time"],
            open_rows["end_time"],
            open_rows["setup_minutes"],
            strict=True,
        )
    }
    future = rows[rows["start_time"] > now]
    seen = set(started["job_id"])
    latest = started.sort_values(["start_time", "schedule_id"], kind="stable").drop_duplicates(
        "machine_id", keep="last"
    )
    return History(
        done=frozenset(started.loc[is_done, "job_id"]) - frozenset(running),
        running=running,
        later=frozenset(set(future["job_id"]) - seen),
        last_started=dict(zip(latest["machine_id"], latest["job_id"], strict=True)),
        touched_later=frozenset(future["machine_id"]),
    )
