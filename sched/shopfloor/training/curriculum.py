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

from shopfloor.training.presets import CurriculumPreset


class Stage(IntEnum):
    """Where the training stands."""

    FOUNDATION = 1
    GENERALIZATION = 2
    FINISHED = 3


@dataclass(frozen=True, slots=True)
class EpisodeResult:
    """One validation episode beside the tuned rule's on the same instance and noise.

    Attributes:
        cost: Weighted tardiness in days, >= 0.
        reference: The tuned rule's.
        completion: Share of operations that got done, 0..1.
    """

    cost: float
    reference: float
    completion: float


@dataclass(frozen=True, slots=True)
class WindowMetrics:
    """What the gate looks at.

    Attributes:
        score: Reference cost over cost, of sums; 1 = as good as the tuned rule, higher is better.
        completion: Mean share of operations done.
        tardiness: Cost over reference cost, of sums; lower is better.
    """

    score: float
    completion: float
    tardiness: float


def window_metrics(results: Sequence[EpisodeResult]) -> WindowMetrics:
    """Return the metrics of a window of episodes.

    A window without any tardiness, ours or the rule's, scores 1.

    Raises:
        ValueError: The window is empty.
    """
    if not results:
        raise ValueError("evaluation window is empty\nhint: validate on at least one episode")
    cost = math.fsum(item.cost for item in results)
    reference = math.fsum(item.reference for item in results)
    if cost <= 0 or reference <= 0:
        tardiness = 1.0 if cost <= 0 and reference <= 0 else (0.0 if cost <= 0 else math.inf)
    else:
        tardiness = cost / reference
    score = math.inf if tardiness == 0 else 1.0 / tardiness
    return WindowMetrics(score, fmean(item.completion for item in results), tardiness)


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
    """

    preset: CurriculumPreset
    stage: Stage = Stage.FOUNDATION
    steps: int = 0
    gate: GraduationGate = field(init=False)
    convergence: Convergence = field(init=False)
    switches: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._enter(self.stage)
        while self.stage != Stage.FINISHED and self.budget == 0:
            self._switch("no budget")

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
        if self.stage == Stage.FINISHED:
            return False
        self.steps += steps
        is_open = self.gate.observe(metrics)
        is_still = self.convergence.observe(metrics.score)
        if self.stage == Stage.FOUNDATION and is_open:
            return self._switch("graduated")
        if self.stage == Stage.GENERALIZATION and is_still:
            return self._switch("converged")
        if self.steps >= self.budget:
            return self._switch("budget spent")
        return False

    def _switch(self, reason: str) -> bool:
        self.switches.append(f"stage {int(self.stage)}: {reason}")
        self._enter(Stage(self.stage + 1))
        return True

    def _enter(self, stage: Stage) -> None:
        self.stage, self.steps = stage, 0
        self.gate = GraduationGate(self.preset)
        self.convergence = Convergence(self.preset.patience)

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
