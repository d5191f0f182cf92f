"""What the search promised, criterion by criterion, worked out from stored rows: numbers in, verdicts out.

Ratios come twice: of sums (what the plant feels) and the mean of the ratios (what an instance feels), each with
a paired 95 % interval. Nothing is solved or read here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

import numpy as np

from shopfloor.domain.errors import ShopfloorError
from shopfloor.evaluation.search_rows import SearchRow
from shopfloor.evaluation.statistics import Floats, Interval, bootstrap_interval, compare_by_case

AVOIDABLE = "avoidable_weighted_tardiness"
GUARDED = {
    "weighted_tardiness": 1,
    "mean_tardiness_days": 1,
    "on_time_rate": -1,
    "overtime_hours": 1,
    "utilisation_std": 1,
}
"""On no instance worse than greedy; -1 = higher is better."""

TOLERANCE = 1e-9

Rows = Mapping[str, Mapping[str, SearchRow]]
"""By role of the player, then by case."""


class BelowBound(ShopfloorError, AssertionError):
    """A plan costs less than CP-SAT proved possible: engine, KPI or exact model is wrong."""


@dataclass(frozen=True)
class Goal:
    """One promise and how it stands.

    Attributes:
        value: Measured.
        limit: At most this.
        aim: Better still; None = none was named.
    """

    name: str
    value: float
    limit: float
    aim: float | None = None
    note: str = ""

    @property
    def is_met(self) -> bool:
        """Whether the limit holds."""
        return self.value <= self.limit + TOLERANCE

    def text(self) -> str:
        """Return one line."""
        word = "met   " if self.is_met else "MISSED"
        aim = "" if self.aim is None else f", aim {self.aim:g}"
        return f"{word} {self.name}: {self.value:.3f} (at most {self.limit:g}{aim}) {self.note}".rstrip()

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "name": self.name, "value": self.value, "limit": self.limit, "aim": self.aim,
            "is_met": self.is_met, "note": self.note,
        }  # fmt: skip


@dataclass(frozen=True)
class PartReport:
    """One part of the bench: a table for people, goals and rows for programs."""

    title: str
    lines: tuple[str, ...]
    goals: tuple[Goal, ...] = ()
    rows: tuple[SearchRow, ...] = field(default=(), repr=False)
    facts: Mapping[str, Any] = field(default_factory=dict)

    def text(self) -> str:
        """Return the part for a terminal."""
        return "\n".join([f"== {self.title}", *self.lines, *(goal.text() for goal in self.goals)])


@dataclass(frozen=True)
class Ratio:
    """Two players over the same cases."""

    of_sums: float
    sums: Interval
    mean: float
    means: Interval
    wins: float
    n: int

    def text(self) -> str:
        """Return `sums 0.61 [0.58, 0.64], mean 0.63 [...]`."""
        return (
            f"sums {self.of_sums:.3f} [{self.sums.low:.3f}, {self.sums.high:.3f}], "
            f"mean {self.mean:.3f} [{self.means.low:.3f}, {self.means.high:.3f}], "
            f"better on {self.wins:.0%} of {self.n}"
        )


def ratio(rows: Rows, ours: str, theirs: str, kpi: str = AVOIDABLE) -> Ratio:
    """Return the ratio of a KPI of two players; a case where theirs is zero counts in the sums only."""
    mine = {case: row.kpis[kpi] for case, row in rows[ours].items()}
    other = {case: row.kpis[kpi] for case, row in rows[theirs].items()}
    compared = compare_by_case(mine, other)
    shared = [case for case in sorted(mine.keys() & other.keys()) if other[case] > TOLERANCE]
    a, b = (np.array([values[case] for case in shared]) for values in (mine, other))
    mean, interval = 1.0, Interval(1.0, 1.0)
    if shared:
        mean = float(_mean_ratio(a, b))
        interval = bootstrap_interval(_mean_ratio, (a, b), rng=np.random.default_rng(0))
    return Ratio(compared.ratio, compared.ratio_interval, mean, interval, compared.wins, compared.n)


def _mean_ratio(ours: Floats, theirs: Floats) -> Floats:
    return np.asarray(np.mean(ours / theirs, axis=-1), dtype=np.float64)


def daily_report(rows: Rows, *, fast: str, full: str) -> PartReport:
    """Return the frozen daily suite: the table per instance, the ratios, the guards.

    Args:
        rows: Roles `greedy`, `tuned`, `best_tuned`, `sampled`, `cp_sat`, and the two searches.
        fast, full: Roles of the short and of the long search.
    """
    lines = [*case_table(rows, AVOIDABLE), ""]
    opponents = [role for role in rows if role not in (fast, full)]
    for ours in (fast, full):
        for theirs in opponents:
            shown = f"{_name(rows, ours)} / {_name(rows, theirs)}"
            lines.append(f"{shown:48} {ratio(rows, ours, theirs).text()}")
    lines.append(f"{_name(rows, full) + ' / ' + _name(rows, fast):48} {ratio(rows, full, fast).text()}")
    worse = {role: worse_than_greedy(rows, role) for role in (fast, full)}
    for role, found in worse.items():
        acted = sum(bool(row.facts.get("guard_acted")) for row in rows[role].values())
        lines.append(
            f"{_name(rows, role)}: guard acted on {acted} of {len(rows[role])}; worse than greedy: {found}"
        )
    for role in opponents[1:]:
        lines.append(f"{_name(rows, role)}: worse than greedy: {worse_than_greedy(rows, role)}")
    fast_tuned, fast_cp = ratio(rows, fast, "tuned"), ratio(rows, fast, "cp_sat")
    goals = (
        Goal("1 s search / best tuned rule, avoidable", fast_tuned.of_sums, 0.60, note=fast_tuned.text()),
        Goal("1 s search / CP-SAT 10 s, avoidable", fast_cp.of_sums, 0.75, note=fast_cp.text()),
        Goal("5 s search / 1 s search, avoidable (below 1)", ratio(rows, full, fast).of_sums, 1.0 - 1e-6),
        *(
            Goal(
                f"{_name(rows, role)}: instances worse than greedy on a guarded figure",
                _n_worse(rows, role),
                0,
            )
            for role in (fast, full)
        ),
        *(
            Goal(f"{_name(rows, role)}: instances dearer than the best tuned rule", _n_dearer(rows, role), 0)
            for role in (fast, full)
        ),
        Goal("plans that the validator refused", sum(r.n_violations > 0 for r in _all(rows)), 0),
    )
    return PartReport("frozen daily suite, avoidable weighted tardiness", tuple(lines), goals, _all(rows))


def case_table(rows: Rows, kpi: str) -> list[str]:
    """Return one line per case and the sums, one column per player."""
    roles = list(rows)
    cases = sorted(next(iter(rows.values())))
    width = [max(11, len(_name(rows, role)) + 2) for role in roles]
    head = "".join(f"{_name(rows, role):>{w}}" for role, w in zip(roles, width, strict=True))
    lines = [f"{'case':22}{'ops':>6}{head}"]
    for case in cases:
        values = "".join(f"{rows[r][case].kpis[kpi]:>{w}.1f}" for r, w in zip(roles, width, strict=True))
        lines.append(f"{case:22}{rows[roles[0]][case].n_operations:>6}{values}")
    sums = "".join(
        f"{sum(row.kpis[kpi] for row in rows[role].values()):>{w}.1f}"
        for role, w in zip(roles, width, strict=True)
    )
    cpu = "".join(
        f"{fmean(row.cpu_seconds for row in rows[role].values()):>{w}.2f}"
        for role, w in zip(roles, width, strict=True)
    )
    wall = "".join(
        f"{fmean(row.wall_seconds for row in rows[role].values()):>{w}.2f}"
        for role, w in zip(roles, width, strict=True)
    )
    return [*lines, f"{'sum':28}{sums}", f"{'mean CPU s':28}{cpu}", f"{'mean wall s':28}{wall}"]


def worse_than_greedy(rows: Rows, role: str) -> dict[str, int]:
    """Return on how many cases each guarded figure is worse than greedy's."""
    greedy = rows["greedy"]
    return {
        kpi: sum(
            sign * (row.kpis[kpi] - greedy[case].kpis[kpi]) > TOLERANCE for case, row in rows[role].items()
        )
        for kpi, sign in GUARDED.items()
    }


def _n_worse(rows: Rows, role: str) -> float:
    greedy = rows["greedy"]
    return float(
        sum(
            any(sign * (row.kpis[kpi] - greedy[case].kpis[kpi]) > TOLERANCE for kpi, sign in GUARDED.items())
            for case, row in rows[role].items()
        )
    )


def _n_dearer(rows: Rows, role: str) -> float:
    """Count cases on which the search costs more, by its objective, than every plan of a tuned rule."""
    best = rows["best_tuned"]
    tuned = rows["tuned"]
    return float(
        sum(row.cost > min(best[case].cost, tuned[case].cost) + 1e-6 for case, row in rows[role].items())
    )


def equal_cpu_report(family: str, rows: Rows, *, ours: str = "search") -> PartReport:
    """Return the main number: weighted tardiness of what we ship over best-of-N ATCS at equal CPU."""
    found = ratio(rows, ours, "sampled", "weighted_tardiness")
    tried = fmean(float(row.facts["n"]) for row in rows["sampled"].values())
    lines = [
        *case_table(rows, "weighted_tardiness"),
        f"{_name(rows, ours)} / {_name(rows, 'sampled')} (N = {tried:.0f}): {found.text()}",
    ]
    goals = (
        Goal(
            f"{family}: search / best-of-N ATCS, weighted tardiness", found.of_sums, 0.95, 0.85, found.text()
        ),
        Goal(f"{family}: upper end of its interval (below 1)", found.sums.high, 1.0 - 1e-6),
    )
    return PartReport(f"equal CPU on {family}, weighted tardiness", tuple(lines), goals, _all(rows))


def anchor_report(rows: Rows, *, ours: str = "search") -> PartReport:
    """Return the gaps to proven optima.

    Raises:
        BelowBound: A plan of anybody costs less than a proven bound.
    """
    head = "".join(f"{_name(rows, role):>32}" for role in rows if role != "exact")
    lines = [f"{'case':22}{'bound':>10}{'optimum':>10}{'proof s':>9}{head}"]
    gaps = []
    for case, exact in sorted(rows["exact"].items()):
        bound, is_optimal = float(exact.facts["bound"]), bool(exact.facts["is_optimal"])
        optimum = exact.kpis["weighted_tardiness"]
        for role in rows:
            cost = rows[role][case].kpis["weighted_tardiness"]
            if cost < bound - 1e-6:
                raise BelowBound(
                    f"{_name(rows, role)} on {case} costs {cost:.6f}, proven is at least {bound:.6f}\n"
                    "hint: engine, KPI or exact model is wrong; no number of this bench counts until it is found"
                )
        shown = "".join(
            f"{rows[role][case].kpis['weighted_tardiness']:>32.3f}" for role in rows if role != "exact"
        )
        best = f"{optimum:10.3f}" if is_optimal else f"{'open':>10}"
        lines.append(f"{case:22}{bound:10.3f}{best}{exact.wall_seconds:9.1f}{shown}")
        if is_optimal and optimum > TOLERANCE:
            gaps.append(rows[ours][case].kpis["weighted_tardiness"] / optimum - 1.0)
    proven = sum(bool(row.facts["is_optimal"]) for row in rows["exact"].values())
    reached = sum(gap <= TOLERANCE for gap in gaps)
    lines.append(f"{proven} of {len(rows['exact'])} proven; search reached {reached} of {len(gaps)} optima")
    worst = max(gaps, default=0.0)
    goals = (
        Goal("mean gap to proven optima", fmean(gaps) if gaps else 0.0, 0.05, 0.0, f"worst {worst:.3%}"),
        Goal("plans below a proven bound", 0.0, 0),
    )
    return PartReport("optimality anchor, weighted tardiness in days", tuple(lines), goals, _all(rows))


def _name(rows: Rows, role: str) -> str:
    return next(iter(rows[role].values())).player


def _all(rows: Rows) -> tuple[SearchRow, ...]:
    return tuple(row for by_case in rows.values() for row in by_case.values())
