"""The daily report as the planner's page of the day."""

from __future__ import annotations

from pathlib import Path

from flows.daily_gains import gains
from flows.reports import DailyReport, search_lines
from shopfloor.serving.exit_codes import MEANING


def draw_day(report: DailyReport, path: Path) -> Path:
    """Write the page of a day and return its path."""
    from shopfloor.web.day_page import DayPage, render_day

    model = f", model version {report.model_version}" if report.model_version else ""
    lists = {"Incidents": report.incidents}
    if report.newly_late is not None:
        moved = f"{report.kpis.get('moved_operations', 0):.0f} operations moved in the first 5 working days"
        lists = {
            f"Newly late against the plan before ({len(report.newly_late)}; {moved})": report.newly_late,
            **lists,
        }
    return render_day(
        DayPage(
            title=f"Plan {report.run_id}",
            subtitle=f"{MEANING[report.exit_code]}: by {report.rung}{model}; as of {report.as_of.isoformat()}; "
            f"{report.n_operations} planned, {report.n_unassigned} unassigned, {report.n_quarantined} quarantined",
            facts=search_lines(report.search),
            figures=[
                (row.name, _number(row.plan), _number(row.greedy), row.gain, _number(row.unavoidable))
                for row in gains(report.kpis, report.greedy_kpis)
            ],
            lists=lists,
        ),
        path,
    )


def _number(value: float | None) -> str:
    return "–" if value is None else format(value, ",.3f" if abs(value) < 10 else ",.1f")
