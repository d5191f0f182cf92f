"""Rollout labels: exact differences, spread over calm and disturbed instances, the same for the same seed."""

import numpy as np
import pytest
from learning_plants import random_instance

from shopfloor.engine.rules import Rule, RuleSpec
from shopfloor.engine.scenario import Disturbances
from shopfloor.training.bank import Bank, compiled_bank
from shopfloor.training.labels import NothingToLearn, joined, make_labels, require_labels
from shopfloor.training.presets import LabelsPreset
from shopfloor.training.warm_start import LabelledStates

RULE = RuleSpec(Rule.ATCS)
ROUGH = Disturbances(duration_sigma=0.2)
BANK = compiled_bank([random_instance(seed) for seed in range(3)], [])


def labels(seed: int, *, share: float = 0.5, bank: Bank = BANK) -> LabelledStates:
    preset = LabelsPreset(n_episodes=6, label_share=1.0, dynamic_share=share)
    return make_labels(bank, RULE, preset, disturbances=ROUGH, seed=seed)


def test_every_label_has_a_best_candidate_at_zero_and_one_that_costs_more() -> None:
    made = labels(0)
    assert len(made) > 20
    assert (np.nanmin(made.cost, axis=1) == 0).all()
    assert (np.nanmax(made.cost, axis=1) > 0).all()
    assert np.isnan(made.cost[:, 10]).all()


def test_the_disturbed_share_of_the_episodes_is_labelled_as_such() -> None:
    assert set(labels(0).group.tolist()) == {0, 1}
    assert set(labels(0, share=0.0).group.tolist()) == {0}


def test_the_same_seed_makes_the_same_labels() -> None:
    first, second, other = labels(1), labels(1), labels(2)
    for name, array in first.arrays().items():
        assert np.array_equal(array, second.arrays()[name], equal_nan=name == "cost")
    assert len(first) != len(other) or not np.array_equal(first.local, other.local)


def test_instances_without_a_choice_teach_nothing() -> None:
    with pytest.raises(NothingToLearn):
        require_labels(labels(0, bank=compiled_bank([random_instance(0, n_jobs=1)], [])))


def test_labels_made_in_parts_are_the_labels_made_at_once() -> None:
    preset = LabelsPreset(n_episodes=6, label_share=1.0, dynamic_share=0.5)
    parts = [
        make_labels(BANK, RULE, preset, disturbances=ROUGH, seed=1, episodes=episodes)
        for episodes in (range(0, 2), range(2, 6))
    ]
    whole, pieces = labels(1), joined(parts)
    assert np.array_equal(whole.local, pieces.local)
    assert np.array_equal(whole.cost, pieces.cost, equal_nan=True)
