"""What an episode amounts to: its key figures, and one score that weighs them against a reference.

The figures come from the engine's arrays, because a training asks for thousands of them; the KPIs that people
and the gate read are `domain.kpis`. A score of 1 is as good as the reference, higher is better. It draws
nothing and trains nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from shopfloor.engine import layout as at
from shopfloor.engine.arrays import Compiled
from shopfloor.engine.dispatch import Outcome, completion_minutes

MINUTES_PER_DAY: Final = 1440.0
MOST_GAIN: Final = 2.0
"""A figure counts at most twice the reference's: a reference of nearly nothing must not decide alone."""


class EpisodeKpis(NamedTuple):
    """Key figures of one episode.

    Attributes:
        weighted_tardiness: Sum over jobs of weight x tardiness, days; the primary.
        total_tardiness: Sum over jobs of tardiness, days.
        makespan: Days from now to the last end.
        utilisation: Run minutes from now on / regular open minutes of all slots up to the makespan, 0..1.
        completed_jobs: Jobs of which every operation has a place.
        completion: Operations with a place / operations, 0..1; 1 without operations.
    """

    weighted_tardiness: float
    total_tardiness: float
    makespan: float
    utilisation: float
    completed_jobs: float
    completion: float


@dataclass(frozen=True, slots=True)
class ScoreWeights:
    """Weights of the score's parts, >= 0, not all 0; they count in proportion to their sum."""

    total_tardiness: float = 0.7
    makespan: float = 0.1
    utilisation: float = 0.1
    completed_jobs: float = 0.1

    def __post_init__(self) -> None:
        weights = (self.total_tardiness, self.makespan, self.utilisation, self.completed_jobs)
        if min(weights) < 0 or sum(weights) <= 0:
            raise ValueError(f"score weights must be >= 0 and not all 0: {weights}\nhint: 0.7, 0.1, 0.1, 0.1")


USUAL: Final = ScoreWeights()
"""Tardiness decides, the others break ties."""


def episode_kpis(compiled: Compiled, outcome: Outcome) -> EpisodeKpis:
    """Return the key figures of a finished episode."""
    problem = compiled.problem
    now = int(problem.constant[at.CONST_NOW])
    late = np.maximum(0.0, completion_minutes(compiled, outcome) - problem.job[:, at.JOB_DUE])
    done = outcome.is_scheduled
    last = int(outcome.end[done].max()) if done.any() else now
    is_new = done & (outcome.start >= now) & (outcome.slot >= 0)
    n_open = np.bincount(problem.op[:, at.OP_JOB][~done], minlength=len(problem.job))
    return EpisodeKpis(
        weighted_tardiness=float((problem.job_weight * late).sum()) / MINUTES_PER_DAY,
        total_tardiness=float(late.sum()) / MINUTES_PER_DAY,
        makespan=max(0, last - now) / MINUTES_PER_DAY,
        utilisation=float(outcome.run[is_new].sum()) / max(1.0, _open_minutes(compiled, now, last)),
        completed_jobs=float((n_open == 0).sum()),
        completion=float(done.mean()) if len(done) else 1.0,
    )


def score(
    ours: Sequence[EpisodeKpis], reference: Sequence[EpisodeKpis], weights: ScoreWeights = USUAL
) -> float:
    """Return the weighted score of a window of episodes; 1 = like the reference, 0..2.

    Each part is a ratio of sums over the window, turned so that higher is better.

    Args:
        reference: The same episodes played by the reference, in the same order.

    Raises:
        ValueError: The window is empty.
    """
    parts = score_parts(ours, reference)
    total = weights.total_tardiness + weights.makespan + weights.utilisation + weights.completed_jobs
    return math.fsum(getattr(weights, name) * part for name, part in parts.items()) / total


def score_parts(ours: Sequence[EpisodeKpis], reference: Sequence[EpisodeKpis]) -> dict[str, float]:
    """Return the parts of `score` by name, each 0..2, 1 = like the reference.

    Raises:
        ValueError: The window is empty, or the two differ in length.
    """
    if not ours or len(ours) != len(reference):
        raise ValueError(
            f"a score needs as many episodes as references, one or more: {len(ours)} and {len(reference)}\n"
            "hint: play the reference on the same episodes"
        )

    def sums(name: str) -> tuple[float, float]:
        return (
            math.fsum(getattr(item, name) for item in ours),
            math.fsum(getattr(item, name) for item in reference),
        )

    def less(name: str) -> float:
        mine, theirs = sums(name)
        return _gain(theirs, mine)

    def more(name: str) -> float:
        mine, theirs = sums(name)
        return _gain(mine, theirs)

    return {
        "total_tardiness": less("total_tardiness"),
        "makespan": less("makespan"),
        "utilisation": more("utilisation"),
        "completed_jobs": more("completed_jobs"),
    }


def _gain(top: float, bottom: float) -> float:
    """Return top / bottom, at most 2; two zeros are equal."""
    if bottom <= 0:
        return 1.0 if top <= 0 else MOST_GAIN
    return min(MOST_GAIN, top / bottom)


def _open_minutes(compiled: Compiled, begin: int, end: int) -> float:
    """Return regular open minutes in [begin, end), summed over all slots, as planned."""
    problem = compiled.problem
    machine_of = problem.slot[:, at.SLOT_MACHINE]
    calendars, n_slots = np.unique(problem.cal_of[machine_of, 0], return_counts=True)
    total = 0.0
    for calendar, n in zip(calendars, n_slots, strict=True):
        rows = slice(problem.cal_off[calendar], problem.cal_off[calendar + 1])
        stretches = np.minimum(problem.cal_end[rows], end) - np.maximum(problem.cal_start[rows], begin)
        total += float(n * np.maximum(stretches, 0).sum())
    return total
