"""The daily schedule: today's plan, checked, written back, and told to people. Whatever fails, a plan stands.

The body is a table of contents; the steps are in `intake.py`, `daily_steps.py` and `daily_report.py`.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from prefect import flow

from flows.artifacts import run_name
from flows.context import RunContext, instant_of, run_settings
from flows.daily_report import Checks, close_the_day, ended_badly, no_plan
from flows.daily_steps import (
    check_data_drift,
    extract_today,
    find_champion,
    make_todays_plan,
    open_the_day,
    write_and_read_back,
)
from flows.intake import validate_snapshot
from flows.reports import DailyReport
from flows.retention import tidy_up
from flows.steps import is_in_flow_run
from shopfloor.serving.exit_codes import ExitCode

log = logging.getLogger(__name__)


@flow(name="daily-schedule", flow_run_name=run_name("daily"), timeout_seconds=3600)
def daily_schedule(
    as_of: datetime | None = None,
    seed: int | None = None,
    freeze_hours: float | None = None,
    deadline_s: float | None = None,
    objective: str | None = None,
    search_workers: int | None = None,
    search_iterations: int | None = None,
    max_moved: int | None = None,
    accept_volume: bool = False,
) -> DailyReport:
    """Make today's plan and write it back.

    Args:
        as_of: What counts as now; default the clock.
        seed: Of samples and search; this and the next ones default to the settings.
        freeze_hours: Frozen horizon of the plan in force.
        deadline_s: Seconds that the search may take.
        objective: Preset that is optimised.
        search_workers: Search chains side by side.
        search_iterations: Moves that each of them tries at most.
        max_moved: Operations that may move against the plan in force.
        accept_volume: Plan although row counts are unusual.
    """
    settings = run_settings(
        seed=seed,
        freeze_hours=freeze_hours,
        deadline_s=deadline_s,
        objective=objective,
        search_workers=search_workers,
        search_iterations=search_iterations,
        max_moved=max_moved,
    )
    run = RunContext(settings, as_of=instant_of(as_of))
    if is_too_late(settings.max_lateness_h):
        return no_plan(
            run, ExitCode.LEASE_LOST, "skipped: this scheduled run comes too late to be today's plan"
        )
    day = None
    try:
        day = open_the_day(run)
        found = find_champion(run, day)
        snapshot = extract_today(run, day)
        checked = validate_snapshot(run, snapshot, accept_volume=accept_volume)
        drift = check_data_drift(run, found.champion, checked)
        planned = make_todays_plan(run, day, found, snapshot, checked)
        outcome = write_and_read_back(run, day, planned, drift)
        report = close_the_day(run, day, planned, outcome, Checks(checked, drift))
        tidy_up(run)
        return report
    except Exception as error:
        log.exception("daily_failed")
        return ended_badly(run, day, error)


def is_too_late(max_lateness_h: float) -> bool:
    """Tell whether Prefect starts a run long after its scheduled time, as it does after an outage."""
    if not is_in_flow_run():
        return False
    from prefect import runtime

    scheduled = runtime.flow_run.scheduled_start_time
    return scheduled is not None and datetime.now(UTC) - scheduled > timedelta(hours=max_lateness_h)
