"""Planning again at every event: valid, repeatable, and blind to everything that has not happened yet."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from evaluation_cases import tiny_instance
from learning_plants import random_instance

from shopfloor.domain.instance import Instance
from shopfloor.engine import layout as at
from shopfloor.engine.actor import ActorSpec, zero_weights
from shopfloor.engine.arrays import Compiled, compile_instance
from shopfloor.engine.dispatch import Outcome, dispatch, quick_cost
from shopfloor.engine.rules import Rule, RuleSpec
from shopfloor.engine.scenario import Disturbances, Scenario, realise
from shopfloor.evaluation.replanning import Account, ReplanSettings, When, replan
from shopfloor.evaluation.scoring import Arena, enter
from shopfloor.twin.bank import SuiteCase

RULE = RuleSpec(Rule.ATC)
POLICY = ActorSpec(zero_weights(8, 8), RULE)
ROUGH = Disturbances(
    mtbf_h={"WC0": 40.0, "WC1": 40.0, "WC2": 40.0, "MILL": 20.0},
    mttr_h={"MILL": 6.0},
    duration_sigma=0.3,
    rush_share=0.4,
)
SETTINGS = {
    "always": ReplanSettings(300, RULE, when=When.ALWAYS),
    "events": ReplanSettings(300, RULE, when=When.EVENTS, waits=False),
    "arrivals": ReplanSettings(300, RULE, POLICY, when=When.ARRIVALS),
    "futures": ReplanSettings(300, RULE, POLICY, n_futures=3),
}


def played(compiled: Compiled, scenario: Scenario, settings: ReplanSettings) -> tuple[Outcome, Account]:
    return replan(compiled, scenario, ROUGH, settings, seed=1)


def another_future(compiled: Compiled, scenario: Scenario, lived: Outcome, minute: int) -> Scenario:
    """Return a scenario that differs from a lived one in everything that is not known at a minute."""
    world, other = scenario.world, realise(compiled, ROUGH, scenario.seed + 1000).world
    problem = compiled.problem
    run = world.run.copy()
    for op in np.flatnonzero(lived.end > minute):
        pairs = slice(problem.op[op, at.OP_ELIG_LO], problem.op[op, at.OP_ELIG_HI])
        has_begun = lived.start[op] < minute
        run[pairs] = run[pairs] * 3 if has_begun else other.run[pairs]
    arrival = np.where(world.arrival > minute, np.maximum(minute + 1, world.arrival // 2), world.arrival)
    starts, ends = world.cal_start.copy(), world.cal_end.copy()
    later = starts > minute
    starts[later] += 17
    lengths = ends - starts
    cum = np.concatenate(
        [
            np.cumsum(lengths[lo:hi]) - lengths[lo:hi]
            for lo, hi in zip(world.cal_off[:-1], world.cal_off[1:], strict=True)
        ]
    )
    changed = world._replace(run=run, arrival=arrival, cal_start=starts, cal_cum=cum)
    return replace(scenario, world=changed)


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("seed", range(4))
def test_nothing_that_happens_later_changes_what_was_decided_before(name: str, seed: int) -> None:
    compiled = compile_instance(random_instance(seed, n_jobs=15))
    scenario = realise(compiled, ROUGH, seed)
    lived, _ = played(compiled, scenario, SETTINGS[name])
    n_changed = 0
    for share in (0.25, 0.5, 0.75):
        minute = int(np.quantile(lived.start, share))
        other, _ = played(compiled, another_future(compiled, scenario, lived, minute), SETTINGS[name])
        early = lived.start < minute
        assert early.any()
        assert np.array_equal(other.start[early], lived.start[early])
        assert np.array_equal(other.slot[early], lived.slot[early])
        assert (other.start[~early] >= minute).all()
        n_changed += int((other.start[~early] != lived.start[~early]).sum())
    assert n_changed > 0


def arena_of(instance: Instance, seed: int) -> Arena:
    return enter(SuiteCase(f"case-{seed}", instance, ROUGH, seed))


@pytest.mark.parametrize("name", SETTINGS)
def test_what_happened_is_valid_in_the_world_as_it_turned_out(name: str) -> None:
    for seed in range(3):
        for instance in (random_instance(seed, n_jobs=12), tiny_instance(seed, has_commitment=True)):
            arena = arena_of(instance, seed)
            assert arena.scenario is not None
            lived, _ = played(arena.compiled, arena.scenario, SETTINGS[name])
            assert lived.is_scheduled.all()
            assert arena.violations(arena.schedule_of(lived, name)) == []


def test_the_same_seed_lives_the_same_week() -> None:
    compiled = compile_instance(random_instance(5))
    scenario = realise(compiled, ROUGH, 5)
    first, account = played(compiled, scenario, SETTINGS["futures"])
    again, _ = played(compiled, scenario, SETTINGS["futures"])
    assert np.array_equal(first.start, again.start)
    assert sum(account.followed.values()) == account.n_plannings


def test_rarer_events_plan_less_often() -> None:
    compiled = compile_instance(random_instance(6))
    scenario = realise(compiled, ROUGH, 6)
    counts = []
    for when in (When.ALWAYS, When.EVENTS, When.ARRIVALS):
        _, account = played(compiled, scenario, ReplanSettings(50, RULE, when=when))
        assert account.n_plannings <= account.n_moments
        counts.append(account.n_plannings / account.n_moments)
    assert counts[0] == 1.0
    assert counts[0] > counts[1] > counts[2] > 0.0


def test_where_all_is_known_and_goes_as_planned_planning_again_never_loses_to_its_rule() -> None:
    for seed in range(4):
        compiled = compile_instance(random_instance(seed))
        calm = realise(compiled, Disturbances(), seed)
        lived, _ = replan(compiled, calm, Disturbances(), ReplanSettings(500, RULE))
        assert quick_cost(compiled, lived) <= quick_cost(compiled, dispatch(compiled, RULE)) + 1e-9


def test_on_mild_noise_the_search_wins_over_its_rule() -> None:
    ours = theirs = 0.0
    mild = Disturbances(duration_sigma=0.05)
    for seed in range(6):
        compiled = compile_instance(random_instance(seed))
        scenario = realise(compiled, mild, seed)
        ours += quick_cost(compiled, replan(compiled, scenario, mild, ReplanSettings(3000, RULE))[0])
        theirs += quick_cost(compiled, dispatch(compiled, RULE, scenario=scenario))
    assert ours < 0.98 * theirs


def test_who_has_no_moves_follows_the_cheaper_of_its_plan_and_the_rules() -> None:
    compiled = compile_instance(random_instance(7))
    calm = realise(compiled, Disturbances(), 7)
    lived, account = replan(compiled, calm, Disturbances(), ReplanSettings(0, RULE))
    assert np.array_equal(lived.start, dispatch(compiled, RULE).start)
    assert account.facts()["followed_plan"] == account.n_plannings
