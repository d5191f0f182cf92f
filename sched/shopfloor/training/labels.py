"""Make rollout labels: price each candidate of some decisions by forcing it and letting somebody finish.

Forks of one decision share instance and noise, so a difference in cost is caused by the decision. Rollouts are
cut after some days: later differences are chaos more than consequence. Decisions where all candidates cost the
same teach nothing and are dropped.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np

from shopfloor.domain.errors import ShopfloorError
from shopfloor.engine.actor import ActorSpec
from shopfloor.engine.labelling import LabelPlan, label_decisions
from shopfloor.engine.rules import RuleSpec
from shopfloor.engine.scenario import Disturbances, realise
from shopfloor.policies.distribution import IDLE, N_CHOICES
from shopfloor.training.bank import Bank
from shopfloor.training.presets import LabelsPreset
from shopfloor.training.warm_start import LabelledStates

log = logging.getLogger(__name__)

LABEL_SEED: Final = 500_000
N_THREADS: Final = 2
"""Episodes labelled side by side; the kernels release the interpreter's lock."""
_EQUAL: Final = 1e-6


class NothingToLearn(ShopfloorError, ValueError):
    """No decision of the training instances makes any difference."""


def make_labels(
    bank: Bank,
    policy: RuleSpec | ActorSpec,
    preset: LabelsPreset,
    *,
    disturbances: Disturbances,
    seed: int,
    episodes: range | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> LabelledStates:
    """Return labelled decisions, instance after instance; there may be none.

    Args:
        policy: Drives the episodes (with noise) and finishes the rollouts (without).
        disturbances: Of the disturbed share.
        episodes: Numbers of the episodes to label; None = the first `preset.n_episodes`. Parts add up to the
            whole.
        progress: Called with (share of these episodes done, message).
    """
    numbers = range(preset.n_episodes) if episodes is None else episodes

    done: list[LabelledStates] = []
    n_labels = 0
    with ThreadPoolExecutor(N_THREADS) as pool:
        pending = [
            pool.submit(_label_episode, episode, bank, policy, preset, (disturbances, seed))
            for episode in numbers
        ]
        for place, future in enumerate(pending, start=1):
            done.append(future.result())
            n_labels += len(done[-1])
            if progress is not None and (place % 8 == 0 or place == len(numbers)):
                progress(place / len(numbers), f"{n_labels} decisions labelled")
    log.info("labels made n=%d episodes=%d", n_labels, len(numbers))
    return joined(done)


def joined(parts: Sequence[LabelledStates]) -> LabelledStates:
    """Return all labels, in the order of the parts (at least one)."""
    return LabelledStates(
        np.concatenate([part.local for part in parts]),
        np.concatenate([part.cost for part in parts]),
        np.concatenate([part.group for part in parts]),
    )


def require_labels(labels: LabelledStates) -> LabelledStates:
    """Return the labels.

    Raises:
        NothingToLearn: There is none.
    """
    if not len(labels):
        raise NothingToLearn(
            "no labelled decision made any difference: 0 labels\n"
            "hint: train on instances with queues, or raise label_share"
        )
    return labels


def _label_episode(
    episode: int,
    bank: Bank,
    policy: RuleSpec | ActorSpec,
    preset: LabelsPreset,
    noise: tuple[Disturbances, int],
) -> LabelledStates:
    """Label one episode; `noise` is (disturbances, seed of the training)."""
    disturbances, seed = noise
    n_disturbed = _n_disturbed(episode, preset.dynamic_share)
    is_disturbed = _n_disturbed(episode + 1, preset.dynamic_share) > n_disturbed
    if is_disturbed:
        problem = bank.dynamic[n_disturbed % len(bank.dynamic)]
    else:
        problem = bank.calm[(episode - n_disturbed) % len(bank.calm)]
    episode_seed = LABEL_SEED + 100_003 * seed + episode
    labels = label_decisions(
        problem,
        policy,
        seed=episode_seed,
        scenario=realise(problem, disturbances, episode_seed) if is_disturbed else None,
        plan=LabelPlan(
            temperature=preset.behaviour_temperature,
            share=preset.label_share,
            horizon_h=preset.horizon_h,
        ),
    )
    # float32 keeps 7 digits and a decision moves the 4th: keep what is above the best, not the total
    above = np.full((len(labels.costs), N_CHOICES), np.nan, dtype=np.float32)
    above[:, :IDLE] = labels.costs - np.nanmin(labels.costs, axis=1, initial=np.inf, keepdims=True)
    matters = np.nanmax(above, axis=1, initial=0.0) > _EQUAL
    group = np.full(int(matters.sum()), int(is_disturbed), dtype=np.int8)
    return LabelledStates(labels.observations[matters], above[matters], group)


def _n_disturbed(episode: int, share: float) -> int:
    """Return how many of the first episodes are disturbed: evenly spread."""
    return int(episode * share + 1e-9)
