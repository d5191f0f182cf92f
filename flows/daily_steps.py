"""The steps of the daily schedule: thin wrappers that show the library's steps of a day one by one."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from flows.context import RunContext, git_sha
from flows.steps import step

if TYPE_CHECKING:
    from expectations.findings import ValidationReport
    from shopfloor.data.incidents import Incident
    from shopfloor.data.plans import Run
    from shopfloor.data.snapshot import Snapshot
    from shopfloor.data.writeback import WriteOutcome
    from shopfloor.domain.instance import Instance
    from shopfloor.monitoring.drift import DriftReport
    from shopfloor.serving.champion import Champion, Resolution
    from shopfloor.serving.daily import Day
    from shopfloor.serving.daily_write import DayDraft

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DriftOutcome:
    """Drift of today's data against the champion's, and what the report needs to draw it."""

    report: DriftReport | None
    incidents: tuple[Incident, ...]
    reference: Snapshot | None = None

    @property
    def verdict(self) -> str:
        return "unknown" if self.report is None else self.report.verdict


@dataclass(frozen=True)
class Planned:
    """What the ladder came to, or the earlier run that answered this very request."""

    instance: Instance
    draft: DayDraft | None
    done: Run | None


@step(retries=2)
def open_the_day(run: RunContext) -> Day:
    """Take the lease; report what a dead run left behind."""
    from shopfloor.serving.daily import open_day

    return open_day(run.database, settings=run.settings, as_of=run.as_of, git_sha=git_sha())


@step()
def find_champion(run: RunContext, day: Day) -> Resolution:
    """Find and prove today's champion: ledger, local copy, registry, the one before."""
    from shopfloor.serving.daily import resolve_day

    with run.timed("champion"):
        return resolve_day(day)


@step(retries=2, timeout_s=300)
def extract_today(run: RunContext, day: Day) -> Snapshot:
    """Read all tables in one consistent snapshot."""
    from shopfloor.serving.daily import extract_day

    with run.timed("extract"):
        return extract_day(day, reader=run.source)


@step(timeout_s=60)
def check_data_drift(run: RunContext, champion: Champion | None, checked: ValidationReport) -> DriftOutcome:
    """Compare today's data with the champion's training data; what fails here never stops the plan."""
    from shopfloor.data.incidents import Incident

    with run.timed("drift"):
        try:
            return _drift(run, champion, checked)
        except Exception as error:
            log.exception("drift_check_failed")
            summary = f"drift could not be judged: {str(error).splitlines()[0] if str(error) else error!r}"
            return DriftOutcome(None, (Incident("DRIFT_ERROR", "warning", summary),))


def _drift(run: RunContext, champion: Champion | None, checked: ValidationReport) -> DriftOutcome:
    from shopfloor.data.incidents import Incident
    from shopfloor.data.snapshot import open_snapshot
    from shopfloor.monitoring.drift import check_drift

    trained_on = None if champion is None else champion.model.metadata.get("snapshot_id")
    if trained_on is None:
        return DriftOutcome(None, ())
    reference = open_snapshot(run.folders.snapshots / str(trained_on))
    report = check_drift(
        reference.frames(),
        checked.clean_frames,
        reference_as_of=reference.as_of,
        as_of=run.as_of,
        seed=run.seed,
    )
    if report.verdict == "stable":
        return DriftOutcome(report, (), reference)
    severity = "warning" if report.verdict == "drift" else "info"
    code = "DRIFT" if report.verdict == "drift" else "DRIFT_UNKNOWN"
    context = {"columns": [column.column for column in report.columns if column.status != "stable"]}
    return DriftOutcome(report, (Incident(code, severity, report.sentence[:400], context),), reference)


@step(timeout_s=900)
def make_todays_plan(
    run: RunContext, day: Day, found: Resolution, snapshot: Snapshot, checked: ValidationReport
) -> Planned:
    """Greedy first, then the tuned rule and the searches; each validated; the best valid rung wins."""
    from flows.search_progress import watched_solve
    from shopfloor.serving.daily import assemble_day, find_done, key_of, make_plan
    from shopfloor.serving.daily_write import DayDraft

    with run.timed("assemble"):
        instance = assemble_day(day, checked.planning_frames, quarantined=checked.quarantined_operations)
        key = key_of(day, snapshot, found.champion)
        done = find_done(day, key)
    if done is not None:
        return Planned(instance, None, done)
    with run.timed("plan"):
        result = make_plan(day, instance, found.champion, solve=watched_solve())
    incidents = (*found.incidents, *_data_incidents(checked), *_refused_pins(instance))
    return Planned(instance, DayDraft(key, snapshot, instance, found.champion, result, incidents), None)


@step(timeout_s=300)
def write_and_read_back(
    run: RunContext, day: Day, planned: Planned, drift: DriftOutcome
) -> WriteOutcome | None:
    """Write plan, incidents and alerts in one transaction, and require that the database now says so."""
    from shopfloor.serving.daily_write import read_back, write_day

    if planned.draft is None:
        return None
    draft = replace(planned.draft, incidents=(*planned.draft.incidents, *drift.incidents))
    with run.timed("write"):
        outcome = write_day(day, draft)
        if outcome is not None:
            read_back(day, draft, outcome)
    return outcome


def _data_incidents(checked: ValidationReport) -> tuple[Incident, ...]:
    from shopfloor.data.incidents import Incident

    if not checked.quarantined:
        return ()
    counts = checked.quarantined_counts
    summary = f"rows were set aside: {', '.join(f'{table} {count}' for table, count in counts.items())}"
    return (Incident("ROWS_QUARANTINED", "warning", summary, {"counts": counts}),)


def _refused_pins(instance: Instance) -> tuple[Incident, ...]:
    """Return the news of pins that cannot hold: their operations wait for the planner, with the reason."""
    from shopfloor.data.incidents import Incident
    from shopfloor.domain.instance import UnassignedCode

    refused = {
        row.operation_id: row.detail for row in instance.set_aside if row.code is UnassignedCode.BAD_PIN
    }
    if not refused:
        return ()
    operation, detail = next(iter(refused.items()))
    more = f" and {len(refused) - 1} more" if len(refused) > 1 else ""
    summary = f"a pin cannot hold: {operation}: {detail}{more}"
    return (Incident("PIN_REFUSED", "warning", summary, {"refused": refused}),)
