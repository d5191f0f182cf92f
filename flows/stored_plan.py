"""A stored plan with the problem that it answered: what people ask about after the run has ended.

The instance is assembled again from the run's snapshot, with the run's own frozen horizon and what it had set
aside. It reads; it plans nothing and writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shopfloor.domain.errors import RefusedInput
from shopfloor.settings import Settings, read_settings

if TYPE_CHECKING:
    import sqlalchemy as sa

    from shopfloor.data.plans import PlanRows, Run
    from shopfloor.domain.instance import Instance
    from shopfloor.domain.plan_changes import Place
    from shopfloor.domain.schedule import Schedule

SEARCHED_RUNS = 500
"""How many runs back the plan before is looked for."""


@dataclass(frozen=True)
class StoredPlan:
    """A plan as it is stored, and as the domain knows it.

    Attributes:
        rows: Of the database, with their statuses.
        instance: What the run knew.
        schedule: The plan, in minutes of `instance`.
        previous_run_id: The plan that was made before it; None = it is the first.
    """

    rows: PlanRows
    instance: Instance
    schedule: Schedule
    previous_run_id: str | None

    @property
    def run(self) -> Run:
        """Facts of its run."""
        return self.rows.run

    @property
    def run_id(self) -> str:
        """Id of its run."""
        return self.rows.run.run_id

    @property
    def as_of(self) -> datetime:
        """Instant of the run, aware UTC."""
        return self.rows.run.as_of.replace(tzinfo=UTC)


def load_stored_plan(run_id: str | None = None) -> StoredPlan:
    """Return a stored plan; None = the plan in force.

    Raises:
        RefusedInput: There is no such plan, or its snapshot is gone.
    """
    from flows.context import open_engines
    from shopfloor.data.stored_schedule import schedule_of

    settings = read_settings()
    engine, _ = open_engines(settings)
    rows = read_rows(engine, run_id)
    instance = instance_of(settings, rows)
    return StoredPlan(rows, instance, schedule_of(rows, instance), _previous_run_id(engine, rows.run))


def places_in(run_id: str, instance: Instance) -> dict[str, Place]:
    """Return the places of a stored run's operations in minutes of another instance.

    Raises:
        RefusedInput: There is no such run.
    """
    from flows.context import open_engines
    from shopfloor.domain.plan_changes import Place

    engine, _ = open_engines(read_settings())
    return {
        row.operation_id: Place(
            row.machine_id,
            row.slot,
            instance.to_minute(row.start_time.replace(tzinfo=UTC)),
            instance.to_minute(row.end_time.replace(tzinfo=UTC)),
            row.job_id,
        )
        for row in read_rows(engine, run_id).operations
    }


def read_rows(engine: sa.Engine, run_id: str | None) -> PlanRows:
    """Return the rows of a stored run; None = the plan in force.

    Raises:
        RefusedInput: There is no such plan.
    """
    from shopfloor.data.plans import active_run, list_runs, read_plan

    if run_id is None:
        active = active_run(engine)
        if active is None:
            raise RefusedInput("there is no plan yet\nhint: shopfloor daily makes one")
        return read_plan(engine, active.run_id)
    try:
        return read_plan(engine, run_id)
    except KeyError:
        known = ", ".join(run.run_id for run in list_runs(engine, limit=5))
        hint = f"the last runs are {known}" if known else "shopfloor daily makes a plan"
        raise RefusedInput(f"no run of that name: {run_id!r}\nhint: {hint}") from None


def instance_of(settings: Settings, rows: PlanRows) -> Instance:
    """Return the problem that a stored run had before it.

    Raises:
        RefusedInput: Its snapshot is gone.
    """
    from flows.context import Folders
    from shopfloor.data.assembly import AssemblyOptions, assemble
    from shopfloor.data.snapshot import open_snapshot

    run = rows.run
    folder = Folders(settings.home_dir).snapshots / str(run.snapshot_id)
    if not folder.exists():
        raise RefusedInput(
            f"the snapshot of run {run.run_id} is gone: {folder}\nhint: shopfloor daily makes a new plan"
        )
    snapshot = open_snapshot(folder)
    options = AssemblyOptions(
        freeze_hours=_freeze_hours(run),
        processing_time_unit=settings.processing_time_unit,
        quarantined=tuple(
            str(row["operation_id"]) for row in rows.unassigned if row["code"] == "QUARANTINED"
        ),
    )
    return assemble(snapshot.frames(), as_of=snapshot.as_of, plant_tz=run.plant_tz, options=options)


def _freeze_hours(run: Run) -> float:
    return 0.0 if run.freeze_until is None else (run.freeze_until - run.as_of).total_seconds() / 3600


def _previous_run_id(engine: sa.Engine, run: Run) -> str | None:
    from shopfloor.data.plans import list_runs

    older = (
        other
        for other in list_runs(engine, limit=SEARCHED_RUNS)
        if (other.as_of, other.created_at) < (run.as_of, run.created_at) and other.run_id != run.run_id
    )
    newest = max(older, key=lambda other: (other.as_of, other.created_at), default=None)
    return None if newest is None else newest.run_id
