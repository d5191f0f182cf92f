"""Make rollout labels: price each candidate of some decisions by forcing it and finishing with the rule.

Forks of one decision share instance and noise, so a difference in cost is caused by the decision. Calm
rollouts run to the end; disturbed ones are cut, because beyond a day or so the difference is chaos
(measured). Decisions where all candidates cost the same teach nothing and are dropped.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

import numpy as np

from shopfloor.domain.errors import ShopfloorError
from shopfloor.engine.batch import LabelPlan, label_decisions
from shopfloor.engine.rules import RuleSpec
from shopfloor.engine.scenario import Disturbances, realise
from shopfloor.policies.distribution import N_CHOICES
from shopfloor.training.bank import Bank
from shopfloor.training.presets import LabelsPreset
from shopfloor.training.warm_start import LabelledStates

log = logging.getLogger(__name__)

LABEL_SEED: Final = 500_000
_EQUAL: Final = 1e-6


class NothingToLearn(ShopfloorError, ValueError):
    """No decision of the training instances makes any difference."""


def make_labels(
    bank: Bank,
    rule: RuleSpec,
    preset: LabelsPreset,
    *,
    disturbances: Disturbances,
    seed: int,
    progress: Callable[[float, str], None] | None = None,
) -> LabelledStates:
    """Return labelled decisions of `preset.n_episodes` episodes, instance after instance.

    Args:
        rule: Drives the episodes (with noise) and finishes the rollouts (without).
        disturbances: Of the disturbed share.

    Raises:
        NothingToLearn: No labelled decision made a difference.
    """
    local, cost, group = [], [], []
    for episode in range(preset.n_episodes):
        is_disturbed = _is_disturbed(episode, preset.dynamic_share)
        problems = bank.dynamic if is_disturbed else bank.calm
        problem = problems[episode % len(problems)]
        episode_seed = LABEL_SEED + 100_003 * seed + episode
        labels = label_decisions(
            problem,
            rule,
            seed=episode_seed,
            scenario=realise(problem, disturbances, episode_seed) if is_disturbed else None,
            plan=LabelPlan(
                temperature=preset.behaviour_temperature,
                share=preset.label_share,
                horizon_h=preset.dynamic_horizon_h if is_disturbed else 0.0,
            ),
        )
        priced = np.full((len(labels.costs), N_CHOICES), np.nan, dtype=np.float32)
        # float32 keeps 7 digits and a decision moves the 4th: store what is above the best, not the total
        priced[:, :-1] = labels.costs - np.nanmin(labels.costs, axis=1, keepdims=True) if len(priced) else 0
        matters = np.nanmax(priced, axis=1) > _EQUAL if len(priced) else np.zeros(0, dtype=bool)
        local.append(labels.observations[matters])
        cost.append(priced[matters])
        group.append(np.full(int(matters.sum()), int(is_disturbed), dtype=np.int8))
        if progress is not None and episode % 8 == 7:
            progress((episode + 1) / preset.n_episodes, f"{sum(map(len, local))} decisions labelled")
    states = LabelledStates(np.concatenate(local), np.concatenate(cost), np.concatenate(group))
    if not len(states):
        raise NothingToLearn(
            f"no decision made any difference in {preset.n_episodes} episodes\n"
            "hint: train on instances with queues, or raise label_share"
        )
    log.info("labels made n=%d episodes=%d", len(states), preset.n_episodes)
    return states


def _is_disturbed(episode: int, share: float) -> bool:
    """Spread the disturbed episodes evenly."""
    return int((episode + 1) * share + 1e-9) > int(episode * share + 1e-9)
