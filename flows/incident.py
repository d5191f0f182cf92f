"""What follows an incident: look at it whole, make sure that a plan stands, tell people, write it down.

Started by Prefect's automation on the event of an incident. It emits no such event itself, or it would start itself.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from prefect import flow

from flows import artifacts
from flows.context import RunContext, instant_of, run_settings
from flows.reports import IncidentReport
from flows.steps import step

if TYPE_CHECKING:
    from shopfloor.data.plans import ActivePlan

UNPLANNED = ("GREEDY_INVALID", "NO_VALID_PLAN", "STALE_PLAN", "RUN_FAILED", "DB_DOWN")
"""Incidents after which the plan in force may be missing or old."""


@flow(name="incident-response", flow_run_name="incident-{code}", timeout_seconds=1800)
def incident_response(
    code: str = "", run_id: str | None = None, summary: str = "", as_of: datetime | None = None
) -> IncidentReport:
    """Respond to one incident.

    Args:
        code: What happened, for example `PLAN_INVALID`.
        run_id: The run that met it, if it got that far.
        summary: One sentence.
        as_of: What counts as now; default the clock.
    """
    run = RunContext(run_settings(), as_of=instant_of(as_of))
    context = gather_context(run, code, run_id)
    plan = make_sure_of_a_plan(run, code)
    sent = tell_people(run)
    return publish_response(IncidentReport(run.as_of, code, run_id, summary, plan, context, sent))


@step(retries=2)
def gather_context(run: RunContext, code: str, run_id: str | None) -> tuple[dict[str, Any], ...]:
    """Return the incidents of that run, or the newest of that code, with their context."""
    from shopfloor.data.incidents import list_incidents

    found = list_incidents(run.database, run_id=run_id, limit=20)
    chosen = [incident for incident in found if run_id is not None or incident.code == code]
    return tuple(
        {
            "code": i.code,
            "severity": i.severity,
            "summary": i.summary,
            "raised_at": str(i.raised_at),
            **i.context,
        }
        for i in chosen[:10]
    )


@step()
def make_sure_of_a_plan(run: RunContext, code: str) -> str:
    """Return the plan in force; make one by the daily schedule when the incident may have left none of today."""
    from shopfloor.data.plans import active_run

    active = active_run(run.database)
    if not _needs_plan(run, code, active):
        return f"{active.run_id} stands" if active else "none"
    from flows.daily import daily_schedule

    report = daily_schedule.fn(as_of=run.as_of)
    return f"made {report.run_id} by {report.rung}, exit code {int(report.exit_code)}"


def _needs_plan(run: RunContext, code: str, active: ActivePlan | None) -> bool:
    if active is None:
        return True
    age_h = (run.as_of.replace(tzinfo=None) - active.run.as_of).total_seconds() / 3600
    return code in UNPLANNED and age_h > run.settings.max_lateness_h


@step()
def tell_people(run: RunContext) -> int:
    """Send what waits in the outbox."""
    from shopfloor.serving.alerts import flush_outbox

    return flush_outbox(run.database, run.settings.alert_urls).sent


@step()
def publish_response(report: IncidentReport) -> IncidentReport:
    """Publish the response as an artifact."""
    artifacts.markdown(f"incident-{report.code}", f"# {report.code}\n\n```\n{report.text()}\n```")
    artifacts.table(
        f"incident-{report.code}-context", [{k: str(v) for k, v in row.items()} for row in report.context]
    )
    return report
