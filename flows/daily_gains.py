"""What a plan gains over the plant's own greedy, figure by figure, beside the part that nobody can win back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

SHOWN = (
    "weighted_tardiness",
    "mean_tardiness_days",
    "cohort_days_late",
    "avg_days_late",
    "on_time_rate",
    "utilisation_std",
    "overtime_hours",
    "setup_hours",
    "makespan_days",
)
HIGHER_IS_BETTER = frozenset({"on_time_rate"})


@dataclass(frozen=True)
class Gain:
    """One figure.

    Attributes:
        gain: Share of greedy's figure that the plan is better by, negative when worse; None where greedy's is 0.
        unavoidable: The figure for every job alone in the shop; None where it has no such meaning.
    """

    name: str
    plan: float
    greedy: float
    gain: float | None
    unavoidable: float | None


def gains(plan: Mapping[str, float], greedy: Mapping[str, float]) -> tuple[Gain, ...]:
    """Return the figures that both plans have."""
    found = []
    for name in SHOWN:
        if name not in plan or name not in greedy:
            continue
        mine, other = plan[name], greedy[name]
        better = mine - other if name in HIGHER_IS_BETTER else other - mine
        sunk = plan.get("attainable_on_time_rate" if name in HIGHER_IS_BETTER else f"unavoidable_{name}")
        found.append(Gain(name, mine, other, better / abs(other) if other else None, sunk))
    return tuple(found)


def gains_table(rows: tuple[Gain, ...]) -> str:
    """Return the figures as a text table."""
    lines = [f"{'':22}{'plan':>12}{'greedy':>12}{'gain':>9}{'unavoidable':>14}"]
    for row in rows:
        gain = "-" if row.gain is None else f"{row.gain:+.1%}"
        lines.append(
            f"{row.name:22}{_number(row.plan):>12}{_number(row.greedy):>12}{gain:>9}{_number(row.unavoidable):>14}"
        )
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return "-" if value is None else format(value, ",.3f" if abs(value) < 10 else ",.1f")
