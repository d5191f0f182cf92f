"""Tuning the rules: never worse than the textbook, the same for the same seed."""

import pytest
from learning_plants import random_instance

from shopfloor.engine.arrays import compile_instance
from shopfloor.engine.rules import Rule
from shopfloor.training.presets import TunePreset
from shopfloor.training.tune_rules import TunedRules, mean_cost, tune_rules

BUDGET = TunePreset(n_instances=4, n_trials=12, n_refinements=4)
PROBLEMS = [compile_instance(random_instance(seed)) for seed in range(4)]


def test_a_tuned_rule_is_never_worse_than_its_textbook_and_the_best_comes_first() -> None:
    tuned = tune_rules(PROBLEMS, budget=BUDGET, seed=1)
    assert all(item.score <= item.textbook_score for item in tuned.rules)
    scores = [item.score for item in tuned.rules]
    assert scores == sorted(scores)
    assert tuned.best is tuned.rules[0].spec
    assert mean_cost(PROBLEMS, tuned.best) == pytest.approx(scores[0])
    by_rule = {item.spec.rule: item for item in tuned.rules}
    assert by_rule[Rule.ATCS].score < by_rule[Rule.FIFO].score
    assert by_rule[Rule.FIFO].n_trials == 1


def test_the_same_seed_tunes_alike_and_rows_keep_everything() -> None:
    first, second = (tune_rules(PROBLEMS, budget=BUDGET, seed=5) for _ in range(2))
    assert first == second
    assert TunedRules.from_rows(first.as_rows()) == first


def test_tuning_on_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no instance"):
        tune_rules([], budget=BUDGET, seed=0)
