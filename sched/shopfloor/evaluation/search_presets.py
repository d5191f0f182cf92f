"""What each preset of the objective buys: the planner's figures of the same books under every preset.

The plans differ by what they were asked for only: the same books, starts, seed and number of moves. Plans
that buy overtime may have as much as they like, and the shortest plan need not be kind to anybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean

from shopfloor.engine.objective import PRESETS
from shopfloor.engine.optimise import Limits
from shopfloor.evaluation.search_goals import AVOIDABLE, PartReport, Rows

MOVES = 600_000
"""Of one worker on each book."""

LIMITS: Mapping[str, Limits] = {
    "overtime": Limits(overtime_hours=1e6),
    "makespan": Limits(is_guarded=False),
}
"""Of presets that the daily guard would not let do what they are for."""

COLUMNS = (
    ("avoidable", AVOIDABLE, 1.0, 1),
    ("tardiness d", "mean_tardiness_days", 1.0, 2),
    ("on time %", "on_time_rate", 100.0, 1),
    ("overtime h", "overtime_hours", 1.0, 0),
    ("setup h", "setup_hours", 1.0, 0),
    ("util. std", "utilisation_std", 1.0, 3),
    ("makespan d", "makespan_days", 1.0, 1),
)


def limits_of(preset: str) -> Limits:
    """Return what the guard allows a preset beyond greedy."""
    return LIMITS.get(preset, Limits())


def presets_report(rows: Rows) -> PartReport:
    """Return one line per preset, greedy first: means over the books."""
    books = len(next(iter(rows.values())))
    lines = [f"{'objective':14}" + "".join(f"{title:>13}" for title, *_ in COLUMNS)]
    for role in ("greedy", *PRESETS):
        cells = (
            f"{scale * fmean(row.kpis[kpi] for row in rows[role].values()):13.{digits}f}"
            for _, kpi, scale, digits in COLUMNS
        )
        lines.append(f"{role:14}" + "".join(cells))
    lines.append(f"means of {books} books, {MOVES} moves of one worker; overtime without a limit on hours,")
    lines.append("makespan without the guard")
    flat = tuple(row for by_case in rows.values() for row in by_case.values())
    return PartReport("presets: what each objective buys", tuple(lines), (), flat)
