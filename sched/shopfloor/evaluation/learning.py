"""How far learning carries: trained policies against the best tuned rule, over training seeds and held-out cases.

Every player meets the same cases and the same noise. The opponent is whichever tuned rule costs least on the very
cases of the line, chosen afterwards: nobody can say that a better one was left out. Intervals resample training
seeds and cases both. Numbers in, numbers out; nothing is trained or played here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from shopfloor.evaluation.ablation import two_way_interval
from shopfloor.evaluation.contestant import TUNED
from shopfloor.evaluation.statistics import ratio_of_sums

POLICY: Final = "policy"
SAMPLES: Final = "best of 256"
NOISY_RULE: Final = "noisy rule, best of 256"
HOME: Final = "home"
AVOIDABLE: Final = "avoidable_weighted_tardiness"
TOTAL: Final = "weighted_tardiness"


@dataclass(frozen=True, slots=True)
class LearningRow:
    """One player on one case, after one training.

    Attributes:
        seed: Of the training.
        plant: `home`, where it was trained, or the name of another.
        kind: `static` or `dynamic`.
        player: `policy`, `best of 256`, `tuned ATCS` ...
        avoidable: Weighted tardiness above what nobody could avoid, days.
        total: Weighted tardiness, days.
        seconds: Wall seconds of playing, without compiling the instance.
        n_violations: What the validator found; 0 is the only good number.
    """

    seed: int
    plant: str
    kind: str
    case: str
    player: str
    avoidable: float
    total: float
    seconds: float
    n_violations: int

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Headline:
    """A question, and what its answer should be.

    Attributes:
        goal: The ratio of avoidable weighted tardiness to the best tuned rule wanted at most; None = no goal.
        stretch: A better one, for show.
    """

    name: str
    plant: str
    kind: str
    player: str
    goal: float | None = None
    stretch: float | None = None


@dataclass(frozen=True, slots=True)
class HeadlineAnswer:
    """What was measured of one headline.

    Attributes:
        opponent: The tuned rule that cost least on these cases.
        avoidable, total: Ratio to it with its 95 % interval: (ratio, low, high).
        by_seed: The avoidable ratio of each training.
        seconds: Median wall seconds of a plan.
    """

    headline: Headline
    opponent: str
    n_seeds: int
    n_cases: int
    avoidable: tuple[float, float, float]
    total: tuple[float, float, float]
    by_seed: Mapping[int, float]
    seconds: float
    n_violations: int

    @property
    def is_met(self) -> bool | None:
        """Whether the ratio is at most the goal and its whole interval below 1; None without goal."""
        if self.headline.goal is None:
            return None
        return self.avoidable[0] <= self.headline.goal and self.avoidable[2] < 1.0


HEADLINES: Final = (
    Headline("policy alone, disturbed", HOME, "dynamic", POLICY, 0.97, 0.93),
    Headline("policy alone, calm", HOME, "static", POLICY, 0.95),
    Headline("best of 256 samples, calm", HOME, "static", SAMPLES, 0.87),
    Headline("noisy tuned rule, best of 256, calm", HOME, "static", NOISY_RULE),
)
"""What is asked at home; other plants add theirs."""


def abroad(plant: str) -> tuple[Headline, ...]:
    """Return the headlines of a plant that no policy was trained on."""
    return (
        Headline(f"{plant}, disturbed", plant, "dynamic", POLICY, 1.0),
        Headline(f"{plant}, calm", plant, "static", POLICY, 1.0),
    )


def answer(rows: Sequence[LearningRow], headline: Headline) -> HeadlineAnswer | None:
    """Return what the rows say about a headline; None where they say nothing."""
    there = [row for row in rows if row.plant == headline.plant and row.kind == headline.kind]
    ours = {(row.seed, row.case): row for row in there if row.player == headline.player}
    if not ours:
        return None
    cases = {case for _, case in ours}
    rules = sorted({row.player for row in there if row.player.startswith(TUNED)})
    rivals = {
        name: {(row.seed, row.case): row for row in there if row.player == name and row.case in cases}
        for name in rules
    }
    complete = [name for name in rules if len(rivals[name]) == len(ours)]
    opponent = min(complete, key=lambda name: sum(row.avoidable for row in rivals[name].values()))
    theirs = rivals[opponent]
    seeds = sorted({seed for seed, _ in ours})
    names = sorted(cases)
    answers = []
    for field in ("avoidable", "total"):
        mine, other = (
            np.array([[getattr(table[seed, case], field) for case in names] for seed in seeds])
            for table in (ours, theirs)
        )
        interval = two_way_interval(mine, other)
        answers.append((float(ratio_of_sums(mine.ravel(), other.ravel())), interval.low, interval.high))
    by_seed = {
        seed: sum(ours[seed, case].avoidable for case in names)
        / max(1e-9, sum(theirs[seed, case].avoidable for case in names))
        for seed in seeds
    }
    return HeadlineAnswer(
        headline,
        opponent,
        len(seeds),
        len(names),
        answers[0],
        answers[1],
        by_seed,
        float(np.median([row.seconds for row in ours.values()])),
        sum(row.n_violations for row in ours.values()),
    )


@dataclass(frozen=True)
class LearningTable:
    """The whole answer.

    Attributes:
        costs: Of each training: wall and CPU seconds, decisions, labels; by seed.
    """

    title: str
    answers: tuple[HeadlineAnswer, ...]
    costs: Mapping[int, Mapping[str, float]]

    def text(self) -> str:
        """Return the table for a terminal."""
        head = (
            f"{'':38}{'avoidable / best tuned rule':>29}{'total':>25}{'goal':>7}{'met':>5}"
            f"{'cases':>7}{'s/plan':>8}  against"
        )
        lines = [
            f"{item.headline.name:38}{_cell(item.avoidable):>29}{_cell(item.total):>25}"
            f"{'' if item.headline.goal is None else f'{item.headline.goal:.2f}':>7}"
            f"{ {None: '', True: 'yes', False: 'no'}[item.is_met]:>5}{item.n_cases:7}{item.seconds:8.3f}"
            f"  {item.opponent}"
            for item in self.answers
        ]
        spread = [
            f"{item.headline.name:38}" + "  ".join(f"{seed}: {r:.3f}" for seed, r in item.by_seed.items())
            for item in self.answers
        ]
        trained = [
            f"seed {seed}: {cost['seconds'] / 60:.1f} min wall, {cost['cpu_seconds'] / 60:.1f} min CPU, "
            f"{int(cost['n_labels'])} labels, {int(cost['ppo_timesteps'])} PPO decisions, "
            f"validation {cost['validation_ratio']:.3f}"
            for seed, cost in self.costs.items()
        ]
        broken = sum(item.n_violations for item in self.answers)
        return "\n".join(
            [
                f"{self.title}: {len(self.costs)} training seeds; ratios of sums, 95 % over seeds and cases",
                head,
                *lines,
                f"rules broken: {broken}",
                "avoidable ratio by training seed",
                *spread,
                "trainings",
                *trained,
            ]
        )

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "title": self.title,
            "answers": [asdict(item) | {"is_met": item.is_met} for item in self.answers],
            "costs": {str(seed): dict(cost) for seed, cost in self.costs.items()},
        }


def learning_table(
    rows: Sequence[LearningRow],
    headlines: Sequence[Headline],
    costs: Mapping[int, Mapping[str, float]],
    *,
    title: str,
) -> LearningTable:
    """Return the answers to all headlines that rows are there for."""
    found = [answer(rows, headline) for headline in headlines]
    return LearningTable(title, tuple(item for item in found if item is not None), costs)


def _cell(value: tuple[float, float, float]) -> str:
    return f"{value[0]:.3f} [{value[1]:.3f}, {value[2]:.3f}]"
