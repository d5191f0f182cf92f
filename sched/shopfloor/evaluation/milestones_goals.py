"""The milestones of the single dispatcher: what was promised for toy, medium and production, and how it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Final

from shopfloor.evaluation.milestones import OURS, Contest
from shopfloor.evaluation.search_goals import Goal
from shopfloor.evaluation.statistics import PairedComparison

TRAINING_SECONDS: Final = 600.0
"""CPU seconds that the toy may take to reach the tuned rule."""

PLAN_SECONDS: Final = 10.0


@dataclass(frozen=True)
class Learning:
    """How the dispatcher came about.

    Attributes:
        cpu_seconds: Of learning and evaluating, killed runs included.
        reached_after: CPU seconds until validation showed it no worse than the best tuned rule; None = never.
        timesteps: Choices played.
        is_resumed: Whether a killed run was continued.
    """

    cpu_seconds: float
    reached_after: float | None
    timesteps: int
    is_resumed: bool


@dataclass(frozen=True)
class MilestoneReport:
    """One exercise judged.

    Attributes:
        exercise: Its name.
        contest: What everybody made of the held-out books.
        learning: How the dispatcher came about.
        goals: What was promised.
    """

    exercise: str
    contest: Contest
    learning: Learning
    goals: tuple[Goal, ...]

    def text(self) -> str:
        """Return the table and the goals for a terminal."""
        contest, learning = self.contest, self.learning
        n = len(contest.seconds)
        lines = [
            f"== {self.exercise}: {n} held-out books of up to {max(contest.n_operations)} operations",
            f"learned {learning.timesteps} choices in {learning.cpu_seconds:.0f} CPU seconds"
            + (", in more than one run" if learning.is_resumed else ""),
            f"{'':14} weighted days  days late per job  dispatcher's weighted days as a share of it",
        ]
        for name, costs in contest.costs.items():
            row = f"{name:14} {fmean(costs):13.3f} {fmean(contest.mean_days[name]):17.3f}"
            lines.append(row if name == OURS else f"{row}  {_words(contest.against(name))}")
        return "\n".join([*lines, *(goal.text() for goal in self.goals)])

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        contest = self.contest
        return {
            "exercise": self.exercise,
            "books": len(contest.seconds),
            "operations": max(contest.n_operations),
            "weighted_tardiness": {name: fmean(costs) for name, costs in contest.costs.items()},
            "mean_tardiness_days": {name: fmean(days) for name, days in contest.mean_days.items()},
            "ratios": {
                name: contest.against(name).as_dict() for name in contest.costs if name != OURS
            },
            "training_cpu_seconds": self.learning.cpu_seconds,
            "timesteps": self.learning.timesteps,
            "is_resumed": self.learning.is_resumed,
            "goals": [goal.as_dict() for goal in self.goals],
        }  # fmt: skip


def reached_after(history: tuple[Mapping[str, float], ...]) -> float | None:
    """Return the CPU seconds until an evaluation was no worse than the tuned rule, or None."""
    return next((row["cpu_seconds"] for row in history if row["ratio"] <= 1.0), None)


def judge(exercise: str, contest: Contest, learning: Learning) -> MilestoneReport:
    """Hold a contest against what was promised for the exercise; others than the three have no promise."""
    goals = {"toy": _toy, "medium": _medium, "production": _production}.get(exercise)
    return MilestoneReport(exercise, contest, learning, goals(contest, learning) if goals else ())


def _toy(contest: Contest, learning: Learning) -> tuple[Goal, ...]:
    best = _best_tuned(contest)
    reached = float("inf") if learning.reached_after is None else learning.reached_after
    return (
        _bounded("toy: weighted tardiness over random choice's", contest.against("random"), 0.5),
        Goal(
            "toy: weighted tardiness over the best tuned rule's",
            contest.against(best).ratio,
            1.0,
            note=f"{best}, {_words(contest.against(best))}",
        ),
        Goal("toy: CPU seconds until it reached the tuned rule", reached, TRAINING_SECONDS),
        _valid("toy", contest),
    )


def _medium(contest: Contest, learning: Learning) -> tuple[Goal, ...]:
    del learning
    return (
        _valid("medium", contest),
        _bounded("medium: weighted tardiness over greedy's", contest.against("greedy"), 0.8),
        _bounded("medium: weighted tardiness over the greedy list's", contest.against("greedy list"), 0.8),
    )


def _production(contest: Contest, learning: Learning) -> tuple[Goal, ...]:
    del learning
    placed = min(n - left for n, left in zip(contest.n_operations, contest.n_unassigned, strict=True))
    return (
        Goal("production: operations missing of 500 in the smallest plan", float(500 - placed), 0.0),
        _valid("production", contest),
        Goal(
            "production: seconds of the slowest plan, validation included", max(contest.seconds), PLAN_SECONDS
        ),
        _bounded(
            "production: days late per job over greedy's", contest.against("greedy", mean_days=True), 0.9
        ),
    )


def _valid(name: str, contest: Contest) -> Goal:
    broken = sum(n > 0 for n in contest.n_violations)
    return Goal(
        f"{name}: plans that break a rule", float(broken), 0.0, note=f"of {len(contest.n_violations)}"
    )


def _bounded(name: str, found: PairedComparison, limit: float) -> Goal:
    """Promise that the upper end of the interval holds the limit."""
    return Goal(f"{name}, upper end of the interval", found.ratio_interval.high, limit, note=_words(found))


def _best_tuned(contest: Contest) -> str:
    tuned = [name for name in contest.costs if name.endswith("tuned")]
    return min(tuned, key=lambda name: fmean(contest.costs[name]))


def _words(found: PairedComparison) -> str:
    interval = found.ratio_interval
    return (
        f"ratio {found.ratio:.3f} [{interval.low:.3f}, {interval.high:.3f}], better on {found.wins:.0%}, "
        f"worse on {found.losses:.0%}"
    )
