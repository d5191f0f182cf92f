"""What was known and what turned out: two views that must tell one story."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from evaluation_cases import tiny_instance

from shopfloor.domain.errors import InvalidInstance
from shopfloor.engine.arrays import compile_instance
from shopfloor.engine.dispatch import dispatch, greedy_list
from shopfloor.engine.rules import Rule, RuleSpec
from shopfloor.engine.scenario import Disturbances, realise
from shopfloor.evaluation.contestant import (
    ClairvoyantSampling,
    Contestant,
    Sampling,
    by_name,
    greedy,
    textbook_rules,
    tuned_rules,
)
from shopfloor.evaluation.world import happened, scenario_of, turned_out

ROUGH = Disturbances(mtbf_h={"MILL": 20.0}, mttr_h={"MILL": 6.0}, duration_sigma=0.3, rush_share=0.3)


def test_a_world_that_turns_out_as_planned_changes_no_plan() -> None:
    instance = tiny_instance(has_commitment=True)
    compiled = compile_instance(instance)
    planned = dispatch(compiled, RuleSpec(Rule.ATC))
    lived = dispatch(compiled, RuleSpec(Rule.ATC), scenario=scenario_of(compiled, instance))
    assert np.array_equal(planned.start, lived.start)
    assert np.array_equal(planned.end, lived.end)


def test_an_operation_that_took_twice_as_long_ends_later_but_starts_the_same() -> None:
    instance = tiny_instance(n_jobs=1)
    longer = tuple(replace(o, processing_minutes=2 * o.processing_minutes) for o in instance.operations[:1])
    real = replace(instance, operations=longer + instance.operations[1:])
    compiled = compile_instance(instance)
    planned = dispatch(compiled, RuleSpec(Rule.EDD))
    lived = dispatch(compiled, RuleSpec(Rule.EDD), scenario=scenario_of(compiled, real))
    assert lived.start[0] == planned.start[0]
    assert lived.run[0] >= 2 * planned.run[0] - 1
    assert lived.start[1] >= lived.end[0]


def test_other_operations_cannot_turn_out() -> None:
    compiled = compile_instance(tiny_instance(n_jobs=3))
    with pytest.raises(InvalidInstance, match="hint:"):
        scenario_of(compiled, tiny_instance(n_jobs=2))


@pytest.mark.parametrize("seed", range(5))
def test_a_drawn_scenario_survives_the_way_to_the_domain_and_back(seed: int) -> None:
    compiled = compile_instance(tiny_instance(seed, has_commitment=True))
    scenario = realise(compiled, ROUGH, seed)
    world = turned_out(compiled, scenario)
    again = compile_instance(world).problem
    nominal = compiled.problem
    assert np.all(np.abs(again.elig[:, 1] - scenario.world.run) <= 2)
    for machine in range(len(nominal.machine)):
        ours = again.cal_of[machine, 0]
        theirs = scenario.world.cal_of[machine, 0]
        assert np.array_equal(
            again.cal_start[again.cal_off[ours] : again.cal_off[ours + 1]],
            scenario.world.cal_start[scenario.world.cal_off[theirs] : scenario.world.cal_off[theirs + 1]],
        )


def test_committed_operations_end_in_what_happened_when_they_really_ended() -> None:
    compiled = compile_instance(tiny_instance(has_commitment=True))
    scenario = realise(compiled, ROUGH, 3)
    lived = happened(compiled, dispatch(compiled, RuleSpec(Rule.FIFO), scenario=scenario), "x")
    item = lived.by_operation["J0_P01"]
    assert item.is_committed
    assert item.end == scenario.world.res_end[0]


def test_samples_on_a_hidden_future_are_refused() -> None:
    compiled = compile_instance(tiny_instance())
    sampler = Contestant("tuned ATC best of 8", RuleSpec(Rule.ATC), Sampling(8, 0.3, 1.0))
    sampler.play(compiled)
    with pytest.raises(ClairvoyantSampling, match="hidden future"):
        sampler.play(compiled, scenario=realise(compiled, ROUGH, 0))


def test_greedy_is_the_plants_list_where_all_is_known_and_event_driven_where_not() -> None:
    compiled = compile_instance(tiny_instance())
    scenario = realise(compiled, ROUGH, 1)
    assert np.array_equal(greedy().play(compiled).start, greedy_list(compiled).start)
    expected = dispatch(compiled, RuleSpec(Rule.GREEDY_DISPATCH), scenario=scenario)
    assert np.array_equal(greedy().play(compiled, scenario=scenario).start, expected.start)


def test_a_contestants_hash_is_of_what_it_does_not_of_its_name() -> None:
    first = Contestant("a", RuleSpec(Rule.ATC, k1=2.0))
    assert first.content_hash == Contestant("b", RuleSpec(Rule.ATC, k1=2.0)).content_hash
    others = [
        Contestant("a", RuleSpec(Rule.ATC, k1=2.1)),
        Contestant("a", RuleSpec(Rule.ATCS, k1=2.0)),
        Contestant("a", RuleSpec(Rule.ATC, k1=2.0), Sampling(2, 0.1, 1.0)),
        greedy(),
    ]
    assert len({first.content_hash, *(other.content_hash for other in others)}) == 5


def test_tuned_and_textbook_rules_have_names_of_their_own() -> None:
    players = by_name([greedy(), *textbook_rules(), *tuned_rules([RuleSpec(Rule.ATC, k1=0.7)])])
    assert {"greedy", "textbook ATC", "tuned ATC"} <= players.keys()
    with pytest.raises(ValueError, match="share a name"):
        by_name([greedy(), greedy()])
