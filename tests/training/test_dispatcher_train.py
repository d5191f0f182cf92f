"""A single dispatcher learns, goes on where it was killed, and never sees a held-out book."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from shopfloor.engine.rules import Rule
from shopfloor.envs.dispatcher import InstanceBank
from shopfloor.envs.dispatcher_presets import UnknownExercise, exercise_named
from shopfloor.envs.dispatcher_shops import HELD_OUT_SEEDS, drawn_from
from shopfloor.evaluation.milestones import contest
from shopfloor.training.dispatcher_presets import DISPATCHER_PRESETS, DispatcherPreset, dispatcher_preset
from shopfloor.training.dispatcher_train import Drawn, TrainedDispatcher, train_dispatcher
from shopfloor.training.presets import TunePreset

QUICK = DispatcherPreset(
    exercise="toy",
    total_steps=1024,
    n_books=32,
    n_validation=10,
    n_envs=8,
    n_steps=32,
    batch_size=128,
    n_epochs=2,
    evaluate_every=256,
    tune=TunePreset(n_instances=10, n_trials=4, n_refinements=1),
)


class Killed(Exception):
    """Stands for the end of the process."""


def trained(directory: Path, preset: DispatcherPreset = QUICK, *, seed: int = 0) -> TrainedDispatcher:
    return train_dispatcher(preset, seed=seed, directory=directory)


def test_a_short_training_beats_random_choice_clearly(tmp_path: Path) -> None:
    more = {"total_steps": 8192, "n_books": 128, "n_steps": 64, "n_epochs": 4, "evaluate_every": 2048}
    preset = QUICK.model_copy(update=more)
    result = trained(tmp_path, preset)
    exercise = exercise_named("toy")
    bank = InstanceBank(drawn_from(exercise.shop), n=40, first=HELD_OUT_SEEDS)
    books = [bank.book(k, exercise.max_operations) for k in range(40)]
    found = contest(result.model, exercise, books, result.tuned.specs)
    assert found.against("random").ratio_interval.high < 0.75
    assert set(found.n_violations) == {0}
    assert result.ratio == min(row["ratio"] for row in result.history) < result.history[0]["ratio"]


def test_the_same_seed_gives_the_same_dispatcher(tmp_path: Path) -> None:
    one, two = trained(tmp_path / "one"), trained(tmp_path / "two")
    for ours, theirs in zip(one.model.weights, two.model.weights, strict=True):
        assert np.array_equal(ours, theirs)
    other = trained(tmp_path / "other", seed=1)
    assert not np.array_equal(one.model.weights.job_w, other.model.weights.job_w)


def test_a_killed_training_goes_on_and_says_so(tmp_path: Path) -> None:
    def kill(stage: str, share: float, message: str) -> None:
        if stage == "learn" and share >= 0.5:
            raise Killed

    with pytest.raises(Killed):
        train_dispatcher(QUICK, seed=0, directory=tmp_path, progress=kill)
    result = trained(tmp_path)
    assert result.is_resumed
    assert result.timesteps == QUICK.total_steps
    steps = [row["timesteps"] for row in result.history]
    assert steps == sorted(set(steps))
    assert steps[0] == 0


def test_a_finished_training_is_read_again_not_repeated(tmp_path: Path) -> None:
    first = trained(tmp_path)
    again = trained(tmp_path)
    assert not again.is_resumed
    assert again.history == first.history
    assert np.array_equal(again.model.weights.score_w, first.model.weights.score_w)


def test_the_tuned_rule_and_the_diary_come_with_it(tmp_path: Path) -> None:
    diary: list[tuple[int, dict[str, float]]] = []
    result = train_dispatcher(
        QUICK, seed=0, directory=tmp_path, log_metrics=lambda metrics, step: diary.append((step, metrics))
    )
    assert result.tuned.best.rule in (Rule.ATC, Rule.ATCS)
    assert result.model.rule == result.tuned.best
    names = {name for _, metrics in diary for name in metrics}
    assert {"dispatcher_ratio", "train/value_loss", "train/learning_rate", "rollout/ep_rew_mean"} <= names
    rates = [metrics["train/learning_rate"] for _, metrics in diary if "train/learning_rate" in metrics]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 0.5 * rates[0]
    assert list((tmp_path / "tensorboard").glob("events.out.tfevents.*"))


def test_the_curriculum_moves_the_job_limit(tmp_path: Path) -> None:
    production = dispatcher_preset("production")
    limits = [production.job_limit(share, 500) for share in (0.0, 0.05, 0.1, 0.2, 1.0)]
    assert limits == [50, 100, 200, 500, 500]
    assert QUICK.job_limit(0.7, 5) == 5
    seen: list[int] = []
    shop = exercise_named("medium").shop

    def source(seed: int, most: int):
        seen.append(most)
        return drawn_from(shop)(seed, most)

    stages = [{"begins_at": 0.0, "job_limit": 60}, {"begins_at": 0.5, "job_limit": 120}]
    preset = DispatcherPreset.model_validate(
        QUICK.model_dump() | {"exercise": "medium", "total_steps": 2048, "curriculum": stages, "n_books": 2,
                              "n_validation": 2, "evaluate_every": 1024},
        strict=False,
    )  # fmt: skip
    result = train_dispatcher(preset, seed=0, directory=tmp_path, drawn=Drawn(source, "medium again"))
    assert [row["job_limit"] for row in result.history] == [60, 120, 120]
    assert {60, 120, 200} == set(seen)


def test_processes_of_their_own_learn_too(tmp_path: Path) -> None:
    preset = QUICK.model_copy(update={"total_steps": 128, "evaluate_every": 128, "n_books": 8})
    result = train_dispatcher(preset, seed=0, directory=tmp_path, n_processes=1)
    assert result.timesteps == 128
    with pytest.raises(ValueError, match="cannot be drawn in other processes"):
        train_dispatcher(
            preset,
            seed=0,
            directory=tmp_path,
            drawn=Drawn(drawn_from(exercise_named("toy").shop), "mine"),
            n_processes=1,
        )


def test_every_exercise_has_a_preset_and_presets_differ() -> None:
    hashes = {preset.config_hash() for preset in DISPATCHER_PRESETS.values()}
    assert len(hashes) == len(DISPATCHER_PRESETS) == 5
    with pytest.raises(UnknownExercise, match="no exercise is called 'tiny'"):
        dispatcher_preset("tiny")
