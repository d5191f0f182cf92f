"""The planner's figures against greedy: days late of one cohort, on-time, utilisation, overtime.

Beside each stands the part that no scheduler can win back, so that nobody is blamed or praised for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from shopfloor.evaluation.search_goals import Goal, PartReport
from shopfloor.evaluation.search_rows import SearchRow


@dataclass(frozen=True)
class Figure:
    """One figure of plans.

    Attributes:
        kpi: Its name in the rows.
        floor: KPI that holds the unavoidable part; None = worked out by `committed`.
        scale: Factor for display.
    """

    title: str
    kpi: str
    floor: str | None
    scale: float = 1.0


FIGURES = (
    Figure("days late, greedy's late jobs", "cohort_days_late", "unavoidable_cohort_days_late"),
    Figure("weighted tardiness", "weighted_tardiness", "unavoidable_weighted_tardiness"),
    Figure("mean tardiness, days", "mean_tardiness_days", "unavoidable_mean_tardiness_days"),
    Figure("on time, %", "on_time_rate", "attainable_on_time_rate", 100.0),
    Figure("utilisation std, %", "utilisation_std", "utilisation_std_between_centres", 100.0),
    Figure("overtime, h", "overtime_hours", None),
    Figure("makespan, days", "makespan_days", None),
    Figure("setup, h", "setup_hours", None),
)


def figures_table(greedy: Sequence[SearchRow], ours: Sequence[SearchRow]) -> list[str]:
    """Return one line per figure: means over the cases."""
    lines = [f"{'':32}{'greedy':>12}{'ours':>12}{'change':>9}{'unavoidable':>13}"]
    for figure in FIGURES:
        before, after = (
            fmean(row.kpis[figure.kpi] for row in rows) * figure.scale for rows in (greedy, ours)
        )
        floor = (
            ""
            if figure.floor is None
            else f"{fmean(r.kpis[figure.floor] for r in ours) * figure.scale:13.2f}"
        )
        change = f"{after / before - 1.0:9.1%}" if before else f"{'':9}"
        lines.append(f"{figure.title:32}{before:12.2f}{after:12.2f}{change}{floor}")
    return lines


def figures_report(title: str, greedy: Sequence[SearchRow], ours: Sequence[SearchRow]) -> PartReport:
    """Return the table with the plant's targets.

    The spread that stays between work centres is unavoidable for plans of one length only; a shorter plan
    raises everybody's utilisation and with it the spread.
    """

    def mean(rows: Sequence[SearchRow], kpi: str) -> float:
        return fmean(row.kpis[kpi] for row in rows)

    def change(kpi: str) -> float:
        before = mean(greedy, kpi)
        return mean(ours, kpi) / before - 1.0 if before else 0.0

    bound = mean(ours, "unavoidable_cohort_days_late")
    attainable = mean(ours, "attainable_on_time_rate")
    goals: tuple[Goal, ...] = (
        Goal("days late of greedy's late jobs", mean(ours, "cohort_days_late"), 20.0, 15.0, f"unavoidable {bound:.2f}"),
        Goal(
            "late jobs, share (1 - on time)", 1 - mean(ours, "on_time_rate"), 0.25, 0.15,
            f"unavoidable {1 - attainable:.3f}",
        ),
        Goal(
            "utilisation std, change", change("utilisation_std"), -0.20, -0.40,
            f"greedy {mean(greedy, 'utilisation_std'):.4f}, of which its work centres "
            f"{mean(greedy, 'utilisation_std_between_centres'):.4f}",
        ),
    )  # fmt: skip
    lines = figures_table(greedy, ours)
    hours = mean(greedy, "overtime_hours")
    if hours:
        goals += (Goal("overtime hours, change", change("overtime_hours"), -0.10, -0.20),)
    else:
        lines.append(
            f"overtime: greedy plans none, so none can be saved; ours {mean(ours, 'overtime_hours'):.2f} h"
        )
    return PartReport(title, tuple(lines), goals, (*greedy, *ours))
