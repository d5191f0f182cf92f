"""The write-back: a plan and all that belongs to it become active in one transaction, or nothing happens.

Readers see the old plan or the new one, never a mix. A run that lost its lease, or that is older than the
active plan, cannot write. No network, no solver and no schema change happens between its first and its last
statement.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from shopfloor.data.errors import run_transaction
from shopfloor.data.incidents import insert_incidents
from shopfloor.data.instants import database_now, to_utc_naive
from shopfloor.data.leases import Lease, require_held
from shopfloor.data.outbox import queue
from shopfloor.data.plan_rows import PROPOSED, PlanRecord, TableRows, rows_of_plan
from shopfloor.data.plans import find_run, find_run_in
from shopfloor.data.tables import (
    schedule_active,
    schedule_blocks,
    schedule_reasons,
    schedule_runs,
    schedule_unassigned,
    scheduled_jobs,
)
from shopfloor.domain.errors import InvalidPlan, LeaseLost
from shopfloor.faults import fault_point

logger = logging.getLogger(__name__)

ROWS_PER_STATEMENT = 1000
KEPT_STATUSES = ("approved", "confirmed")


@dataclass(frozen=True, slots=True)
class WriteOutcome:
    """What a write-back came to.

    Attributes:
        status: `already_there`: a run with this key had been written before, and nothing was changed.
        was_unknown: The answer to COMMIT was lost and reading back found the run.
    """

    run_id: str
    status: Literal["written", "already_there"]
    was_unknown: bool = False


def write_plan(engine: sa.Engine, record: PlanRecord, *, lease: Lease) -> WriteOutcome:
    """Store the plan and make it the active one.

    Args:
        record: A validated plan.
        lease: The lease under which plans are written; its fence decides between two writers.

    Raises:
        LeaseLost: The lease was taken over, or a plan with a later `as_of` is active (superseded).
        InvalidPlan: What the database holds after the INSERTs is not what was sent; nothing was changed.
        DatabaseUnavailable: The database failed before COMMIT; nothing was changed.
        CommitUnknown: COMMIT was sent, its answer was lost, and reading back failed.
    """
    rows = rows_of_plan(record)

    def _resolve() -> WriteOutcome | None:
        found = find_run(engine, record.run_key)
        if found is None:
            return None
        logger.warning("commit_resolved run_id=%s", found.run_id)
        return WriteOutcome(found.run_id, "written", was_unknown=True)

    def _work(connection: sa.Connection) -> WriteOutcome:
        return _write(connection, record, rows, lease)

    try:
        outcome = run_transaction(engine, _work, doing="write the plan", read_back=_resolve)
    except IntegrityError:
        found = find_run(engine, record.run_key)
        if found is None:
            raise
        outcome = WriteOutcome(found.run_id, "already_there")
    logger.info("plan_%s run_id=%s rows=%d", outcome.status, outcome.run_id, len(rows.operations))
    return outcome


def _write(connection: sa.Connection, record: PlanRecord, rows: TableRows, lease: Lease) -> WriteOutcome:
    require_held(connection, lease)
    active = connection.execute(sa.select(schedule_active).with_for_update()).one()
    known = find_run_in(connection, record.run_key)
    if known is not None:
        return WriteOutcome(known.run_id, "already_there")
    now = database_now(connection)
    _refuse_if_superseded(active.as_of, active.fence, record, lease)
    connection.execute(sa.insert(schedule_runs).values(**rows.run, created_at=now))
    fault_point("writeback.after_run")
    operations = list(_with_kept_status(connection, active.run_id, rows.operations))
    for table, batch in (
        (scheduled_jobs, operations),
        (schedule_blocks, rows.blocks),
        (schedule_unassigned, rows.unassigned),
        (schedule_reasons, rows.reasons),
    ):
        for first in range(0, len(batch), ROWS_PER_STATEMENT):
            connection.execute(sa.insert(table), batch[first : first + ROWS_PER_STATEMENT])
    fault_point("writeback.after_rows")
    _require_stored(connection, record.run_id, rows)
    _activate(connection, record, lease, now=now)
    if active.run_id is not None:
        old = sa.update(schedule_runs).where(schedule_runs.c.run_id == active.run_id)
        connection.execute(old.values(status="superseded"))
    insert_incidents(connection, record.incidents, as_of=record.as_of, at=now)
    for message in record.messages:
        queue(connection, message, at=now)
    fault_point("writeback.before_commit")
    return WriteOutcome(record.run_id, "written")


def _refuse_if_superseded(
    active_as_of: datetime | None, active_fence: int, record: PlanRecord, lease: Lease
) -> None:
    mine = to_utc_naive(record.as_of)
    if active_as_of is not None and active_as_of > mine:
        raise LeaseLost(
            f"superseded: the active plan is of {active_as_of:%Y-%m-%d %H:%M} UTC, "
            f"this one of {mine:%Y-%m-%d %H:%M}\n"
            "hint: nothing to do, a newer plan is in force"
        )
    if active_fence > lease.fence:
        raise LeaseLost(
            f"the active plan was written with fence {active_fence}, this run holds {lease.fence}\n"
            "hint: a later run has written; this one must end"
        )


def _activate(connection: sa.Connection, record: PlanRecord, lease: Lease, *, now: datetime) -> None:
    """Switch the one active row by compare-and-set."""
    mine = to_utc_naive(record.as_of)
    table = schedule_active
    is_not_newer = table.c.as_of.is_(None) | (table.c.as_of <= mine)
    switch = sa.update(table).where((table.c.id == 1) & (table.c.fence <= lease.fence) & is_not_newer)
    values = {"run_id": record.run_id, "fence": lease.fence, "as_of": mine, "activated_at": now}
    if connection.execute(switch.values(**values)).rowcount != 1:
        raise LeaseLost("superseded: the active plan changed meanwhile\nhint: a newer plan is in force")


def _with_kept_status(
    connection: sa.Connection, active_run_id: str | None, rows: Sequence[Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Yield the rows; a frozen one keeps what the planner said of it while machine and start are the same."""
    table = scheduled_jobs
    kept: dict[tuple[Any, ...], str] = {}
    if active_run_id is not None:
        statement = sa.select(table.c.operation_id, table.c.machine_id, table.c.start_time, table.c.status)
        mine = (table.c.run_id == active_run_id) & table.c.status.in_(KEPT_STATUSES)
        kept = {tuple(row[:3]): row.status for row in connection.execute(statement.where(mine))}
    for row in rows:
        place = (row["operation_id"], row["machine_id"], row["start_time"])
        is_same = row["status"] == PROPOSED and place in kept
        yield {**row, "status": kept[place]} if is_same else dict(row)


def _require_stored(connection: sa.Connection, run_id: str, rows: TableRows) -> None:
    """Compare counts and a checksum, computed by the database over what it holds, with what was sent."""
    table = scheduled_jobs
    moment = sa.String(32)
    text: sa.ColumnElement[str] = sa.cast(table.c.operation_id, sa.String(255))
    for column in (
        table.c.machine_id,
        table.c.slot,
        table.c.start_time,
        table.c.end_time,
        table.c.overtime_level,
    ):
        as_text = sa.type_coerce(column, moment) if isinstance(column.type, sa.DateTime) else column
        text = text + "|" + sa.cast(as_text, sa.String(255))
    summed = sa.func.coalesce(sa.func.sum(sa.func.crc32(text, type_=sa.BigInteger)), 0)
    statement = sa.select(sa.func.count(), summed).where(table.c.run_id == run_id)
    count, checksum = connection.execute(statement).one()
    expected = sum(zlib.crc32(_checked_text(row).encode()) for row in rows.operations)
    found: list[int] = [count, int(checksum)]
    wanted = [len(rows.operations), expected]
    for other, sent in (
        (schedule_blocks, rows.blocks),
        (schedule_unassigned, rows.unassigned),
        (schedule_reasons, rows.reasons),
    ):
        counting = sa.select(sa.func.count()).select_from(other).where(other.c.run_id == run_id)
        found.append(connection.execute(counting).scalar_one())
        wanted.append(len(sent))
    if found != wanted:
        raise InvalidPlan(
            f"the database holds other rows than were sent for run {run_id}: {found} instead of {wanted}\n"
            "hint: a trigger or a column type changes rows; compare the tables with deploy/mariadb/schema.sql"
        )


def _checked_text(row: Mapping[str, Any]) -> str:
    values = (
        row["operation_id"],
        row["machine_id"],
        row["slot"],
        f"{row['start_time']:%Y-%m-%d %H:%M:%S.%f}",
        f"{row['end_time']:%Y-%m-%d %H:%M:%S.%f}",
        row["overtime_level"],
    )
    return "|".join(map(str, values))
