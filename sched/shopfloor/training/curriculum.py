"""When a stage is over: the graduation gate with its consistency counter, and convergence.

Stage 1 (foundation) has no disturbances; stage 2 (generalisation) adds them, with an undisturbed anchor
episode now and then. This module only judges numbers that validation gives it: it runs no episode and knows
no policy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from statistics import fmean

from shopfloor.envs.score import USUAL, EpisodeKpis, ScoreWeights, score
from shopfloor.training.presets import CurriculumPreset


class Stage(IntEnum):
    """Where the training stands."""

    FOUNDATION = 1
    GENERALIZATION = 2
    FINISHED = 3


class Reason(IntEnum):
    """Why a stage ended; the number is what the history shows."""

    NONE = 0
    GRADUATED = 1
    CONVERGED = 2
    BUDGET_SPENT = 3
    NO_BUDGET = 4

    @property
    def words(self) -> str:
        """The reason for a log: `budget spent`."""
        return self.name.lower().replace("_", " ")


@dataclass(frozen=True, slots=True)
class EpisodeResult:
    """One validation episode beside the tuned rule's on the same instance and noise."""

    ours: EpisodeKpis
    rule: EpisodeKpis


@dataclass(frozen=True, slots=True)
class WindowMetrics:
    """What the gate looks at.

    Attributes:
        score: Weighted score of the window; 1 = as good as the tuned rule, higher is better.
        completion: Mean share of operations done.
        tardiness: Weighted tardiness over the rule's, of sums; lower is better.
    """

    score: float
    completion: float
    tardiness: float


def window_metrics(results: Sequence[EpisodeResult], weights: ScoreWeights = USUAL) -> WindowMetrics:
    """Return the metrics of a window of episodes.

    Args:
        weights: Of the score.

    Raises:
        ValueError: The window is empty.
    """
    if not results:
        raise ValueError("evaluation window is empty\nhint: validate on at least one episode")
    return WindowMetrics(
        score([item.ours for item in results], [item.rule for item in results], weights),
        fmean(item.ours.completion for item in results),
        tardiness_ratio(results),
    )


def tardiness_ratio(results: Sequence[EpisodeResult]) -> float:
    """Return weighted tardiness over the rule's, of sums; 1 where neither is ever late."""
    cost = math.fsum(item.ours.weighted_tardiness for item in results)
    reference = math.fsum(item.rule.weighted_tardiness for item in results)
    if reference <= 0:
        return 1.0 if cost <= 0 else math.inf
    return cost / reference


@dataclass(slots=True)
class GraduationGate:
    """Counts consecutive windows that meet all thresholds; a miss starts again from zero.

    Attributes:
        counter: Windows met in a row so far.
    """

    preset: CurriculumPreset
    counter: int = 0

    def meets(self, metrics: WindowMetrics) -> bool:
        """Tell whether one window meets every threshold."""
        return (
            metrics.score >= self.preset.min_score
            and metrics.completion >= self.preset.min_completion
            and metrics.tardiness <= self.preset.max_tardiness
        )

    def observe(self, metrics: WindowMetrics) -> bool:
        """Count a window; return whether the gate is open now."""
        self.counter = self.counter + 1 if self.meets(metrics) else 0
        return self.counter >= self.preset.required


@dataclass(slots=True)
class Convergence:
    """Ends a stage when the best score stands for `patience` evaluations."""

    patience: int
    best: float = -math.inf
    waited: int = 0

    def observe(self, score: float) -> bool:
        """Count an evaluation; return whether nothing got better for long enough."""
        if score > self.best:
            self.best, self.waited = score, 0
        else:
            self.waited += 1
        return self.waited >= self.patience


@dataclass
class Curriculum:
    """The two stages with their budgets; `observe` moves from one to the next.

    Attributes:
        stage: Where we are.
        steps: Decisions spent in this stage.
        gate: Of this stage.
        switches: Reason of every switch so far, for the log.
        last: Reason of the switch that the last evaluation caused.
    """

    preset: CurriculumPreset
    stage: Stage = Stage.FOUNDATION
    steps: int = 0
    gate: GraduationGate = field(init=False)
    convergence: Convergence = field(init=False)
    switches: list[str] = field(default_factory=list)
    last: Reason = Reason.NONE

    def __post_init__(self) -> None:
        self._enter(self.stage)
        while self.stage != Stage.FINISHED and self.budget == 0:
            self._switch(Reason.NO_BUDGET)

    @property
    def budget(self) -> int:
        """Decisions that this stage may use."""
        return self.preset.stage1_steps if self.stage == Stage.FOUNDATION else self.preset.stage2_steps

    @property
    def share(self) -> float:
        """Part of this stage's budget that is spent, 0..1."""
        return min(1.0, self.steps / max(1, self.budget))

    def observe(self, metrics: WindowMetrics, *, steps: int) -> bool:
        """Take an evaluation into account; return whether the stage changed.

        Args:
            steps: Decisions since the last evaluation.
        """
        self.last = Reason.NONE
        if self.stage == Stage.FINISHED:
            return False
        self.steps += steps
        is_open = self.gate.observe(metrics)
        is_still = self.convergence.observe(metrics.score)
        if self.stage == Stage.FOUNDATION and is_open:
            return self._switch(Reason.GRADUATED)
        if self.stage == Stage.GENERALIZATION and is_still:
            return self._switch(Reason.CONVERGED)
        if self.steps >= self.budget:
            return self._switch(Reason.BUDGET_SPENT)
        return False

    def _switch(self, reason: Reason) -> bool:
        self.last = reason
        self.switches.append(f"stage {int(self.stage)}: {reason.words} after {self.steps} decisions")
        self._enter(Stage(self.stage + 1))
        return True

    def _enter(self, stage: Stage) -> None:
        self.stage, self.steps = stage, 0
        self.gate = GraduationGate(self.preset)
        self.convergence = Convergence(self.preset.patience)

    def row(self) -> dict[str, float]:
        """Return where the last evaluation left the curriculum, as numbers for the history."""
        return {
            "stage_after": float(self.stage),
            "stage_share": self.share,
            "gate_counter": float(self.gate.counter),
            "waited": float(self.convergence.waited),
            "transition": float(self.last),
        }

    def state(self) -> dict[str, object]:
        """Return everything needed to go on after a kill, as JSON."""
        return {
            "stage": int(self.stage),
            "steps": self.steps,
            "counter": self.gate.counter,
            "best": None if math.isinf(self.convergence.best) else self.convergence.best,
            "waited": self.convergence.waited,
            "switches": list(self.switches),
        }

    def restore(self, state: dict[str, object]) -> None:
        """Set what `state` returned."""
        self._enter(Stage(int(str(state["stage"]))))
        self.steps = int(str(state["steps"]))
        self.gate.counter = int(str(state["counter"]))
        best = state["best"]
        self.convergence.best = -math.inf if best is None else float(str(best))
        self.convergence.waited = int(str(state["waited"]))
        switches = state["switches"]
        self.switches = [str(item) for item in switches] if isinstance(switches, list) else []


def entropy_weight(stage: Stage, share: float, *, start: float, end: float, boost: float) -> float:
    """Return the entropy coefficient: decays in stage 1, is boosted at the switch, decays again.

    Args:
        share: Part of the stage that is over, 0..1.
    """
    top = start if stage == Stage.FOUNDATION else max(boost, end)
    return top + (end - top) * min(1.0, max(0.0, share))
