"""The rungs of the ladder, one rung's judged plan, and by which figures it may not be worse than greedy.

The judgement is the domain's, not the search's: the search guards the same figures, and this is the proof.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shopfloor.domain.kpis import Kpis
from shopfloor.domain.schedule import Schedule
from shopfloor.domain.validator import Violation

TOLERANCE = 1e-6


class Rung(StrEnum):
    """Who made the plan, best first.

    champion: the model's rule and samples, then search; search: from the built-in rules alone; rule: the
    tuned rule as it is; greedy: the plant's own way; last_good: nobody, the plan in force stays.
    """

    CHAMPION = "champion"
    SEARCH = "search"
    RULE = "rule"
    GREEDY = "greedy"
    LAST_GOOD = "last_good"


SEARCHED = (Rung.CHAMPION, Rung.SEARCH)
MODEL_RUNGS = (Rung.CHAMPION, Rung.RULE)
"""Rungs whose plan depends on the model."""


@dataclass(frozen=True)
class Attempt:
    """One rung's plan, judged.

    Attributes:
        violations: What the validator found; empty = valid.
        kpis: None when it is not valid.
    """

    rung: Rung
    schedule: Schedule
    violations: tuple[Violation, ...]
    kpis: Kpis | None

    @property
    def is_valid(self) -> bool:
        return not self.violations


def worse_figures(
    attempt: Attempt, greedy: Attempt | None, *, overtime_hours: float, is_even: bool = True
) -> tuple[str, ...]:
    """Return the figures by which a plan is worse than greedy's, and may not be.

    A searched plan answers for five figures; a rule answers for its weighted tardiness alone, because it
    steers nothing else and is there for the day on which nothing better came.

    Args:
        greedy: None, or invalid = there is nothing to be worse than.
        overtime_hours: Hours that a plan may use beyond greedy's.
        is_even: False lets the spread of utilisation be worse: the search says that keeping it cost too much.
    """
    if greedy is None or greedy.kpis is None or attempt.kpis is None:
        return ()
    mine, other = attempt.kpis, greedy.kpis
    excess = {"weighted_tardiness": mine.weighted_tardiness - other.weighted_tardiness}
    if attempt.rung in SEARCHED:
        excess |= {
            "mean_tardiness_days": mine.mean_tardiness_days - other.mean_tardiness_days,
            "on_time_rate": other.on_time_rate - mine.on_time_rate,
            "overtime_hours": mine.overtime_hours - other.overtime_hours - overtime_hours,
        }
        if is_even:
            excess["utilisation_std"] = mine.utilisation_std - other.utilisation_std
    return tuple(name for name, value in excess.items() if value > TOLERANCE)
