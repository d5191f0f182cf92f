"""Plans as they are stored: which one is active, its rows, the runs before it.

Only reading; a plan is written by `writeback.py` alone, and planners change a row's status and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from shopfloor.data.connection import reading
from shopfloor.data.tables import (
    PLANT_TABLES,
    schedule_active,
    schedule_blocks,
    schedule_reasons,
    schedule_runs,
    schedule_unassigned,
    scheduled_jobs,
)


@dataclass(frozen=True)
class Run:
    """One row of `schedule_runs`; times naive UTC.

    Attributes:
        solver_facts: What the plan depends on besides data, model and seed; empty for a plan of schema 1.
    """

    run_id: str
    run_key: str
    as_of: datetime
    freeze_until: datetime | None
    plant_tz: str
    solver: str
    model_version: str | None
    snapshot_id: str | None
    data_hash: str | None
    config_hash: str | None
    plan_hash: str
    git_sha: str | None
    seed: int | None
    status: str
    row_count: int
    kpis: Mapping[str, float | None]
    solver_facts: Mapping[str, Any]
    created_at: datetime


@dataclass(frozen=True)
class ActivePlan:
    """The plan in force."""

    run: Run
    fence: int
    activated_at: datetime

    @property
    def run_id(self) -> str:
        """Id of its run."""
        return self.run.run_id


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One row of `scheduled_jobs`; times naive UTC."""

    run_id: str
    operation_id: str
    job_id: str
    machine_id: str
    slot: int
    start_time: datetime
    end_time: datetime
    setup_minutes: int
    run_minutes: int
    overtime_level: int
    status: str
    is_committed: bool
    lcd_date: date | None
    completion_date: datetime | None
    scheduled_date: datetime
    machine_utilization: float | None


@dataclass(frozen=True)
class PlanRows:
    """A whole stored plan.

    Attributes:
        operations: Sorted by machine, slot, start.
        blocks: Rows of `schedule_blocks`, by operation and block.
        unassigned: Rows of `schedule_unassigned`.
        reasons: Rows of `schedule_reasons`, `blockers` decoded.
    """

    run: Run
    operations: tuple[PlanRow, ...]
    blocks: tuple[Mapping[str, Any], ...]
    unassigned: tuple[Mapping[str, Any], ...]
    reasons: tuple[Mapping[str, Any], ...]


def active_run(engine: sa.Engine) -> ActivePlan | None:
    """Return the plan in force, or None before the first one."""
    joined = sa.join(schedule_active, schedule_runs, schedule_active.c.run_id == schedule_runs.c.run_id)
    statement = sa.select(schedule_runs, schedule_active.c.fence, schedule_active.c.activated_at)
    with reading(engine) as connection:
        row = connection.execute(statement.select_from(joined)).mappings().first()
    if row is None:
        return None
    return ActivePlan(run_of(dict(row)), row["fence"], row["activated_at"])


def find_run(engine: sa.Engine, run_key: str) -> Run | None:
    """Return the run of that key: the answer to whether a write became durable."""
    with reading(engine) as connection:
        return find_run_in(connection, run_key)


def find_run_in(connection: sa.Connection, run_key: str) -> Run | None:
    """Return the run of that key as the caller's transaction sees it."""
    row = (
        connection.execute(sa.select(schedule_runs).where(schedule_runs.c.run_key == run_key))
        .mappings()
        .first()
    )
    return None if row is None else run_of(dict(row))


def list_runs(engine: sa.Engine, *, limit: int = 50) -> tuple[Run, ...]:
    """Return the newest runs, newest first."""
    newest = sa.select(schedule_runs).order_by(schedule_runs.c.created_at.desc(), schedule_runs.c.run_id)
    with reading(engine) as connection:
        return tuple(run_of(dict(row)) for row in connection.execute(newest.limit(limit)).mappings())


def read_plan(engine: sa.Engine, run_id: str) -> PlanRows:
    """Return a stored plan.

    Raises:
        KeyError: There is no such run.
    """
    with reading(engine) as connection:
        run = (
            connection.execute(sa.select(schedule_runs).where(schedule_runs.c.run_id == run_id))
            .mappings()
            .first()
        )
        if run is None:
            raise KeyError(f"no run {run_id!r}")
        operations = connection.execute(
            sa.select(scheduled_jobs)
            .where(scheduled_jobs.c.run_id == run_id)
            .order_by(scheduled_jobs.c.machine_id, scheduled_jobs.c.slot, scheduled_jobs.c.start_time)
        ).mappings()
        rows = tuple(PlanRow(**dict(row)) for row in operations)
        blocks, unassigned, reasons = (
            tuple(
                dict(row)
                for row in connection.execute(
                    sa.select(table).where(table.c.run_id == run_id).order_by(*table.primary_key.columns)
                ).mappings()
            )
            for table in (schedule_blocks, schedule_unassigned, schedule_reasons)
        )
    decoded = tuple(row | {"blockers": json.loads(row["blockers"])} for row in reasons)
    return PlanRows(run_of(dict(run)), rows, blocks, unassigned, decoded)


def count_plant_rows(engine: sa.Engine) -> dict[str, int]:
    """Return rows per plant table."""
    with reading(engine) as connection:
        return {
            name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for name, table in PLANT_TABLES.items()
        }


def run_of(row: dict[str, Any]) -> Run:
    """Return a run from a row of `schedule_runs` (other columns are ignored)."""
    values = {name: row[name] for name in Run.__dataclass_fields__}
    facts = json.loads(row["solver_facts"] or "{}")
    return Run(**(values | {"kpis": json.loads(row["kpis"]), "solver_facts": facts}))
