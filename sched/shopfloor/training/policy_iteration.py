"""Rounds of approximate policy iteration: label the policy's own decisions, learn from all labels so far.

What a candidate costs is what the policy itself makes of it, so each round improves on the one before as far
as the network can follow. Every piece of a round is stored: a killed training goes on to the same weights.

References:
    Lagoudakis and Parr, Reinforcement learning as classification (ICML 2003), section 3: rollout policy iteration.
    Ross, Gordon and Bagnell, A reduction of imitation learning to no-regret online learning (AISTATS 2011),
    section 3: data of all rounds are kept.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from shopfloor.engine.actor import ActorSpec
from shopfloor.engine.rules import RuleSpec
from shopfloor.engine.scenario import Disturbances
from shopfloor.policies.network import CandidateActor
from shopfloor.training.bank import Bank
from shopfloor.training.checkpoint import Checkpoint
from shopfloor.training.labels import joined, make_labels
from shopfloor.training.presets import LabelsPreset, Preset
from shopfloor.training.validation import ValidationSet
from shopfloor.training.warm_start import EpochStats, LabelledStates, warm_start

log = logging.getLogger(__name__)

Report = Callable[[str, float, str], None]
"""Called with (step, share of the step done, message)."""

_EPISODES_PER_PART = 100
"""Labelled episodes between two checkpoints: a kill costs seconds."""


class Lesson(NamedTuple):
    """What imitation learns on, and where.

    Attributes:
        bank: Training instances.
        rule: The tuned rule.
        disturbances: Of the disturbed episodes.
        validation: Chooses the best weights.
        preset: How to learn.
        seed: Of every draw.
        checkpoint: Where pieces are stored and found.
        report: Told how far it is; None = nobody.
    """

    bank: Bank
    rule: RuleSpec
    disturbances: Disturbances
    validation: ValidationSet
    preset: Preset
    seed: int
    checkpoint: Checkpoint
    report: Report | None = None


def stored_labels(
    bank: Bank,
    policy: RuleSpec | ActorSpec,
    preset: LabelsPreset,
    *,
    disturbances: Disturbances,
    seed: int,
    checkpoint: Checkpoint,
    name: str,
    first: int = 0,
    report: Report | None = None,
) -> LabelledStates:
    """Return the labels of `preset.n_episodes` episodes: stored parts, and those that are missing made now.

    Args:
        policy: Who drives and finishes.
        name: Of the pieces and of the step.
        first: Number of the first episode; other numbers are other instances and noise.
    """
    parts = []
    for begin in range(0, preset.n_episodes, _EPISODES_PER_PART):
        piece = f"{name}_{begin:06d}"
        stored = checkpoint.load_arrays(piece)
        if stored is None:
            end = min(begin + _EPISODES_PER_PART, preset.n_episodes)

            def tell(share: float, _: str, begin: int = begin, end: int = end) -> None:
                if report is not None:
                    done = begin + round(share * (end - begin))
                    message = f"{done} of {preset.n_episodes} episodes labelled"
                    report(name, done / preset.n_episodes, message)

            part = make_labels(
                bank,
                policy,
                preset,
                disturbances=disturbances,
                seed=seed,
                episodes=range(first + begin, first + end),
                progress=tell,
            )
            checkpoint.save_arrays(piece, part.arrays())
            stored = part.arrays()
        parts.append(LabelledStates(**stored))
    return joined(parts)


def learn(
    actor: CandidateActor, labels: LabelledStates, lesson: Lesson, *, n_epochs: int, name: str
) -> list[dict[str, float]]:
    """Fit the actor to the labels in place, or load what was fitted; return one row per epoch.

    The weights that it ends with are those of the best epoch on validation, the start included.

    Args:
        name: Of the step and of its piece.
    """
    stored = lesson.checkpoint.load_tensors(name)
    if stored is not None:
        actor.load_state_dict(stored["actor"])
        return list(stored["history"])
    seconds: list[float] = []
    n_evaluations = 1 + n_epochs - n_epochs // 3

    def evaluate(candidate: CandidateActor) -> float:
        spec = ActorSpec(candidate.export(), lesson.rule, lesson.preset.beta)
        ratio = lesson.validation.ratio(spec)
        seconds.append(lesson.checkpoint.spent.seconds)
        if lesson.report is not None:
            lesson.report(
                name, min(1.0, len(seconds) / n_evaluations), f"validation {ratio:.3f} of the tuned rule"
            )
        return ratio

    epochs = warm_start(
        actor,
        labels,
        lesson.preset.warm_start.model_copy(update={"n_epochs": n_epochs}),
        seed=lesson.seed,
        evaluate=evaluate,
        has_mask=lesson.preset.method.has_mask,
    )
    later = iter(seconds[1:])
    history = [_row(epoch, len(labels), later) for epoch in epochs]
    lesson.checkpoint.save_tensors(name, {"actor": actor.state_dict(), "history": history})
    return history


def iterate(actor: CandidateActor, labels: LabelledStates, lesson: Lesson) -> list[dict[str, float]]:
    """Improve the actor in place by rounds of its own labels; return one row per epoch.

    Args:
        labels: Of the rule; kept in every round.
    """
    plan = lesson.preset.own_labels
    history: list[dict[str, float]] = []
    for number in range(plan.n_rounds):
        name = f"round{number + 1}"
        own = stored_labels(
            lesson.bank,
            ActorSpec(actor.export(), lesson.rule, lesson.preset.beta),
            plan,
            disturbances=lesson.disturbances,
            seed=lesson.seed,
            checkpoint=lesson.checkpoint,
            name=f"{name}_labels",
            first=lesson.preset.labels.n_episodes + number * plan.n_episodes,
            report=lesson.report,
        )
        labels = joined([labels, own])
        is_last = number + 1 == plan.n_rounds
        n_epochs = plan.n_last_epochs if is_last else plan.n_epochs
        rows = learn(actor, labels, lesson, n_epochs=n_epochs, name=name)
        history += [{"round": float(number + 1), **row} for row in rows]
        log.info("round of own labels done round=%d labels=%d", number + 1, len(labels))
    return history


def _row(epoch: EpochStats, n_labels: int, seconds: Iterator[float]) -> dict[str, float]:
    """Return an epoch as numbers; one that was scored also says when."""
    row = {
        "epoch": float(epoch.epoch),
        "n_labels": float(n_labels),
        "loss": epoch.loss,
        "regret": epoch.regret,
    }
    return row | ({"ratio": epoch.score, "seconds": next(seconds)} if np.isfinite(epoch.score) else {})
