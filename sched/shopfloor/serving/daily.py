"""The day, step by step, as plain functions: whoever gives the rhythm calls them in order.

    open_day, resolve_day, extract_day, assemble_day, find_done, make_plan    here
    write_day, read_back                                                      daily_write
    close_day, or end_badly after an error                                    daily_end

Each step renews the lease first, so a run that was overtaken ends itself. No step needs Prefect or MLflow.
What goes wrong on a rung is an incident; what goes wrong with the day is an error, and `end_badly` knows
what it means.
"""

from __future__ import annotations

import logging
import os
import socket
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from shopfloor.data.assembly import AssemblyOptions, assemble
from shopfloor.data.column_map import read_column_map
from shopfloor.data.connection import check_schema
from shopfloor.data.incidents import Incident
from shopfloor.data.leases import Lease, acquire, renew
from shopfloor.data.plans import Run, find_run
from shopfloor.data.rollout import RolloutState, read_rollout, write_rollout
from shopfloor.data.snapshot import Snapshot, extract
from shopfloor.domain.instance import Instance
from shopfloor.faults import fault_point, refuse_in_production
from shopfloor.serving import breaker as breakers
from shopfloor.serving.champion import Champion, Resolution, resolve_champion
from shopfloor.serving.ladder import LadderRequest, LadderResult, Solve, climb
from shopfloor.serving.local_incidents import bring_in
from shopfloor.serving.run_key import PlanRequest, config_hash, run_key
from shopfloor.serving.search_settings import SearchSettings
from shopfloor.serving.solver_process import SolverLimits, solve_in_child, startup_seconds
from shopfloor.settings import Settings

if TYPE_CHECKING:
    import pandas as pd
    import sqlalchemy as sa

log = logging.getLogger(__name__)

LEASE = "daily"
PLAN_SETTINGS = (
    "deadline_s",
    "rollouts",
    "objective",
    "search_iterations",
    "search_workers",
    "overtime_hours",
    "max_moved",
    "freeze_hours",
    "processing_time_unit",
    "plant_tz",
)
"""What a plan is a function of besides data, model, seed, `as_of` and the code."""


@dataclass(frozen=True)
class Day:
    """One run of the day, under its lease.

    Attributes:
        engine: Writer on the plant's database.
        as_of: Instant of the plan, aware.
        lease: Held until `close_day` or `end_badly`.
        git_sha: Of the code, for the record; empty = unknown.
        incidents: Met while opening.
    """

    engine: sa.Engine
    settings: Settings
    as_of: datetime
    lease: Lease
    git_sha: str = ""
    incidents: tuple[Incident, ...] = ()


def open_day(
    engine: sa.Engine, *, settings: Settings, as_of: datetime, owner: str | None = None, git_sha: str = ""
) -> Day:
    """Take the lease and look at what the run before left.

    Raises:
        LeaseHeld: Another run is at work.
        SchemaMismatch: Tables or rights are missing.
        DatabaseUnavailable: The database cannot be reached.
    """
    refuse_in_production()
    check_schema(engine, renamed=read_column_map(settings.column_map))
    owner = owner or f"{socket.gethostname()[:20]}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    lease = acquire(engine, LEASE, owner=owner, ttl_s=settings.lease_ttl_s)
    fault_point("daily.opened")
    bring_in(engine, settings.home_dir)
    incidents: tuple[Incident, ...] = ()
    if lease.taken_over_from is not None:
        died = {"owner": lease.taken_over_from, "fence": lease.fence}
        incidents = (
            Incident("RUN_DIED", "warning", f"run {lease.taken_over_from} died; its lease ran out", died),
        )
    log.info("day_opened as_of=%s owner=%s fence=%d", as_of.isoformat(), owner, lease.fence)
    return Day(engine, settings, as_of, lease, git_sha, incidents)


def resolve_day(day: Day) -> Resolution:
    """Find and prove today's champion; the version is pinned for this run."""
    renew_lease(day)
    return resolve_champion(day.engine, home=day.settings.home_dir, tracking_uri=day.settings.tracking_uri)


def extract_day(day: Day, *, reader: sa.Engine | None = None) -> Snapshot:
    """Read all tables in one consistent snapshot.

    Args:
        reader: A read-only engine; None = the writer.

    Raises:
        DatabaseUnavailable, SchemaMismatch, SnapshotCorrupt: There is no input, hence no new plan.
    """
    renew_lease(day)
    fault_point("daily.extract")
    return extract(
        reader or day.engine,
        root=day.settings.home_dir / "snapshots",
        as_of=day.as_of,
        column_map=day.settings.column_map,
    )


def assemble_day(
    day: Day, frames: Mapping[str, pd.DataFrame], *, quarantined: Sequence[str] = ()
) -> Instance:
    """Return the problem of the day.

    Args:
        frames: Validated frames of the snapshot.
        quarantined: Operations that validation set aside.

    Raises:
        InvalidInstance, InvalidPlant: The rows contradict each other: no plan is made from them.
    """
    return problem_of(frames, settings=day.settings, as_of=day.as_of, quarantined=quarantined)


def problem_of(
    frames: Mapping[str, pd.DataFrame],
    *,
    settings: Settings,
    as_of: datetime,
    quarantined: Sequence[str] = (),
) -> Instance:
    """Return the problem that frames and settings make; see `assemble_day`."""
    options = AssemblyOptions(
        freeze_hours=settings.freeze_hours,
        processing_time_unit=settings.processing_time_unit,
        quarantined=tuple(quarantined),
    )
    return assemble(frames, as_of=as_of, plant_tz=settings.plant_tz, options=options)


def key_of(day: Day, snapshot: Snapshot, champion: Champion | None) -> str:
    """Return the run key: the same data, settings, model, seed and `as_of` are the same request."""
    settings = day.settings
    return run_key(
        PlanRequest(
            plant=settings.plant_tz,
            as_of=day.as_of,
            data_hash=snapshot.data_hash,
            config_hash=config_hash_of(settings),
            model=champion.bundle_hash if champion else "",
            seed=settings.seed,
        )
    )


def find_done(day: Day, key: str) -> Run | None:
    """Return the run that answered this request before, if one did: then there is nothing to do."""
    return find_run(day.engine, key)


def make_plan(
    day: Day, instance: Instance, champion: Champion | None, *, solve: Solve = solve_in_child
) -> LadderResult:
    """Climb the ladder and remember what the champion did for the breaker.

    Raises:
        InvalidSettings: The settings name no known objective.
    """
    renew_lease(day)
    fault_point("daily.make_plan")
    settings = day.settings
    state = read_rollout(day.engine)
    breaker = _breaker_of(state)
    result = climb(
        LadderRequest(
            instance,
            champion,
            limits=SolverLimits(deadline_s=settings.deadline_s, startup_s=startup_seconds()),
            may_use_champion=breaker.lets_champion_run,
            order=SearchSettings.of(settings),
        ),
        solve=solve,
    )
    if result.champion_was_bad is not None:
        after = breakers.after_champion_run(breaker, is_bad=result.champion_was_bad)
    elif champion is not None:
        after = breakers.after_run_without_champion(breaker)
    else:
        after = breaker
    if after != breaker:
        write_rollout(day.engine, _with_breaker(state, after))
    return result


def renew_lease(day: Day) -> None:
    """Prolong the lease.

    Raises:
        LeaseLost: Another run took over: this one must end.
    """
    renew(day.engine, day.lease, ttl_s=day.settings.lease_ttl_s)


def config_hash_of(settings: Settings) -> str:
    """Return the hash of the settings that change a plan."""
    return config_hash(plan_settings(settings))


def plan_settings(settings: Settings) -> dict[str, Any]:
    """Return the settings that change a plan, by name, besides the seed; stored with it."""
    return {name: getattr(settings, name) for name in PLAN_SETTINGS}


def _breaker_of(state: RolloutState) -> breakers.Breaker:
    return breakers.Breaker(
        breakers.BreakerPosition(state.breaker),
        state.breaker_runs_left,
        breakers.from_text(state.recent_failures),
    )


def _with_breaker(state: RolloutState, breaker: breakers.Breaker) -> RolloutState:
    return replace(
        state,
        breaker=breaker.position.value,
        breaker_runs_left=breaker.runs_left,
        recent_failures=breakers.to_text(breaker.recent),
    )
