"""What happens while MaskablePPO trains a dispatcher: the curriculum, evaluations, checkpoints, the curves.

SB3's own evaluation and checkpoint callbacks pickle models; these keep tensors and numbers.
"""

from __future__ import annotations

import copy
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import KVWriter

from shopfloor.policies.dispatcher_policy import DispatcherPolicy
from shopfloor.training.checkpoint import Checkpoint
from shopfloor.training.dispatcher_presets import DispatcherPreset

log = logging.getLogger(__name__)

PIECE = "dispatcher"
Progress = Callable[[str, float, str], None]
LogMetrics = Callable[[dict[str, float], int], None]
Score = Callable[[DispatcherPolicy], float]
"""Validation cost of a policy over the tuned rule's; below 1 = better than the rule."""


@dataclass
class TrainingState:
    """How far a training is and the best that it has seen.

    Attributes:
        best: Weights of the best evaluation, a torch state dict.
        best_ratio: Their validation cost over the tuned rule's.
        history: One row per evaluation.
        cpu_seconds: CPU seconds of this process and those killed before it.
        timesteps: Choices played.
        n_runs: Processes that learned; more than one = an earlier one was killed.
    """

    best: dict[str, torch.Tensor] = field(default_factory=dict)
    best_ratio: float = math.inf
    history: list[dict[str, float]] = field(default_factory=list)
    cpu_seconds: float = 0.0
    timesteps: int = 0
    n_runs: int = 0


class DispatcherCallback(BaseCallback):
    """Moves the job limit, evaluates, keeps the best, stores a checkpoint; at the first rollout too.

    Args:
        preset: What is trained.
        state: Continued and written.
        score: Judges a policy.
        checkpoint: Where pieces are stored.
        largest: Operations of the exercise's largest book.
        progress: Called with (stage, share done, message with the time left).
        log_metrics: Called with (metrics, step number); for a diary of runs.
    """

    def __init__(
        self,
        preset: DispatcherPreset,
        state: TrainingState,
        *,
        score: Score,
        checkpoint: Checkpoint,
        largest: int,
        progress: Progress | None = None,
        log_metrics: LogMetrics | None = None,
    ) -> None:
        super().__init__()
        self.preset, self.state, self.score, self.checkpoint = preset, state, score, checkpoint
        self.largest, self.progress, self.log_metrics = largest, progress, log_metrics
        self._limit = 0
        self._mark = time.process_time()
        self._began, self._from = time.monotonic(), state.timesteps
        self._evaluated = state.timesteps if state.history else -preset.evaluate_every

    @property
    def policy(self) -> DispatcherPolicy:
        """The policy that is trained."""
        assert isinstance(self.model.policy, DispatcherPolicy)
        return self.model.policy

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        share = self.num_timesteps / self.preset.total_steps
        limit = self.preset.job_limit(share, self.largest)
        if limit != self._limit:
            self._limit = limit
            self.training_env.env_method("set_job_limit", limit)
        if self.num_timesteps - self._evaluated >= self.preset.evaluate_every:
            self.evaluate()

    def _on_training_end(self) -> None:
        self.evaluate()

    def evaluate(self) -> None:
        """Score the policy, keep it if it is the best, store everything, tell how far it is."""
        self._evaluated = self.num_timesteps
        state = self.state
        ratio = self.score(self.policy)
        if ratio < state.best_ratio:
            state.best_ratio = ratio
            state.best = copy.deepcopy(self.policy.state_dict())
        now = time.process_time()
        state.cpu_seconds += now - self._mark
        self._mark = now
        state.timesteps = self.num_timesteps
        row = {
            "timesteps": float(self.num_timesteps),
            "ratio": ratio,
            "best_ratio": state.best_ratio,
            "cpu_seconds": state.cpu_seconds,
            "job_limit": float(self._limit),
        }
        for name in ("value_loss", "approx_kl", "entropy_loss", "explained_variance"):
            value = self.model.logger.name_to_value.get(f"train/{name}")
            if value is not None and math.isfinite(float(value)):
                row[name] = float(value)
        state.history.append(row)
        self.logger.record("eval/ratio_to_tuned_rule", ratio)
        self.logger.record("eval/job_limit", self._limit)
        store(self.checkpoint, self.model, state)
        log.info("dispatcher evaluated steps=%d ratio=%.4f", self.num_timesteps, ratio)
        if self.log_metrics is not None:
            self.log_metrics({f"dispatcher_{name}": value for name, value in row.items()}, self.num_timesteps)
        if self.progress is not None:
            share = min(1.0, self.num_timesteps / self.preset.total_steps)
            self.progress("learn", share, f"{ratio:.3f} of the tuned rule, {self._left(share)}")

    def _left(self, share: float) -> str:
        done = share - self._from / self.preset.total_steps
        if done <= 0:
            return "time left unknown"
        return f"{(time.monotonic() - self._began) * (1.0 - share) / done:.0f} s left"


class CurveWriter(KVWriter):
    """Hands SB3's curves to whoever keeps a diary of runs."""

    def __init__(self, log_metrics: LogMetrics) -> None:
        self._log_metrics = log_metrics

    def write(
        self, key_values: dict[str, Any], key_excluded: dict[str, tuple[str, ...]], step: int = 0
    ) -> None:
        """Pass numbers on; texts and pictures stay."""
        del key_excluded
        numbers = {key: float(value) for key, value in key_values.items() if isinstance(value, (int, float))}
        self._log_metrics(numbers, step)

    def close(self) -> None:
        """Nothing is held."""


def store(checkpoint: Checkpoint, model: BaseAlgorithm, state: TrainingState) -> None:
    """Store everything needed to go on."""
    checkpoint.save_tensors(
        PIECE,
        {
            "policy": model.policy.state_dict(),
            "optimizer": model.policy.optimizer.state_dict(),
            "best": state.best,
            "best_ratio": state.best_ratio,
            "history": state.history,
            "cpu_seconds": state.cpu_seconds,
            "timesteps": state.timesteps,
            "n_runs": state.n_runs,
        },
    )


def restore(checkpoint: Checkpoint, model: BaseAlgorithm) -> TrainingState:
    """Bring a model to where an earlier, killed training stopped; a fresh state where there was none."""
    stored = checkpoint.load_tensors(PIECE)
    if stored is None:
        return TrainingState()
    model.policy.load_state_dict(stored["policy"])
    model.policy.optimizer.load_state_dict(stored["optimizer"])
    model.num_timesteps = int(stored["timesteps"])
    return TrainingState(
        best=stored["best"],
        best_ratio=float(stored["best_ratio"]),
        history=list(stored["history"]),
        cpu_seconds=float(stored["cpu_seconds"]),
        timesteps=int(stored["timesteps"]),
        n_runs=int(stored["n_runs"]),
    )
