"""Key figures of an episode against figures worked out by hand and by the domain; the score is their weighted mean."""

from dataclasses import replace

import numpy as np
import pytest
from learning_plants import DAY, random_instance

from shopfloor.domain.kpis import compute_kpis
from shopfloor.engine.arrays import compile_instance
from shopfloor.engine.dispatch import dispatch, to_schedule
from shopfloor.engine.rules import Rule, RuleSpec
from shopfloor.envs.score import EpisodeKpis, ScoreWeights, episode_kpis, score, score_parts

RULE = EpisodeKpis(20.0, 10.0, 5.0, 0.5, 8.0, 1.0)


@pytest.mark.parametrize("seed", range(4))
def test_the_figures_are_those_of_the_domain(seed: int) -> None:
    instance = random_instance(seed)
    compiled = compile_instance(instance)
    outcome = dispatch(compiled, RuleSpec(Rule.SPT))
    schedule = to_schedule(compiled, outcome, "rule:SPT")
    kpis = compute_kpis(instance, schedule)
    ours = episode_kpis(compiled, outcome)
    assert ours.weighted_tardiness == pytest.approx(kpis.weighted_tardiness)
    assert ours.total_tardiness == pytest.approx(kpis.mean_tardiness_days * len(instance.jobs))
    assert ours.makespan == pytest.approx(kpis.makespan_days)
    assert ours.completed_jobs == len(instance.jobs) and ours.completion == 1.0
    last = max(item.end for item in schedule.operations)
    open_minutes = sum(time.work_between(0, last, 0) for time in instance.open_time.values())
    run = sum(item.run_minutes for item in schedule.operations)
    assert ours.utilisation == pytest.approx(run / open_minutes)


def test_an_operation_without_a_place_is_not_done_and_late_to_the_horizon() -> None:
    instance = random_instance(0, n_jobs=6)
    shut = replace(
        instance,
        open_time={
            name: time.without([(0, 200 * DAY)]) if name == "M10" else time
            for name, time in instance.open_time.items()
        },
    )
    compiled = compile_instance(shut)
    ours = episode_kpis(compiled, dispatch(compiled, RuleSpec(Rule.SPT)))
    stuck = {item.job_id for item in shut.operations if item.machine_type == "WC1"}
    assert stuck
    assert ours.completed_jobs == len(shut.jobs) - len(stuck)
    assert ours.completion < 1.0
    assert ours.total_tardiness > 50 * len(stuck)


def test_the_rule_itself_scores_one() -> None:
    assert score([RULE, RULE], [RULE, RULE]) == pytest.approx(1.0)


def test_the_score_is_the_weighted_mean_of_gains_of_sums() -> None:
    ours = EpisodeKpis(1.0, 5.0, 4.0, 0.75, 4.0, 1.0)
    parts = score_parts([ours], [RULE])
    assert parts == pytest.approx(
        {"total_tardiness": 2.0, "makespan": 1.25, "utilisation": 1.5, "completed_jobs": 0.5}
    )
    weights = ScoreWeights(total_tardiness=2.0, makespan=1.0, utilisation=1.0, completed_jobs=0.0)
    assert score([ours], [RULE], weights) == pytest.approx((2 * 2.0 + 1.25 + 1.5) / 4)


def test_a_gain_is_at_most_two_and_two_zeros_are_equal() -> None:
    early = RULE._replace(total_tardiness=0.0)
    assert score_parts([early], [RULE])["total_tardiness"] == 2.0
    assert score_parts([early], [early])["total_tardiness"] == 1.0
    assert score_parts([RULE], [early])["total_tardiness"] == 0.0


def test_what_cannot_be_scored_is_refused() -> None:
    with pytest.raises(ValueError, match="as many episodes"):
        score([RULE], [])
    with pytest.raises(ValueError, match="not all 0"):
        ScoreWeights(0.0, 0.0, 0.0, 0.0)
    with pytest.raises(ValueError, match=">= 0"):
        ScoreWeights(makespan=-1.0)
    assert np.isfinite(score([RULE], [RULE]))
