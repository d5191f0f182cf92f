"""Train a dispatcher from instances: tune the rule, label, learn, label itself, fine-tune, keep the best.

This file is the table of contents; each step is its own module. Every step leaves a piece behind, so a
killed training goes on instead of starting again. The candidate that comes out is not yet trusted: that is
the gate's business.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from shopfloor.engine.actor import ActorWeights
from shopfloor.engine.rules import RuleSpec
from shopfloor.policies.model import DispatchModel, Fact
from shopfloor.policies.network import CandidateActor
from shopfloor.training.bank import TrainingData, compiled_bank, problems_hash, training_data
from shopfloor.training.checkpoint import Checkpoint, Spent, TrainingKey, open_checkpoint
from shopfloor.training.labels import require_labels
from shopfloor.training.one_thread import one_thread
from shopfloor.training.policy_iteration import Lesson, iterate, learn, stored_labels
from shopfloor.training.ppo import FineTuned, GameSetting, LogMetrics, Progress, choice_of, fine_tune
from shopfloor.training.presets import Preset
from shopfloor.training.tune_rules import TunedRules, tune_rules
from shopfloor.training.validation import validation_set
from shopfloor.training.warm_start import LabelledStates
from shopfloor.twin.model import TwinModel

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class TrainResult:
    """A candidate and how it came about.

    Attributes:
        model: The candidate.
        tuned: Every rule with its tuned parameters, best first.
        validation_ratio: Its validation cost over the best tuned rule's; below 1 = better.
        history: One row per warm-start epoch and per PPO evaluation.
        resumed: Whether a killed run was continued.
        seconds: Wall seconds of each step in this process.
        spent: Wall and CPU seconds of the whole training, killed runs included.
        weights_hash: SHA-256 of the actor's weights.
        last_weights: The actor's weights after the last update: what the training ended with, kept or not.
    """

    model: DispatchModel
    tuned: TunedRules
    validation_ratio: float
    history: tuple[dict[str, float], ...]
    resumed: bool
    seconds: dict[str, float]
    weights_hash: str
    last_weights: ActorWeights
    spent: Spent


@dataclass(frozen=True, eq=False)
class Groundwork:
    """What trainings on the same instances and seed have in common, whatever they do with it.

    Attributes:
        tuned: Every rule, tuned.
        labels: Rollout labels; there may be none.
    """

    tuned: TunedRules
    labels: LabelledStates


def lay_groundwork(
    data: TrainingData | TwinModel,
    preset: Preset,
    *,
    seed: int,
    directory: Path,
    progress: Progress | None = None,
) -> Groundwork:
    """Tune the rules and make the labels, and nothing else; arguments as in `train`."""
    if isinstance(data, TwinModel):
        data = training_data(data, preset, seed=seed)
    run = _Training(data, preset, seed=seed, directory=directory, listeners=(progress, None))
    with one_thread():
        tuned = run.tuned_rules(None)
        return Groundwork(tuned, run.labels(tuned.best))


def train(
    data: TrainingData | TwinModel,
    preset: Preset,
    *,
    seed: int,
    directory: Path,
    tuned: TunedRules | RuleSpec | None = None,
    labels: LabelledStates | None = None,
    start: ActorWeights | None = None,
    progress: Progress | None = None,
    log_metrics: LogMetrics | None = None,
) -> TrainResult:
    """Return the best dispatcher that the preset finds.

    The same data, preset and seed give the same weights on one thread, killed and resumed or not.

    Args:
        data: Instances, or the twin to draw them from.
        seed: Of every draw.
        directory: Holds this training's checkpoint and nothing else.
        tuned: Rules tuned before; None = tune them here.
        labels: Made before on the same instances, seed and rule; None = make them here.
        start: Weights to begin from, those of the champion; left aside where the network has another size.
        progress: Called with (step, share of the step done, message).
        log_metrics: Called with (metrics, step number).
    """
    if isinstance(data, TwinModel):
        data = training_data(data, preset, seed=seed)
    listeners = (progress, log_metrics)
    run = _Training(data, preset, seed=seed, directory=directory, listeners=listeners, start=start)
    with one_thread():
        return run.result(tuned, labels)


class _Training:
    """The steps of one training over its checkpoint."""

    def __init__(
        self,
        data: TrainingData,
        preset: Preset,
        *,
        seed: int,
        directory: Path,
        listeners: tuple[Progress | None, LogMetrics | None],
        start: ActorWeights | None = None,
    ) -> None:
        self.preset, self.seed, self.disturbances = preset, seed, data.disturbances
        self.progress, self.log_metrics = listeners
        self.start = _fitting(start, preset)
        self.seconds: dict[str, float] = {}
        with self._timed("compile"):
            self.bank = compiled_bank(data.training, data.dynamic_training)
            self.held_out = compiled_bank(data.validation, data.dynamic_validation)
        data_hash = problems_hash([*self.bank.all, *self.held_out.all], data.disturbances)
        if self.start is not None:
            data_hash += f" from {weights_hash(self.start)}"
        self.checkpoint: Checkpoint = open_checkpoint(
            directory, TrainingKey(preset.config_hash(), data_hash, seed)
        )

    def result(self, given: TunedRules | RuleSpec | None, given_labels: LabelledStates | None) -> TrainResult:
        with self._timed("tune"):
            tuned = self.tuned_rules(given)
        with self._timed("validation"):
            validation = validation_set(
                self.held_out, tuned.best, self.disturbances, seed=self.seed, choice=choice_of(self.preset)
            )
        lesson = Lesson(
            self.bank,
            tuned.best,
            self.disturbances,
            validation,
            self.preset,
            self.seed,
            self.checkpoint,
            self.progress,
        )
        with self._timed("labels"):
            labels = self.chosen_labels(tuned.best, given_labels)
        with self._timed("warm_start"):
            actor, history = self.warm_actor(labels, lesson)
        with self._timed("own_rounds"):
            if labels is not None and self.preset.method.has_own_labels:
                history += iterate(actor, labels, lesson)
        self._log_epochs(history)
        with self._timed("ppo"):
            setting = GameSetting(self.bank, tuned.best, self.disturbances, validation)
            fine = fine_tune(
                actor,
                setting,
                self.preset,
                seed=self.seed,
                checkpoint=self.checkpoint,
                progress=self.progress,
                log_metrics=self.log_metrics,
            )
        return self._packed(tuned, fine, history)

    def tuned_rules(self, given: TunedRules | RuleSpec | None) -> TunedRules:
        """Return the rules given, stored, or tuned now."""
        if isinstance(given, TunedRules):
            return given
        if given is not None:
            return TunedRules.of(given)
        stored = self.checkpoint.load_json("tuned_rules")
        if stored is not None:
            return TunedRules.from_rows(stored)
        tuned = tune_rules(
            self.bank.calm, budget=self.preset.tune, seed=self.seed, progress=self._reporter("tune")
        )
        self.checkpoint.save_json("tuned_rules", tuned.as_rows())
        return tuned

    def labels(self, rule: RuleSpec) -> LabelledStates:
        """Return the rule's labels: stored parts, and those that are missing made now."""
        return stored_labels(
            self.bank,
            rule,
            self.preset.labels,
            disturbances=self.disturbances,
            seed=self.seed,
            checkpoint=self.checkpoint,
            name="labels",
            report=self.progress,
        )

    def chosen_labels(self, rule: RuleSpec, given: LabelledStates | None) -> LabelledStates | None:
        """Return the labels to learn from; None where the method has no warm start."""
        if not self.preset.method.has_warm_start:
            return None
        return require_labels(self.labels(rule) if given is None else given)

    def warm_actor(
        self, labels: LabelledStates | None, lesson: Lesson
    ) -> tuple[CandidateActor, list[dict[str, float]]]:
        """Return the actor that learned from labels, and its epochs; without labels a fresh one."""
        torch.manual_seed(self.seed)
        actor = CandidateActor(self.preset.hidden, beta=self.preset.beta)
        if self.start is not None:
            actor.load(self.start)
        if labels is None:
            return actor, []
        n_epochs = self.preset.warm_start.n_epochs
        return actor, learn(actor, labels, lesson, n_epochs=n_epochs, name="warm_start")

    def _log_epochs(self, epochs: list[dict[str, float]]) -> None:
        if self.log_metrics is not None:
            for step, row in enumerate(epochs):
                self.log_metrics({f"warm_start_{name}": value for name, value in row.items()}, step)

    def _packed(self, tuned: TunedRules, fine: FineTuned, epochs: list[dict[str, float]]) -> TrainResult:
        weights, last = (self._exported(state) for state in (fine.state, fine.last_state))
        digest = weights_hash(weights)
        metadata: dict[str, Fact] = {
            "preset": self.preset.name,
            "config_hash": self.preset.config_hash(),
            "data_hash": self.checkpoint.key.data_hash,
            "seed": self.seed,
            "weights_hash": digest,
            "validation_ratio": fine.ratio,
            "n_labels": int(epochs[-1]["n_labels"]) if epochs else 0,
            "ppo_timesteps": fine.timesteps,
            "switches": "; ".join(fine.switches),
            "resumed": self.checkpoint.is_resumed,
            "started_from": "" if self.start is None else weights_hash(self.start),
        }
        model = DispatchModel(
            kind="actor",
            rule=tuned.best,
            actor=weights,
            beta=self.preset.beta,
            temperature=self.preset.temperature,
            metadata=metadata,
        )
        history = (*epochs, *fine.history)
        resumed = self.checkpoint.is_resumed
        return TrainResult(
            model,
            tuned,
            fine.ratio,
            history,
            resumed,
            dict(self.seconds),
            digest,
            last,
            self.checkpoint.spent,
        )

    def _exported(self, state: dict[str, torch.Tensor]) -> ActorWeights:
        actor = CandidateActor(self.preset.hidden, beta=self.preset.beta)
        actor.load_state_dict(state)
        return actor.export()

    def _reporter(self, step: str) -> Callable[[float, str], None] | None:
        progress = self.progress
        if progress is None:
            return None
        return lambda share, message: progress(step, share, message)

    @contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        begun = time.perf_counter()
        yield
        self.seconds[step] = time.perf_counter() - begun
        log.info("training step done step=%s seconds=%.1f", step, self.seconds[step])


def _fitting(start: ActorWeights | None, preset: Preset) -> ActorWeights | None:
    """Return the weights to begin from, if the preset's network takes them."""
    if start is None or (len(start.b1), len(start.b2)) == preset.hidden:
        return start
    log.warning(
        "training begins afresh: the champion's network is %dx%d, the preset's %dx%d",
        len(start.b1), len(start.b2), *preset.hidden,
    )  # fmt: skip
    return None


def weights_hash(weights: ActorWeights) -> str:
    """Return SHA-256 of the weights, hex."""
    digest = hashlib.sha256()
    for name, value in weights._asdict().items():
        digest.update(f"{name}{value.shape}".encode() + np.ascontiguousarray(value).tobytes())
    return digest.hexdigest()
