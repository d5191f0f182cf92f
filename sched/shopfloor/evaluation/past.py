"""The past as it was known on a day, and the past as it turned out: two views of the plant's tables.

`known` is what `assemble` makes of the rows known on that day; `turned_out` is the same with the durations
and breakdowns that really came. Neither schedules anything, and no view knows more than the tables do.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shopfloor.data.assembly import AssemblyOptions, assemble
from shopfloor.domain.instance import Commitment, CommitmentKind, Instance

if TYPE_CHECKING:
    import pandas as pd

Frames = Mapping[str, "pd.DataFrame"]


@dataclass(frozen=True)
class Record:
    """The plant's tables as one snapshot has them: all that is known of the past.

    Attributes:
        frames: Tables by name.
        until: End of the data: the snapshot's `as_of`, aware UTC.
        plant_tz: IANA zone of the plant.
        processing_time_unit: Of the planned `processing_time`: `hours` or `minutes`.
    """

    frames: Frames
    until: datetime
    plant_tz: str
    processing_time_unit: str = "hours"


@dataclass(frozen=True)
class Past:
    """One historical Monday.

    Attributes:
        known: What a scheduler could know then; later orders carry `known_at`.
        turned_out: The same orders and machines with the durations and breakdowns that really came.
        completions: Minute at which the plant completed each order; orders that it has not completed are
            missing.
        levels: Overtime level that the plant granted each operation, by operation_id; missing = regular.
    """

    known: Instance
    turned_out: Instance
    completions: Mapping[str, int]
    levels: Mapping[str, int]


def look_back(record: Record, *, as_of: datetime) -> Past:
    """Return both views of one day of the past.

    Args:
        record: Tables of a later snapshot.
        as_of: The day, aware UTC.
    """
    frames, until = record.frames, _naive(record.until)
    options = AssemblyOptions(include_unknown=True, processing_time_unit=record.processing_time_unit)
    known = assemble(frames, as_of=as_of, plant_tz=record.plant_tz, options=options)
    foreseen = dict(frames)
    down = frames["machine_downtime"].copy()
    down["end_time"] = down["end_time"].fillna(until)
    down["kind"] = "planned"
    foreseen["machine_downtime"] = down
    open_time = assemble(foreseen, as_of=as_of, plant_tz=record.plant_tz, options=options).open_time
    actual = _Actuals(frames["job_schedules"], known, until)
    operations = tuple(
        replace(
            operation,
            processing_minutes=actual.minutes.get(operation.operation_id, operation.processing_minutes),
        )
        for operation in known.operations
    )
    turned_out = replace(
        known,
        operations=operations,
        open_time=dict(open_time),
        commitments=tuple(actual.ended(commitment) for commitment in known.commitments),
    )
    return Past(known, turned_out, completions_of(record, known), actual.levels)


def completions_of(record: Record, instance: Instance) -> dict[str, int]:
    """Return the minute at which the plant completed each order of the instance, where it has."""
    done = record.frames["job_schedules"]
    done = done[done["end_time"].notna() & (done["end_time"] <= _naive(record.until))]
    last = done.groupby("job_id")["end_time"].max()
    ends: dict[str, list[int]] = {}
    open_orders: set[str] = set()
    for operation in instance.operations:
        row = last.get(_row_id(operation.operation_id))
        if row is None:
            open_orders.add(operation.job_id)
        else:
            ends.setdefault(operation.job_id, []).append(_minute(instance, row))
    return {job_id: max(minutes) for job_id, minutes in ends.items() if job_id not in open_orders}


@dataclass(frozen=True, slots=True)
class _Run:
    """One row of `job_schedules` that has ended; times are naive UTC."""

    machine_id: str
    start: datetime
    end: datetime
    hours: float
    overtime_minutes: float


class _Actuals:
    """What really happened to the operations of an instance.

    Attributes:
        minutes: Realised processing minutes at speed 1.0 by operation_id, where the operation has ended.
        levels: Overtime level that the plant used, by operation_id.
    """

    def __init__(self, done: pd.DataFrame, instance: Instance, until: datetime) -> None:
        self.instance = instance
        self.runs = _runs(done, until)
        speed = {machine.machine_id: machine.speed_factor for machine in instance.plant.machines}
        planned: dict[str, int] = {}
        for operation in instance.operations:
            row = _row_id(operation.operation_id)
            planned[row] = planned.get(row, 0) + operation.processing_minutes
        self.minutes: dict[str, int] = {}
        self.levels: dict[str, int] = {}
        for operation in instance.operations:
            row = _row_id(operation.operation_id)
            run = self.runs.get(row)
            if run is None or operation.operation_id in instance.commitment_by_id:
                continue
            work = 60.0 * run.hours * speed.get(run.machine_id, 1.0)
            if math.isfinite(work) and work > 0:
                share = operation.processing_minutes / planned[row]
                self.minutes[operation.operation_id] = max(1, math.ceil(work * share - 1e-6))
            level = self._level(run)
            if level:
                self.levels[operation.operation_id] = level

    def _level(self, run: _Run) -> int:
        open_time = self.instance.open_time.get(run.machine_id)
        if not run.overtime_minutes > 0 or open_time is None:
            return 0
        begin, end = _minute(self.instance, run.start), _minute(self.instance, run.end)
        evening = open_time.work_between(begin, end, 1) - open_time.work_between(begin, end, 0)
        return 1 if evening >= run.overtime_minutes - 1 else 2

    def ended(self, commitment: Commitment) -> Commitment:
        """Return an in-progress commitment with the end that it really had, if it has ended."""
        run = self.runs.get(_row_id(commitment.operation_id))
        if run is None or commitment.kind is not CommitmentKind.IN_PROGRESS:
            return commitment
        end = max(_minute(self.instance, run.end), self.instance.now + 1, commitment.start + 1)
        return replace(commitment, end=end)


def _runs(done: pd.DataFrame, until: datetime) -> dict[str, _Run]:
    """Return the ended rows by their job_id."""
    done = done[done["end_time"].notna() & (done["end_time"] <= until)]
    columns = ("job_id", "machine_id", "start_time", "end_time", "processing_time", "overtime_minutes")
    return {
        str(job_id): _Run(
            str(machine), start.to_pydatetime(), end.to_pydatetime(), float(hours), float(extra)
        )
        for job_id, machine, start, end, hours, extra in zip(
            *(done[column] if column in done else [0.0] * len(done) for column in columns), strict=True
        )
    }


def _row_id(operation_id: str) -> str:
    """Return the plant's row of an operation: a lot `#k` has its row's id before the mark."""
    return operation_id.partition("#")[0]


def _naive(instant: datetime) -> datetime:
    """Return the database's form of an aware instant: naive UTC."""
    return instant.astimezone(UTC).replace(tzinfo=None)


def _minute(instance: Instance, naive_utc: datetime) -> int:
    """Return the minute of a database instant, rounded up."""
    seconds = (naive_utc.replace(tzinfo=UTC) - instance.epoch).total_seconds()
    return math.ceil(seconds / 60.0 - 1e-9)
