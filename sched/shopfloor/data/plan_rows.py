"""A schedule becomes rows: operations with the dashboard's columns, blocks, what was left out, why jobs are
late.

`completion_date`, `lcd_date`, `machine_utilization` and `scheduled_date` are there so that the plan
document's dashboard query works unchanged. Nothing is computed here that the domain defines elsewhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from shopfloor.data.incidents import Incident
from shopfloor.data.instants import to_utc_naive
from shopfloor.data.outbox import Message
from shopfloor.domain.blocks import blocks_of
from shopfloor.domain.fingerprint import schedule_fingerprint
from shopfloor.domain.instance import CommitmentKind, Instance
from shopfloor.domain.schedule import Schedule, ScheduledOperation

PROPOSED = "proposed"
IN_PROGRESS = "in_progress"


@dataclass(frozen=True)
class LateReason:
    """A part of a job's lateness.

    Attributes:
        cause: `queue`, `setup`, `closed`, ...
        blockers: Jobs that it waited for.
    """

    job_id: str
    cause: str
    minutes: int
    blockers: tuple[str, ...] = ()


@dataclass(frozen=True)
class PlanRecord:
    """Everything that one write-back stores.

    Attributes:
        schedule: A plan that the validator has passed.
        kpis: Name -> value; a value may be None.
        run_key: Content address of the request: the same key is written once.
        as_of: Instant of the run.
        solver: Which rung made it.
        incidents: Written in the same transaction.
        messages: Alerts, queued in the same transaction.
        solver_facts: What the plan depends on besides data, model and seed, JSON-able; for `reproduce`.
    """

    instance: Instance
    schedule: Schedule
    kpis: Mapping[str, float | None]
    run_key: str
    as_of: datetime
    solver: str
    model_version: str | None = None
    snapshot_id: str | None = None
    data_hash: str | None = None
    config_hash: str | None = None
    git_sha: str | None = None
    seed: int | None = None
    incidents: Sequence[Incident] = ()
    messages: Sequence[Message] = ()
    solver_facts: Mapping[str, Any] = field(default_factory=dict)
    reasons: Sequence[LateReason] = field(default_factory=tuple)

    @property
    def run_id(self) -> str:
        """Readable, and the same for the same key."""
        digest = hashlib.sha256(self.run_key.encode()).hexdigest()
        return f"{to_utc_naive(self.as_of):%Y%m%dT%H%M}-{digest[:12]}"


@dataclass(frozen=True)
class TableRows:
    """Rows per table, ready for an INSERT, for one run."""

    run: dict[str, Any]
    operations: list[dict[str, Any]]
    blocks: list[dict[str, Any]]
    unassigned: list[dict[str, Any]]
    reasons: list[dict[str, Any]]


def rows_of_plan(record: PlanRecord) -> TableRows:
    """Return the rows of a record; `created_at` of the run is left to the transaction."""
    instance, schedule = record.instance, record.schedule
    operations = _operation_rows(record)
    blocks = [
        {
            "run_id": record.run_id,
            "operation_id": block.operation_id,
            "block": number,
            "machine_id": block.machine_id,
            "activity": block.activity,
            "window_kind": block.kind.name.lower(),
            "start_time": _instant(instance, block.start),
            "end_time": _instant(instance, block.end),
        }
        for item in schedule.operations
        for number, block in enumerate(blocks_of(instance, item))
    ]
    unassigned = [
        {
            "run_id": record.run_id,
            "operation_id": item.operation_id,
            "code": item.code.value,
            "detail": item.detail[:255],
        }
        for item in schedule.unassigned
    ]
    reasons = [
        {
            "run_id": record.run_id,
            "job_id": reason.job_id,
            "cause": reason.cause,
            "minutes": reason.minutes,
            "blockers": json.dumps(list(reason.blockers)),
        }
        for reason in record.reasons
    ]
    return TableRows(_run_row(record), operations, blocks, unassigned, reasons)


def _run_row(record: PlanRecord) -> dict[str, Any]:
    instance = record.instance
    has_freeze = instance.freeze_until > instance.now
    return {
        "run_id": record.run_id,
        "run_key": record.run_key,
        "as_of": to_utc_naive(record.as_of),
        "freeze_until": _instant(instance, instance.freeze_until) if has_freeze else None,
        "plant_tz": instance.plant_tz,
        "solver": record.solver,
        "model_version": record.model_version,
        "snapshot_id": record.snapshot_id,
        "data_hash": record.data_hash,
        "config_hash": record.config_hash,
        "plan_hash": schedule_fingerprint(record.schedule),
        "git_sha": record.git_sha,
        "seed": record.seed,
        "status": "written",
        "row_count": len(record.schedule.operations),
        "kpis": json.dumps(dict(record.kpis), sort_keys=True),
        "solver_facts": json.dumps(dict(record.solver_facts), sort_keys=True)
        if record.solver_facts
        else None,
    }


def _operation_rows(record: PlanRecord) -> list[dict[str, Any]]:
    instance, schedule = record.instance, record.schedule
    zone = ZoneInfo(instance.plant_tz)
    last: dict[str, int] = {}
    for item in schedule.operations:
        last[item.job_id] = max(item.end, last.get(item.job_id, item.end))
    for left_out in schedule.unassigned:
        operation = instance.operation_by_id.get(left_out.operation_id)
        if operation is not None:
            last.pop(operation.job_id, None)
    utilisation = machine_utilisation(instance, schedule)
    rows = []
    for item in schedule.operations:
        job = instance.job_by_id[item.job_id]
        due = (instance.to_datetime(job.due) - timedelta(minutes=1)).astimezone(zone).date()
        finish = last.get(item.job_id)
        rows.append(
            {
                "run_id": record.run_id,
                "operation_id": item.operation_id,
                "job_id": item.job_id,
                "machine_id": item.machine_id,
                "slot": item.slot,
                "start_time": _instant(instance, item.start),
                "end_time": _instant(instance, item.end),
                "setup_minutes": item.setup_minutes,
                "run_minutes": item.run_minutes,
                "overtime_level": item.level,
                "status": _status(instance, item),
                "is_committed": item.is_committed,
                "lcd_date": due,
                "completion_date": None if finish is None else _instant(instance, finish),
                "scheduled_date": to_utc_naive(record.as_of),
                "machine_utilization": utilisation.get(item.machine_id),
            }
        )
    return rows


def machine_utilisation(instance: Instance, schedule: Schedule) -> dict[str, float]:
    """Return per machine its planned work over its open regular minutes from now to the makespan, 0..1."""
    until = max((item.end for item in schedule.operations), default=instance.now)
    shares = {}
    for machine in instance.plant.machines:
        items = schedule.by_machine.get(machine.machine_id, ())
        busy = sum(item.setup_minutes + item.run_minutes for item in items)
        open_minutes = instance.open_time[machine.machine_id].work_between(instance.now, until, 0)
        if open_minutes > 0:
            shares[machine.machine_id] = min(1.0, busy / (open_minutes * machine.capacity))
    return shares


def _status(instance: Instance, item: ScheduledOperation) -> str:
    commitment = instance.commitment_by_id.get(item.operation_id)
    is_running = commitment is not None and commitment.kind is CommitmentKind.IN_PROGRESS
    return IN_PROGRESS if is_running else PROPOSED


def _instant(instance: Instance, minute: int) -> datetime:
    return to_utc_naive(instance.to_datetime(minute))
