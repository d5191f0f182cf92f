"""The hourly look at the plan in force, and the day's closing figures: plan beside actual.

It changes no plan. What needs attention becomes an incident, an event and an alert.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from prefect import flow

from flows import artifacts, events
from flows.artifacts import run_name
from flows.context import RunContext, instant_of, run_settings
from flows.reports import MonitorReport
from flows.retention import tidy_up
from flows.steps import step

if TYPE_CHECKING:
    import pandas as pd

    from shopfloor.monitoring.plan_vs_actual import PlanVsActual

Frames = dict[str, "pd.DataFrame"]


@flow(name="monitor-plan", flow_run_name=run_name("monitor"), timeout_seconds=900)
def monitor_plan(as_of: datetime | None = None, end_of_day: bool = False) -> MonitorReport:
    """Compare the plan in force with what really happens.

    Args:
        as_of: What counts as now; default the clock.
        end_of_day: Also store the day's KPIs.
    """
    run = RunContext(run_settings(), as_of=instant_of(as_of))
    frames = read_current_state(run)
    compared = compare_plan(run, frames)
    stored = store_day(run, frames) if end_of_day else 0
    raised = raise_findings(run, compared)
    sent = send_waiting_alerts(run)
    if end_of_day:
        tidy_up(run)
    return publish_monitor(run, compared, raised, stored, sent)


@step(retries=2)
def read_current_state(run: RunContext) -> Frames:
    """Read plan and actuals in one consistent snapshot that is not kept."""
    import tempfile
    from pathlib import Path

    from shopfloor.data.snapshot import extract

    with run.timed("extract"), tempfile.TemporaryDirectory() as folder:
        snapshot = extract(run.source, root=Path(folder), as_of=run.as_of, column_map=run.settings.column_map)
        return snapshot.frames()


@step()
def compare_plan(run: RunContext, frames: Frames) -> PlanVsActual:
    """Compare planned with actual starts, ends and machines."""
    from shopfloor.monitoring.plan_vs_actual import compare_plan_with_actual

    return compare_plan_with_actual(
        frames["scheduled_jobs"],
        frames["job_schedules"],
        as_of=run.as_of,
        machine_downtime=frames["machine_downtime"],
    )


@step()
def store_day(run: RunContext, frames: Frames) -> int:
    """Store what the shop really achieved today; return how many figures."""
    from shopfloor.data.kpi_rows import record_kpis
    from shopfloor.monitoring.actual_kpis import actual_kpis

    zone = ZoneInfo(run.settings.plant_tz)
    day = run.as_of.astimezone(zone).date()
    start = datetime.combine(day, datetime.min.time(), tzinfo=zone)
    figures = actual_kpis(frames, start=start, end=start + timedelta(days=1), plant_tz=run.settings.plant_tz)
    record_kpis(run.database, day, figures, source="actual")
    return len(figures)


@step()
def raise_findings(run: RunContext, compared: PlanVsActual) -> tuple[str, ...]:
    """Store what needs attention as incidents and queue their alerts."""
    from shopfloor.data.incidents import Incident
    from shopfloor.serving.daily_end import tell

    found = [
        Incident(f.code, f.severity, f.summary, f.context, run_id=compared.run_id) for f in compared.findings
    ]
    tell(run.database, found, as_of=run.as_of)
    for incident in found:
        if incident.severity in ("error", "critical"):
            payload = {"code": incident.code, "run_id": incident.run_id, "summary": incident.summary}
            events.emit(events.INCIDENT_RAISED, resource="monitor", payload=payload)
    return tuple(f"{incident.severity} {incident.code}: {incident.summary}" for incident in found)


@step()
def send_waiting_alerts(run: RunContext) -> int:
    """Send what waits in the outbox."""
    from shopfloor.serving.alerts import flush_outbox

    return flush_outbox(run.database, run.settings.alert_urls).sent


@step()
def publish_monitor(
    run: RunContext, compared: PlanVsActual, raised: tuple[str, ...], stored: int, sent: int
) -> MonitorReport:
    """Publish the comparison as an artifact and return it."""
    report = MonitorReport(run.as_of, compared.run_id, compared.figures(), raised, sent, stored)
    rows = [{"figure": name, "value": value} for name, value in report.facts.items()]
    artifacts.table("plan-vs-actual", rows)
    artifacts.markdown("monitor", f"# Plan {report.run_id}\n\n```\n{report.text()}\n```")
    return report
