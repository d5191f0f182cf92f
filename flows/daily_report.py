"""The end of a day: KPIs, alerts and the lease first, then pictures, artifacts and events. Nothing of it fails."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows import artifacts, events
from flows.context import RunContext
from flows.daily_gains import gains
from flows.reports import DailyReport, search_lines
from flows.steps import step
from shopfloor.serving.exit_codes import ExitCode

if TYPE_CHECKING:
    from expectations.findings import ValidationReport
    from flows.daily_steps import DriftOutcome, Planned
    from shopfloor.data.incidents import Incident
    from shopfloor.data.writeback import WriteOutcome
    from shopfloor.serving.daily import Day

log = logging.getLogger(__name__)


@step(timeout_s=300)
def close_the_day(
    run: RunContext, day: Day, planned: Planned, outcome: WriteOutcome | None, checks: Checks
) -> DailyReport:
    """Store the day's KPIs, send alerts, give the lease back; then draw and publish what people look at."""
    from shopfloor.serving.daily_end import close_day

    result = None if planned.draft is None else planned.draft.result
    ended = close_day(day, outcome=outcome, result=result, done=planned.done)
    with run.timed("pictures"):
        links = _draw(run, planned, checks, ended.run_id)
    newly_late = _newly_late(planned)
    incidents = (
        () if planned.draft is None else (*planned.draft.incidents, *checks.drift.incidents, *_met(planned))
    )
    report = DailyReport(
        exit_code=ended.exit_code,
        as_of=run.as_of,
        run_id=ended.run_id,
        status=ended.status,
        rung=_rung(planned),
        model_version=_version(planned),
        n_operations=_counts(planned)[0],
        n_unassigned=_counts(planned)[1],
        n_quarantined=sum(checks.validated.quarantined_counts.values()),
        kpis=_kpis(planned),
        greedy_kpis={}
        if result is None or result.greedy_kpis is None
        else _numbers(result.greedy_kpis.as_dict()),
        drift=checks.drift.verdict,
        incidents=tuple(f"{i.severity} {i.code}: {i.summary}" for i in incidents),
        seconds=dict(run.timed.seconds) | ({} if result is None else _numbers(result.timings)),
        links=links,
        search={} if result is None or result.search is None else result.search.as_dict(),
        newly_late=newly_late,
    )
    report = replace(report, links={**report.links, **_day_page(run, report)})
    _publish(report, incidents)
    return report


def _newly_late(planned: Planned) -> tuple[str, ...] | None:
    """Return the jobs that the new plan makes late; None where there is no plan before, or it cannot be read."""
    draft = planned.draft
    before = None if draft is None else draft.snapshot.active_run_id
    if draft is None or draft.result.schedule is None or before is None:
        return None
    from flows.stored_plan import places_in
    from shopfloor.domain.plan_changes import compare_plans

    try:
        old = places_in(before, draft.instance)
        return compare_plans(draft.instance, draft.result.schedule, old).newly_late
    except Exception:
        log.exception("changes_not_compared run_id=%s", before)
        return None


def _day_page(run: RunContext, report: DailyReport) -> dict[str, Path]:
    from flows.daily_page import draw_day

    if report.status != "written":
        return {}
    try:
        return {"day report": draw_day(report, run.folders.reports / f"day-{report.run_id}.html")}
    except Exception:
        log.exception("picture_failed name=day report")
        return {}


class Checks:
    """What was found about the data: by its suites, and against the champion's."""

    def __init__(self, validated: ValidationReport, drift: DriftOutcome) -> None:
        self.validated, self.drift = validated, drift


def ended_badly(run: RunContext, day: Day | None, error: BaseException) -> DailyReport:
    """Leave one incident for what ended the day, and return the report of a day without a new plan."""
    from shopfloor.serving.daily_end import end_badly
    from shopfloor.serving.failures import incident_of

    code = end_badly(error, settings=run.settings, as_of=run.as_of, day=day, engine=run.database)
    incident = incident_of(error)
    payload = {"code": incident.code, "run_id": None, "summary": incident.summary}
    events.emit(events.INCIDENT_RAISED, resource="daily", payload=payload)
    artifacts.markdown("daily-plan", f"# No new plan\n\n{incident.code}: {incident.summary}")
    return no_plan(run, code, f"{incident.severity} {incident.code}: {error}")


def no_plan(run: RunContext, code: ExitCode, why: str) -> DailyReport:
    """Return the report of a day on which the plan in force stays."""
    return DailyReport(
        exit_code=code, as_of=run.as_of, run_id=None, status="kept", rung="none", model_version=None,
        n_operations=0, n_unassigned=0, n_quarantined=0, kpis={}, greedy_kpis={}, drift="unknown",
        incidents=(why,), seconds=dict(run.timed.seconds),
    )  # fmt: skip


def _draw(run: RunContext, planned: Planned, checks: Checks, run_id: str | None) -> dict[str, Path]:
    links: dict[str, Path] = {}
    if checks.validated.docs_index is not None:
        links["data docs"] = checks.validated.docs_index
    attempts: tuple[tuple[str, Callable[[], Path | None]], ...] = (
        ("plan Gantt", lambda: _gantt(run, planned, run_id)),
        ("drift report", lambda: _drift_page(run, checks, run_id)),
    )
    for name, draw in attempts:
        try:
            path = draw()
        except Exception:
            log.exception("picture_failed name=%s", name)
            continue
        if path is not None:
            links[name] = path
    return links


def _gantt(run: RunContext, planned: Planned, run_id: str | None) -> Path | None:
    result = None if planned.draft is None else planned.draft.result
    if result is None or result.schedule is None:
        return None
    from flows.stored_plan import places_in
    from shopfloor.web.gantt import render_gantt

    before = None if planned.draft is None else planned.draft.snapshot.active_run_id
    return render_gantt(
        planned.instance,
        result.schedule,
        run.folders.reports / f"plan-{run_id}.html",
        title=f"Plan {run_id}",
        kpis=result.kpis,
        before=None if before is None else places_in(before, planned.instance),
        before_name=before or "",
    )


def _drift_page(run: RunContext, checks: Checks, run_id: str | None) -> Path | None:
    drift = checks.drift
    if drift.report is None or drift.reference is None or run_id is None:
        return None
    from shopfloor.monitoring.drift import CURRENT_DAYS, REFERENCE_DAYS
    from shopfloor.monitoring.drift_features import drift_features
    from shopfloor.monitoring.drift_report import render_drift

    then = drift_features(drift.reference.frames(), as_of=drift.reference.as_of, days=REFERENCE_DAYS)
    now = drift_features(checks.validated.clean_frames, as_of=run.as_of, days=CURRENT_DAYS)
    return render_drift(drift.report, then, now, run.folders.reports / f"drift-{run_id}.html")


def _publish(report: DailyReport, incidents: tuple[Incident, ...]) -> None:
    head = f"# {report.status}: {report.run_id} by {report.rung}"
    head += f"\n\nexit code {int(report.exit_code)}, drift {report.drift}"
    head += "".join(f"\n- search: {name} {text}" for name, text in search_lines(report.search).items())
    artifacts.markdown("daily-plan", head + "".join(f"\n- {text}" for text in report.incidents))
    rows = [asdict(row) for row in gains(report.kpis, report.greedy_kpis)]
    artifacts.table("daily-kpis", rows, description="The plan beside the plant's own greedy")
    for name, path in report.links.items():
        if name != "data docs":
            artifacts.link(name, path, text=name)
    events.emit(
        events.PLAN_ACTIVATED, resource="plan", payload={"run_id": report.run_id, "rung": report.rung}
    )
    for incident in incidents:
        payload: dict[str, Any] = {"code": incident.code, "run_id": report.run_id}
        if incident.code == "DRIFT":
            events.emit(events.DRIFT_DETECTED, resource="data", payload=payload | dict(incident.context))
        if incident.severity in ("error", "critical"):
            events.emit(
                events.INCIDENT_RAISED, resource="daily", payload=payload | {"summary": incident.summary}
            )


def _met(planned: Planned) -> tuple[Incident, ...]:
    return () if planned.draft is None else planned.draft.result.incidents


def _rung(planned: Planned) -> str:
    if planned.done is not None:
        return planned.done.solver
    return "none" if planned.draft is None else planned.draft.result.rung.value


def _version(planned: Planned) -> str | None:
    if planned.done is not None:
        return planned.done.model_version
    champion = None if planned.draft is None else planned.draft.champion
    return champion.version if champion is not None and _rung(planned) == "champion" else None


def _counts(planned: Planned) -> tuple[int, int]:
    if planned.done is not None:
        return planned.done.row_count, 0
    schedule = None if planned.draft is None else planned.draft.result.schedule
    return (0, 0) if schedule is None else (len(schedule.operations), len(schedule.unassigned))


def _kpis(planned: Planned) -> dict[str, float]:
    if planned.done is not None:
        return _numbers(planned.done.kpis)
    kpis = None if planned.draft is None else planned.draft.result.kpis
    return {} if kpis is None else _numbers(kpis.as_dict())


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in values.items() if value is not None}
