"""Train a single dispatcher: tune the rules, learn with MaskablePPO, keep the best weights seen.

A killed training goes on from its last evaluation, with fresh episodes, so it ends elsewhere than an unbroken
one; the result says so. Held-out books, those from `HELD_OUT_SEEDS` on, are never seen here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from math import fsum
from pathlib import Path
from typing import Final

from sb3_contrib import MaskablePPO
from stable_baselines3.common.logger import KVWriter, Logger, TensorBoardOutputFormat
from stable_baselines3.common.vec_env import VecEnv

from shopfloor.engine.arrays import Compiled
from shopfloor.engine.dispatch import dispatch, quick_cost
from shopfloor.engine.dispatcher_observation import DISPATCHER_SCHEMA_HASH
from shopfloor.engine.rules import Rule, RuleSpec
from shopfloor.envs.dispatcher import DispatcherEnv, InstanceBank
from shopfloor.envs.dispatcher_presets import Exercise, exercise_named
from shopfloor.envs.dispatcher_rewards import DispatcherReward
from shopfloor.envs.dispatcher_shops import Source, drawn_from
from shopfloor.envs.dispatcher_vec import DispatcherVec, subprocesses
from shopfloor.policies.dispatcher_model import DispatcherModel
from shopfloor.policies.dispatcher_play import DispatcherPlayer
from shopfloor.policies.dispatcher_policy import DispatcherPolicy
from shopfloor.policies.model import Fact
from shopfloor.training.checkpoint import Checkpoint, TrainingKey, open_checkpoint
from shopfloor.training.dispatcher_callbacks import (
    CurveWriter,
    DispatcherCallback,
    LogMetrics,
    Progress,
    TrainingState,
    restore,
)
from shopfloor.training.dispatcher_presets import DispatcherPreset
from shopfloor.training.one_thread import one_thread
from shopfloor.training.tune_rules import TunedRules, tune_rules

VALIDATION_SEED: Final = 900_000
"""First seed of the books that choose the best weights: behind those to learn on, before the held-out ones."""


@dataclass(frozen=True)
class Drawn:
    """Where books come from, and a name that changes with them.

    Attributes:
        source: Draws an instance from (seed, operations at most).
        name: Goes into the checkpoint's key.
    """

    source: Source
    name: str


@dataclass(frozen=True, eq=False)
class TrainedDispatcher:
    """A dispatcher and how it came about.

    Attributes:
        model: With the best weights seen.
        tuned: Every rule with its tuned parameters, best first.
        ratio: Its validation cost over the best tuned rule's.
        history: One row per evaluation.
        timesteps: Choices played.
        cpu_seconds: Of learning and evaluating, killed runs included.
        is_resumed: Whether a killed run was continued.
    """

    model: DispatcherModel
    tuned: TunedRules
    ratio: float
    history: tuple[dict[str, float], ...]
    timesteps: int
    cpu_seconds: float
    is_resumed: bool


def train_dispatcher(
    preset: DispatcherPreset,
    *,
    seed: int,
    directory: Path,
    drawn: Drawn | None = None,
    n_processes: int = 0,
    progress: Progress | None = None,
    log_metrics: LogMetrics | None = None,
) -> TrainedDispatcher:
    """Return the best dispatcher that a preset finds.

    The same books, preset and seed give the same weights on one thread, unless the run was resumed.

    Args:
        seed: Of weights, episodes and actions.
        directory: Holds this training's checkpoint and its TensorBoard curves.
        drawn: Where books come from; None = the exercise's own shop.
        n_processes: Environments in processes of their own; 0 = all in this one, which is faster on few cores.
        progress: Called with (stage, share done, message).
        log_metrics: Called with (metrics, step number).

    Raises:
        ValueError: Books that cannot be drawn in another process are wanted there.
    """
    exercise = exercise_named(preset.exercise)
    if drawn is not None and n_processes:
        raise ValueError(
            f"books of {drawn.name!r} cannot be drawn in other processes\nhint: leave n_processes at 0"
        )
    books = drawn or Drawn(drawn_from(exercise.shop), repr(exercise.shop))
    data = f"{DISPATCHER_SCHEMA_HASH} {exercise!r} {books.name}"
    key = TrainingKey(preset.config_hash(), hashlib.sha256(data.encode()).hexdigest(), seed)
    checkpoint = open_checkpoint(directory, key)
    bank = InstanceBank(books.source, n=preset.n_books)
    tuned = _tuned_rules(bank, exercise, preset, checkpoint, progress)
    chosen = InstanceBank(books.source, n=preset.n_validation, first=VALIDATION_SEED)
    validation = [chosen.book(k, exercise.max_operations) for k in range(preset.n_validation)]
    reference = rule_cost(validation, tuned.best, exercise)
    reward = DispatcherReward().scaled_to(reference)
    with one_thread():
        env = _environment(exercise, preset, bank, tuned.best, reward, n_processes, seed)
        try:
            model = build_ppo(env, exercise, preset, seed=seed)
            state = restore(checkpoint, model)
            writers: list[KVWriter] = [TensorBoardOutputFormat(str(directory / "tensorboard"))]
            writers += [CurveWriter(log_metrics)] if log_metrics is not None else []
            model.set_logger(Logger(None, writers))

            def score(policy: DispatcherPolicy) -> float:
                player = DispatcherPlayer(exported(policy, tuned.best, preset), exercise)
                costs = [quick_cost(book, player.plan(book)) for book in validation]
                return fsum(costs) / len(costs) / max(reference, 1e-9)

            assert isinstance(model.policy, DispatcherPolicy)
            score(model.policy)  # the kernels are compiled here, before anybody counts seconds
            listener = DispatcherCallback(
                preset,
                state,
                score=score,
                checkpoint=checkpoint,
                largest=exercise.max_operations,
                progress=progress,
                log_metrics=log_metrics,
            )
            left = preset.total_steps - state.timesteps
            if left > 0:
                state.n_runs += 1
                begins = preset.job_limit(state.timesteps / preset.total_steps, exercise.max_operations)
                env.env_method("set_job_limit", begins)  # the first books are drawn before any callback
                model.learn(left, callback=listener, reset_num_timesteps=not state.timesteps)
            model.logger.close()
        finally:
            env.close()
        model.policy.load_state_dict(state.best)
        return _result(exported(model.policy, tuned.best, preset), tuned, state, preset, checkpoint)


def build_ppo(env: VecEnv, exercise: Exercise, preset: DispatcherPreset, *, seed: int) -> MaskablePPO:
    """Return sb3-contrib's MaskablePPO with our policy and a learning rate that falls linearly."""
    first, last = preset.learning_rate, preset.final_learning_rate
    return MaskablePPO(
        DispatcherPolicy,
        env,
        learning_rate=lambda left: last + (first - last) * left,
        n_steps=preset.n_steps,
        batch_size=min(preset.batch_size, preset.n_steps * env.num_envs),
        n_epochs=preset.n_epochs,
        gamma=preset.gamma,
        gae_lambda=preset.gae_lambda,
        clip_range=preset.clip_range,
        ent_coef=preset.entropy,
        vf_coef=preset.vf_coef,
        max_grad_norm=preset.max_grad_norm,
        target_kl=preset.target_kl,
        policy_kwargs={"layout": exercise.layout, "widths": preset.widths, "prior": preset.prior},
        seed=seed,
        device="cpu",
    )


def exported(policy: DispatcherPolicy, rule: RuleSpec, preset: DispatcherPreset) -> DispatcherModel:
    """Return a policy as arrays."""
    return DispatcherModel(policy.network.export(), rule, preset.prior, preset.exercise)


def rule_cost(books: Sequence[Compiled], rule: RuleSpec, exercise: Exercise) -> float:
    """Return a rule's mean weighted tardiness in days, with the exercise's overtime."""
    costs = [quick_cost(book, dispatch(book, rule, levels=exercise.levels(book))) for book in books]
    return fsum(costs) / len(costs)


def _result(
    model: DispatcherModel,
    tuned: TunedRules,
    state: TrainingState,
    preset: DispatcherPreset,
    checkpoint: Checkpoint,
) -> TrainedDispatcher:
    facts: dict[str, Fact] = {
        "preset": preset.exercise,
        "config_hash": preset.config_hash(),
        "seed": checkpoint.key.seed,
        "timesteps": state.timesteps,
        "validation_ratio": state.best_ratio,
    }
    return TrainedDispatcher(
        model=DispatcherModel(model.weights, model.rule, model.prior, model.exercise, facts),
        tuned=tuned,
        ratio=state.best_ratio,
        history=tuple(state.history),
        timesteps=state.timesteps,
        cpu_seconds=state.cpu_seconds,
        is_resumed=state.n_runs > 1,
    )


def _tuned_rules(
    bank: InstanceBank,
    exercise: Exercise,
    preset: DispatcherPreset,
    checkpoint: Checkpoint,
    progress: Progress | None,
) -> TunedRules:
    """Return every rule tuned on the books to learn on; the best of ATC and ATCS comes first."""
    rows = checkpoint.load_json("tuned_rules")
    if rows is None:
        books = [bank.book(k, exercise.max_operations) for k in range(min(bank.n, preset.tune.n_instances))]
        tuned = tune_rules(
            books,
            budget=preset.tune,
            seed=checkpoint.key.seed,
            progress=None if progress is None else partial(progress, "tune rules"),
        )
        rows = tuned.as_rows()
        checkpoint.save_json("tuned_rules", rows)
    tuned = TunedRules.from_rows(rows)
    priced = (Rule.ATC, Rule.ATCS)
    first = [item for item in tuned.rules if item.spec.rule in priced]
    return TunedRules((*first, *(item for item in tuned.rules if item.spec.rule not in priced)))


def _environment(
    exercise: Exercise,
    preset: DispatcherPreset,
    bank: InstanceBank,
    rule: RuleSpec,
    reward: DispatcherReward,
    n_processes: int,
    seed: int,
) -> VecEnv:
    if n_processes == 0:
        return DispatcherVec(exercise, preset.n_envs, bank=bank, reward=reward, rule=rule, seed=seed)
    make = partial(_make_env, exercise.name, preset.n_books, reward, rule)
    env = subprocesses([make] * n_processes)
    env.seed(seed)
    return env


def _make_env(name: str, n_books: int, reward: DispatcherReward, rule: RuleSpec) -> DispatcherEnv:
    exercise = exercise_named(name)
    bank = InstanceBank(drawn_from(exercise.shop), n=n_books)
    return DispatcherEnv(exercise, bank=bank, reward=reward, rule=rule)
