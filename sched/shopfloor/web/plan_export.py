"""A plan as lines that leave the house: what every export format shows, on the plant's clock.

Worked out once for all formats; a format only writes it down. Nothing is decided or judged here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from shopfloor.domain.blocks import Block, blocks_of
from shopfloor.domain.instance import CommitmentKind, Instance, Operation, Unassigned
from shopfloor.domain.kpis import completion_by_job
from shopfloor.domain.open_time import WindowKind
from shopfloor.domain.plan_changes import OperationChange, PlanChanges
from shopfloor.domain.schedule import Schedule, ScheduledOperation

UNASSIGNED = "unassigned"
IN_PROGRESS = "in_progress"
PROPOSED = "proposed"


@dataclass(frozen=True, slots=True)
class PlanLine:
    """One operation of a plan; times are aware and plant-local.

    Attributes:
        machine_id: Its machine; empty when it has no place.
        slot: Slot of the machine, 1-based as people count; 0 when it has no place.
        setup_start, setup_end: First and last minute of setup; None without setup or place.
        run_start: First minute of processing; later than `setup_end` when a pause lies between.
        run_end: Minute in which it ends; None when it has no place.
        level: `WindowKind` that it may work through.
        overtime_minutes: Minutes of it in overtime and night windows.
        due: End of its job's due day.
        job_end: Planned completion of its job; None when an operation of the job has no place.
        job_late_minutes: Tardiness of its job; None like `job_end`.
        status: As stored: proposed, approved, confirmed, in_progress; or unassigned.
        changed: Kind of change against the plan before; empty = stays.
        previous_machine, previous_start: Where it was, when it moved.
        left_out_because: Code and detail of an operation without a place.
    """

    machine_id: str
    slot: int
    work_centre: str
    job_id: str
    operation_id: str
    family: str
    setup_start: datetime | None
    setup_end: datetime | None
    run_start: datetime | None
    run_end: datetime | None
    setup_minutes: int
    run_minutes: int
    level: int
    overtime_minutes: int
    due: datetime | None
    job_end: datetime | None
    job_late_minutes: int | None
    status: str
    changed: str = ""
    previous_machine: str = ""
    previous_start: datetime | None = None
    left_out_because: str = ""


@dataclass(frozen=True)
class PlanExport:
    """A plan and what a reader wants to know with it.

    Attributes:
        run_id: Its run; empty for a plan that is not stored.
        statuses: Stored status by operation_id; missing ones follow from the commitments.
        changes: Against the plan before; None = not compared.
        before_name: Run that it is compared with.
        machine_id: Only this machine's operations leave the house; None = all.
    """

    instance: Instance
    schedule: Schedule
    run_id: str = ""
    statuses: Mapping[str, str] = field(default_factory=dict)
    changes: PlanChanges | None = None
    before_name: str = ""
    machine_id: str | None = None

    @cached_property
    def zone(self) -> ZoneInfo:
        """The plant's zone."""
        return ZoneInfo(self.instance.plant_tz)

    @cached_property
    def items(self) -> tuple[ScheduledOperation, ...]:
        """Scheduled operations that are exported, by machine, slot and start."""
        chosen = (item for item in self.schedule.operations if self.machine_id in (None, item.machine_id))
        return tuple(sorted(chosen, key=lambda item: (item.machine_id, item.slot, item.start, item.end)))

    @cached_property
    def left_out(self) -> tuple[Unassigned, ...]:
        """Operations without a place; none when one machine is exported."""
        return () if self.machine_id is not None else self.schedule.unassigned

    @cached_property
    def lines(self) -> tuple[PlanLine, ...]:
        """Lines of all exported operations; those without a place come last."""
        placed = tuple(self._placed(item) for item in self.items)
        return placed + tuple(self._left_out(row) for row in self.left_out)

    def local(self, minute: int) -> datetime:
        """Return a minute on the plant's clock."""
        return self.instance.to_datetime(minute).astimezone(self.zone)

    def blocks(self, item: ScheduledOperation) -> tuple[Block, ...]:
        """Return the pause-free pieces of setup and run of one operation."""
        return blocks_of(self.instance, item)

    def status_of(self, item: ScheduledOperation) -> str:
        """Return the stored status, else what the commitments say."""
        commitment = self.instance.commitment_by_id.get(item.operation_id)
        is_running = commitment is not None and commitment.kind is CommitmentKind.IN_PROGRESS
        return self.statuses.get(item.operation_id, IN_PROGRESS if is_running else PROPOSED)

    @cached_property
    def job_end(self) -> Mapping[str, int]:
        """Completion minute of each job whose operations all have a place."""
        placed = self.schedule.by_operation
        open_ended = {
            operation.job_id for operation in self.instance.operations if operation.operation_id not in placed
        }
        completion = completion_by_job(self.instance, self.schedule)
        return {job_id: end for job_id, end in completion.items() if job_id not in open_ended}

    def _placed(self, item: ScheduledOperation) -> PlanLine:
        operation = self.instance.operation_by_id.get(item.operation_id)
        blocks = self.blocks(item)
        setup = [block for block in blocks if block.activity == "setup"]
        run = [block for block in blocks if block.activity == "run"]
        overtime = sum(block.minutes for block in blocks if block.kind > WindowKind.REGULAR)
        return PlanLine(
            machine_id=item.machine_id,
            slot=item.slot + 1,
            work_centre="" if operation is None else operation.machine_type,
            job_id=item.job_id,
            operation_id=item.operation_id,
            family="" if operation is None else operation.family,
            setup_start=self.local(setup[0].start) if setup else None,
            setup_end=self.local(setup[-1].end) if setup else None,
            run_start=self.local(run[0].start if run else item.start),
            run_end=self.local(item.end),
            setup_minutes=item.setup_minutes,
            run_minutes=item.run_minutes,
            level=item.level,
            overtime_minutes=overtime,
            due=self._due(item.job_id),
            job_end=self._job_end(item.job_id),
            job_late_minutes=self._late(item.job_id),
            status=self.status_of(item),
            **_change(self, item.operation_id),
        )

    def _left_out(self, row: Unassigned) -> PlanLine:
        operation: Operation | None = self.instance.operation_by_id.get(row.operation_id)
        job_id = "" if operation is None else operation.job_id
        return PlanLine(
            machine_id="",
            slot=0,
            work_centre="" if operation is None else operation.machine_type,
            job_id=job_id,
            operation_id=row.operation_id,
            family="" if operation is None else operation.family,
            setup_start=None,
            setup_end=None,
            run_start=None,
            run_end=None,
            setup_minutes=0,
            run_minutes=0,
            level=0,
            overtime_minutes=0,
            due=self._due(job_id),
            job_end=None,
            job_late_minutes=None,
            status=UNASSIGNED,
            left_out_because=f"{row.code.value}: {row.detail}" if row.detail else row.code.value,
            **_change(self, row.operation_id),
        )

    def _due(self, job_id: str) -> datetime | None:
        job = self.instance.job_by_id.get(job_id)
        return None if job is None else self.local(job.due)

    def _job_end(self, job_id: str) -> datetime | None:
        end = self.job_end.get(job_id)
        return None if end is None else self.local(end)

    def _late(self, job_id: str) -> int | None:
        job, end = self.instance.job_by_id.get(job_id), self.job_end.get(job_id)
        return None if job is None or end is None else max(0, end - job.due)


def due_text(local: datetime) -> str:
    """Return a due instant for people; midnight is the end of the due day, and they call it by that day."""
    if (local.hour, local.minute) != (0, 0):
        return f"{local:%a %Y-%m-%d %H:%M}"
    return f"{local.date() - timedelta(days=1):%a %Y-%m-%d} 24:00"


def _change(export: PlanExport, operation_id: str) -> dict[str, Any]:
    change: OperationChange | None = (
        None if export.changes is None else export.changes.operations.get(operation_id)
    )
    if change is None:
        return {}
    if change.before is None:
        return {"changed": change.kind.value}
    return {
        "changed": change.kind.value,
        "previous_machine": change.before.machine_id,
        "previous_start": export.local(change.before.start),
    }
