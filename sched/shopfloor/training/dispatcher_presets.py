"""Every knob of a single dispatcher's training, one frozen preset per exercise.

Where a value looks odd its field says why; decision 0017 has the measurements. A preset never holds a seed, a
path or data.
"""

from __future__ import annotations

import hashlib
import json
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from shopfloor.envs.dispatcher_presets import UnknownExercise
from shopfloor.training.presets import TunePreset


class DispatcherStage(BaseModel):
    """One stage of the curriculum."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    begins_at: float = Field(ge=0, lt=1, description="share of all steps after which it begins")
    job_limit: int = Field(ge=1, description="operations of a book at most")


class DispatcherPreset(BaseModel):
    """How one exercise is trained, with sb3-contrib's own MaskablePPO."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    exercise: str
    total_steps: int = Field(ge=1, description="choices played in all")
    n_books: int = Field(ge=1, description="books to learn on, per job limit")
    n_validation: int = Field(ge=1, description="books to choose the best weights on")
    n_envs: int = Field(default=32, ge=1)
    n_steps: int = Field(default=64, ge=2)
    batch_size: int = Field(default=512, ge=2)
    n_epochs: int = Field(default=4, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0, description="falls linearly")
    final_learning_rate: float = Field(default=5e-5, gt=0)
    gamma: float = Field(default=1.0, gt=0, le=1)
    gae_lambda: float = Field(default=0.95, ge=0, le=1)
    entropy: float = Field(default=0.01, ge=0)
    clip_range: float = Field(default=0.2, gt=0)
    vf_coef: float = Field(default=0.5, ge=0)
    max_grad_norm: float = Field(default=0.5, gt=0)
    target_kl: float = Field(default=0.05, gt=0)
    evaluate_every: int = Field(default=8192, ge=1, description="steps between evaluations and checkpoints")
    widths: tuple[int, int, int] = Field(default=(16, 32, 16), description="of machine, job and plant codes")
    prior: float = Field(
        default=0.0,
        ge=0,
        description="weight of the tuned rule's index in a job's score; 0 = the dispatcher learns from nothing, "
        "1 = it begins as the rule, which a large shop needs",
    )
    tune: TunePreset = TunePreset(n_instances=40, n_trials=45, n_refinements=15)
    curriculum: tuple[DispatcherStage, ...] = ()

    def config_hash(self) -> str:
        """Return SHA-256 of the canonical JSON: equal hashes train alike."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def job_limit(self, share: float, largest: int) -> int:
        """Return operations of a book at most, after a share of all steps.

        Args:
            share: 0..1.
            largest: The exercise's own limit, which holds where there is no curriculum.
        """
        begun = [stage.job_limit for stage in self.curriculum if stage.begins_at <= share]
        return min(begun[-1], largest) if begun else largest


DISPATCHER_PRESETS: Final = {
    item.exercise: item
    for item in (
        DispatcherPreset(
            exercise="toy",
            total_steps=131_072,
            n_books=1024,
            n_validation=200,
            tune=TunePreset(n_instances=300, n_trials=90, n_refinements=30),
        ),
        DispatcherPreset(
            exercise="dependency",
            total_steps=131_072,
            n_books=512,
            n_validation=100,
            tune=TunePreset(n_instances=200, n_trials=60, n_refinements=20),
        ),
        DispatcherPreset(exercise="time", total_steps=131_072, n_books=512, n_validation=100),
        DispatcherPreset(
            exercise="medium",
            total_steps=131_072,
            n_books=256,
            n_validation=40,
            n_envs=64,
            n_steps=128,
            batch_size=2048,
            evaluate_every=16_384,
            gamma=0.99,
            entropy=0.0,
            prior=1.0,
        ),
        DispatcherPreset(
            exercise="production",
            total_steps=98_304,
            n_books=48,
            n_validation=10,
            n_envs=32,
            n_steps=128,
            batch_size=1024,
            learning_rate=5e-4,
            gamma=0.99,
            entropy=0.0,
            prior=1.0,
            tune=TunePreset(n_instances=16, n_trials=45, n_refinements=15),
            curriculum=(
                DispatcherStage(begins_at=0.0, job_limit=50),
                DispatcherStage(begins_at=0.05, job_limit=100),
                DispatcherStage(begins_at=0.1, job_limit=200),
                DispatcherStage(begins_at=0.2, job_limit=500),
            ),
        ),
    )
}


def dispatcher_preset(exercise: str) -> DispatcherPreset:
    """Return the preset of an exercise.

    Raises:
        UnknownExercise: None has that name.
    """
    if exercise not in DISPATCHER_PRESETS:
        raise UnknownExercise(
            f"no exercise is called {exercise!r}\nhint: one of {', '.join(DISPATCHER_PRESETS)}"
        )
    return DISPATCHER_PRESETS[exercise]
