"""Fine-tune with SB3's own PPO: two stages, entropy and learning-rate schedules, the best weights kept.

PPO runs in chunks. After each one the policy is scored on the validation set, the curriculum moves, and
everything needed to go on is stored, the plants in the middle of their episodes included: a run that was killed
goes on to the weights and the curve of an unbroken one. The answer is the best weights seen, the warm start
included, so this step keeps or improves the validation score and never lowers it.
"""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.logger import Logger

from shopfloor.engine.actor import ActorSpec
from shopfloor.engine.rules import RuleSpec
from shopfloor.engine.scenario import Disturbances
from shopfloor.envs.markov_game import StationGame
from shopfloor.envs.rewards import RewardWeights, rule_totals
from shopfloor.envs.scenarios import EpisodeStream
from shopfloor.envs.score import ScoreWeights
from shopfloor.policies.distribution import Choice
from shopfloor.policies.network import CandidateActor
from shopfloor.policies.sb3_policy import StationPolicy
from shopfloor.training.agent_buffer import AgentRolloutBuffer
from shopfloor.training.bank import Bank
from shopfloor.training.checkpoint import Checkpoint, as_arrays, as_tensors
from shopfloor.training.curriculum import Curriculum, Stage, entropy_weight, tardiness_ratio, window_metrics
from shopfloor.training.presets import Preset
from shopfloor.training.validation import ValidationSet

log = logging.getLogger(__name__)

PIECE = "ppo"
Progress = Callable[[str, float, str], None]
LogMetrics = Callable[[dict[str, float], int], None]
SCALED_ON = 8
"""Calm training instances on which the literal reward's scale is measured."""


@dataclass(frozen=True, eq=False)
class GameSetting:
    """What PPO plays on.

    Attributes:
        bank: Training instances.
        rule: The tuned rule.
        disturbances: Of stage 2.
        validation: Held-out cases with the rule's cost.
    """

    bank: Bank
    rule: RuleSpec
    disturbances: Disturbances
    validation: ValidationSet


@dataclass(frozen=True, eq=False)
class FineTuned:
    """What PPO ends with.

    Attributes:
        state: Best actor weights, a torch state dict.
        last_state: The actor's weights after the last update, for ablations.
        ratio: Validation cost of the best over the tuned rule's.
        timesteps: Decisions played.
        history: One row per evaluation.
        switches: Why each stage ended.
    """

    state: dict[str, torch.Tensor]
    last_state: dict[str, torch.Tensor]
    ratio: float
    timesteps: int
    history: list[dict[str, float]]
    switches: list[str]


def reward_weights(preset: Preset, setting: GameSetting) -> RewardWeights:
    """Return the preset's weights with a scale that suits this plant and stays fixed.

    SB3 clips the gradients of actor and critic together, so returns must be of order 1; a running estimate
    would let the same reward mean something else later.
    """
    weights = RewardWeights(**preset.reward.weights())
    if preset.reward.kind == "literal":
        return weights.scaled_by(rule_totals(setting.bank.calm[:SCALED_ON], setting.rule))
    costs = [item.weighted_tardiness for item in setting.validation.rule]
    return weights.scaled_to(math.fsum(costs) / max(1, len(costs)))


def build_ppo(env: StationGame, preset: Preset, *, seed: int, learning_rate: Callable[[float], float]) -> PPO:
    """Return SB3's PPO with our policy and buffer.

    Args:
        learning_rate: Of SB3's remaining progress, which the curriculum ignores.
    """
    knobs = preset.ppo
    model = PPO(
        StationPolicy,
        env,
        learning_rate=learning_rate,
        n_steps=knobs.n_steps,
        batch_size=min(knobs.batch_size, knobs.n_steps * knobs.n_envs),
        n_epochs=knobs.n_epochs,
        gae_lambda=knobs.gae_lambda,
        clip_range=knobs.clip_range,
        ent_coef=knobs.entropy_start,
        vf_coef=knobs.vf_coef,
        max_grad_norm=knobs.max_grad_norm,
        target_kl=knobs.target_kl,
        rollout_buffer_class=AgentRolloutBuffer,
        rollout_buffer_kwargs={"tau_h": knobs.tau_h},
        policy_kwargs={
            "hidden": preset.hidden,
            "critic_hidden": preset.critic_hidden,
            "beta": preset.beta,
            "choice": choice_of(preset),
            "is_central": preset.method.has_central_critic,
        },
        seed=seed,
        device="cpu",
    )
    model.set_logger(Logger(None, []))
    return model


def choice_of(preset: Preset) -> Choice:
    """Return how the preset's heads choose."""
    return Choice(preset.method.has_mask, preset.method.has_exclusion)


class _FineTuning:
    """PPO between two evaluations, again and again."""

    def __init__(
        self,
        setting: GameSetting,
        preset: Preset,
        actor: CandidateActor,
        *,
        seed: int,
        checkpoint: Checkpoint,
    ) -> None:
        self.setting, self.preset, self.checkpoint = setting, preset, checkpoint
        self.curriculum = Curriculum(preset.curriculum)
        self.history: list[dict[str, float]] = []
        self.score_weights = ScoreWeights(**preset.score.model_dump())
        self.env = StationGame(
            setting.bank.all,
            setting.rule,
            weights=reward_weights(preset, setting),
            stream=EpisodeStream(
                len(setting.bank.calm),
                len(setting.bank.dynamic),
                seed=seed,
                anchor_every=preset.curriculum.anchor_every,
            ),
            n_envs=preset.ppo.n_envs,
            disturbances=setting.disturbances,
        )
        self.model = build_ppo(self.env, preset, seed=seed, learning_rate=lambda _: self.learning_rate)
        self.policy.actor.load_state_dict(actor.state_dict())
        self.best_state = copy.deepcopy(self.policy.actor.state_dict())
        self.best_ratio = setting.validation.ratio(self.spec())
        self.warmup_left = preset.ppo.critic_warmup_updates

    @property
    def policy(self) -> StationPolicy:
        assert isinstance(self.model.policy, StationPolicy)
        return self.model.policy

    @property
    def learning_rate(self) -> float:
        """Falls linearly over each stage."""
        knobs = self.preset.ppo
        return knobs.learning_rate + (knobs.final_learning_rate - knobs.learning_rate) * self.curriculum.share

    def spec(self) -> ActorSpec:
        """Return the actor as the engine runs it."""
        return ActorSpec(self.policy.actor.export(), self.setting.rule, self.preset.beta)

    def chunk(self) -> dict[str, float]:
        """Play and update until the next evaluation; return its row."""
        knobs, stage = self.preset.ppo, self.curriculum.stage
        self.env.set_dynamic(stage == Stage.GENERALIZATION)
        rollout = knobs.n_steps * knobs.n_envs
        before = self.model.num_timesteps
        if self.warmup_left:
            self.policy.freeze_actor(True)
            self.model.learn(self.warmup_left * rollout, log_interval=None, reset_num_timesteps=False)  # type: ignore[arg-type]
            self.policy.freeze_actor(False)
            self.warmup_left = 0
        self.model.ent_coef = entropy_weight(
            stage,
            self.curriculum.share,
            start=knobs.entropy_start,
            end=knobs.entropy_end,
            boost=knobs.entropy_boost,
        )
        n_rollouts = max(1, round(self.preset.curriculum.evaluate_every / rollout))
        self.model.learn(n_rollouts * rollout, log_interval=None, reset_num_timesteps=False)  # type: ignore[arg-type]
        return self.evaluate(self.model.num_timesteps - before)

    def evaluate(self, steps: int) -> dict[str, float]:
        """Score the policy, keep it if it is the best, move the curriculum."""
        stage = self.curriculum.stage
        results = self.setting.validation.results(self.spec())
        ratio = tardiness_ratio(results)
        if ratio < self.best_ratio:
            self.best_ratio = ratio
            self.best_state = copy.deepcopy(self.policy.actor.state_dict())
        n_calm = self.setting.validation.n_calm
        window = self.preset.curriculum.window
        seen = results[:n_calm] if stage == Stage.FOUNDATION else results[n_calm:]
        metrics = window_metrics(seen[-window:], self.score_weights)
        self.curriculum.observe(metrics, steps=steps)
        row = {
            "stage": float(stage),
            "timesteps": float(self.model.num_timesteps),
            "seconds": self.checkpoint.spent.seconds,
            "ratio": ratio,
            "best_ratio": self.best_ratio,
            "score": metrics.score,
            "completion": metrics.completion,
            "tardiness": metrics.tardiness,
            "entropy_weight": float(self.model.ent_coef),
            **self.curriculum.row(),
            **{f"reward_{name}": value for name, value in self.env.reward_parts().items()},
        }
        for name in ("approx_kl", "value_loss", "policy_gradient_loss", "entropy_loss", "explained_variance"):
            value = self.model.logger.name_to_value.get(f"train/{name}")
            if value is not None and math.isfinite(float(value)):
                row[name] = float(value)
        self.history.append(row)
        return row

    def save(self) -> None:
        """Store everything needed to go on."""
        name, keys, position, has_gauss, cached = np.random.get_state()
        self.checkpoint.save_tensors(
            PIECE,
            {
                "policy": self.policy.state_dict(),
                "optimizer": self.policy.optimizer.state_dict(),
                "best_state": self.best_state,
                "best_ratio": self.best_ratio,
                "timesteps": self.model.num_timesteps,
                "warmup_left": self.warmup_left,
                "curriculum": self.curriculum.state(),
                "history": self.history,
                "game": as_tensors(self.env.state()),
                "episode_starts": torch.from_numpy(np.array(self.model._last_episode_starts)),
                "torch_rng": torch.get_rng_state(),
                "numpy_rng": {
                    "name": str(name),
                    "keys": torch.from_numpy(np.asarray(keys, dtype=np.int64)),
                    "position": int(position),
                    "has_gauss": int(has_gauss),
                    "cached": float(cached),
                },
            },
        )

    def restore(self) -> None:
        """Go on where an earlier, killed run stopped, if there was one."""
        state: dict[str, Any] | None = self.checkpoint.load_tensors(PIECE)
        if state is None:
            return
        self.policy.load_state_dict(state["policy"])
        self.policy.optimizer.load_state_dict(state["optimizer"])
        self.best_state, self.best_ratio = state["best_state"], float(state["best_ratio"])
        self.model.num_timesteps = int(state["timesteps"])
        self.warmup_left = int(state["warmup_left"])
        self.curriculum.restore(state["curriculum"])
        self.history = list(state["history"])
        self.model._last_obs = self.env.restore(as_arrays(state["game"]))  # type: ignore[assignment]
        self.model._last_episode_starts = state["episode_starts"].numpy()
        torch.set_rng_state(state["torch_rng"])
        numpy_rng = state["numpy_rng"]
        np.random.set_state(
            (
                numpy_rng["name"],
                numpy_rng["keys"].numpy().astype(np.uint32),
                numpy_rng["position"],
                numpy_rng["has_gauss"],
                numpy_rng["cached"],
            )
        )


def fine_tune(
    actor: CandidateActor,
    setting: GameSetting,
    preset: Preset,
    *,
    seed: int,
    checkpoint: Checkpoint,
    progress: Progress | None = None,
    log_metrics: LogMetrics | None = None,
) -> FineTuned:
    """Run both stages and return the best weights seen.

    Args:
        actor: The warm start; not changed.
        seed: Of episodes, actions and minibatches.
        checkpoint: Where each chunk is stored; a stored run is continued.
    """
    tuning = _FineTuning(setting, preset, actor, seed=seed, checkpoint=checkpoint)
    tuning.restore()
    while tuning.curriculum.stage != Stage.FINISHED:
        stage = tuning.curriculum.stage
        row = tuning.chunk()
        tuning.save()
        log.info("ppo evaluated stage=%d steps=%d ratio=%.4f", stage, row["timesteps"], row["ratio"])
        if tuning.curriculum.stage != stage:
            log.info("stage ended %s", tuning.curriculum.switches[-1])
        if log_metrics is not None:
            log_metrics({f"ppo_{name}": value for name, value in row.items()}, int(row["timesteps"]))
        if progress is not None:
            share = 1.0 if tuning.curriculum.stage != stage else tuning.curriculum.share
            progress(f"stage{int(stage)}", share, f"validation {row['ratio']:.3f} of the tuned rule")
    return FineTuned(
        tuning.best_state,
        copy.deepcopy(tuning.policy.actor.state_dict()),
        tuning.best_ratio,
        int(tuning.model.num_timesteps),
        tuning.history,
        list(tuning.curriculum.switches),
    )
