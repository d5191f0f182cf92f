"""The milestones of the single dispatcher in one run: train where needed, play the held-out books, judge.

Wiring only: the contest and the goals are `evaluation`'s. Training is kept under home, so a killed bench goes
on where it stopped and a second one only plays.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from flows.train_dispatcher import DispatcherRequest, books_of, run_train_dispatcher
from shopfloor.settings import read_settings

if TYPE_CHECKING:
    from shopfloor.evaluation.milestones_goals import MilestoneReport

MILESTONES = ("toy", "medium", "production")
Say = Callable[[str], None]


@dataclass(frozen=True)
class MilestoneBench:
    """The answer of `bench milestones`."""

    reports: tuple[MilestoneReport, ...]
    seconds: float

    def text(self) -> str:
        """Return all tables and goals."""
        goals = [goal for report in self.reports for goal in report.goals]
        met = sum(goal.is_met for goal in goals)
        return "\n\n".join(
            [
                *(report.text() for report in self.reports),
                f"{met} of {len(goals)} goals met in {self.seconds:.0f} s",
            ]
        )

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {"seconds": self.seconds, "milestones": [report.as_dict() for report in self.reports]}


def run_bench_milestones(
    exercises: Sequence[str], base: DispatcherRequest, *, n_books: int, say: Say
) -> MilestoneBench:
    """Train and judge each exercise.

    Args:
        base: Seed, budget and books of every training; its exercise is not read.
        n_books: Held-out books of each exercise.
        say: Hears what is going on, with the time left.
    """
    began = time.monotonic()
    reports = [_judged(replace(base, exercise=name), n_books, say) for name in exercises]
    return MilestoneBench(tuple(reports), time.monotonic() - began)


def _judged(request: DispatcherRequest, n_books: int, say: Say) -> MilestoneReport:
    from shopfloor.envs.dispatcher import InstanceBank
    from shopfloor.envs.dispatcher_presets import exercise_named
    from shopfloor.envs.dispatcher_shops import HELD_OUT_SEEDS, drawn_from
    from shopfloor.evaluation.milestones import contest
    from shopfloor.evaluation.milestones_goals import Learning, judge, reached_after
    from shopfloor.policies.dispatcher_bundle import load_dispatcher

    def tell(stage: str, share: float, message: str) -> None:
        say(f"{request.exercise}: {stage} {share:.0%}, {message}")

    report = run_train_dispatcher(request, listen=tell)
    trained = report.trained
    exercise = exercise_named(request.exercise)
    drawn = books_of(request, read_settings())
    source = drawn_from(exercise.shop) if drawn is None else drawn.source
    bank = InstanceBank(source, n=n_books, first=HELD_OUT_SEEDS)
    books = [bank.book(k, exercise.max_operations) for k in range(n_books)]
    say(f"{request.exercise}: {n_books} held-out books")
    found = contest(load_dispatcher(report.bundle), exercise, books, trained.tuned.specs)
    learning = Learning(
        trained.cpu_seconds, reached_after(trained.history), trained.timesteps, trained.is_resumed
    )
    return judge(request.exercise, found, learning)
