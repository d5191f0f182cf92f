"""Runs of the engine: same arguments, same plan; samples stop at the deadline; the noise stays put."""

from __future__ import annotations

import time

import numpy as np
import pytest
from oracles.random_plants import random_instance

from shopfloor.domain.kpis import compute_kpis
from shopfloor.engine.actor import ActorSpec, check_weights, logits_of, zero_weights
from shopfloor.engine.arrays import Compiled, compile_instance
from shopfloor.engine.batch import BatchEngine
from shopfloor.engine.dispatch import best_of, dispatch, greedy_list, quick_cost, to_schedule
from shopfloor.engine.labelling import LabelPlan, label_decisions
from shopfloor.engine.observation import IDLE, OBSERVATION_NAMES, STATE_NAMES
from shopfloor.engine.rules import Rule, RuleSpec
from shopfloor.engine.scenario import Disturbances, realise

ROUGH = Disturbances(
    {"T1": 6.0, "T2": 9.0}, {"T1": 1.5}, duration_sigma=0.3, rush_share=0.3, rush_span_h=10.0
)


def compiled_plant(seed: int = 13) -> Compiled:
    return compile_instance(random_instance(seed, tidy=True, with_pins=False))


def finish_batch(engine: BatchEngine) -> np.ndarray:
    """Always take the rule's favourite; return the summed terms, (envs, 7)."""
    total = np.zeros((engine.n_envs, 7))
    while True:
        has_second = engine.observe().mask[:, 12]
        actions = np.stack([np.zeros(engine.n_envs), np.where(has_second, 1, IDLE)], axis=1)
        result = engine.step(actions.astype(np.int64))
        total += result.terms
        if result.done.all():
            return total


def test_the_same_seed_gives_the_same_plan_and_another_seed_another_one() -> None:
    compiled = compiled_plant()
    runs = [dispatch(compiled, RuleSpec(), temperature=2.0, seed=seed).start for seed in (7, 7, *range(20))]
    assert (runs[0] == runs[1]).all()
    assert any((runs[0] != run).any() for run in runs[2:])


@pytest.mark.parametrize("seed", range(12))
def test_a_network_of_zeros_is_the_rule_that_it_corrects(seed: int) -> None:
    compiled = compile_instance(random_instance(seed, with_pins=False))
    spec = RuleSpec(Rule.EDD)
    policy = ActorSpec(zero_weights(), spec, beta=1.0)
    assert (dispatch(compiled, policy).start == dispatch(compiled, spec).start).all()


@pytest.mark.parametrize("seed", range(12))
def test_quick_cost_is_the_weighted_tardiness_of_the_kpis(seed: int) -> None:
    instance = random_instance(seed, tidy=True)
    compiled = compile_instance(instance)
    outcome = greedy_list(compiled)
    kpis = compute_kpis(instance, to_schedule(compiled, outcome, "greedy"))
    assert quick_cost(compiled, outcome) == pytest.approx(kpis.weighted_tardiness)


def test_best_of_is_never_worse_than_the_deterministic_run_and_counts_its_runs() -> None:
    compiled = compiled_plant()
    outcome, evaluated = best_of(compiled, RuleSpec(), n=20, seed=1, temperature=1.0, deadline_s=30.0)
    assert evaluated == 20
    assert quick_cost(compiled, outcome) <= quick_cost(compiled, dispatch(compiled, RuleSpec()))


def test_best_of_stops_at_its_deadline_and_always_has_a_plan() -> None:
    compiled = compiled_plant()
    dispatch(compiled, RuleSpec())
    began = time.monotonic()
    _, evaluated = best_of(compiled, RuleSpec(), n=10**9, seed=1, deadline_s=0.1)
    assert time.monotonic() - began < 1.0
    assert evaluated > 1
    assert best_of(compiled, RuleSpec(), n=5, deadline_s=0.0)[1] == 1


def test_a_scenario_does_not_depend_on_what_is_decided() -> None:
    compiled = compiled_plant()
    first, second = realise(compiled, ROUGH, 5), realise(compiled, ROUGH, 5)
    dispatch(compiled, RuleSpec(Rule.SPT), scenario=first)
    for name, value in first.world._asdict().items():
        assert (value == getattr(second.world, name)).all()


def test_breakdowns_only_take_open_time_away() -> None:
    compiled = compiled_plant()
    world, problem = realise(compiled, ROUGH, 5).world, compiled.problem
    for machine in range(len(problem.machine)):
        minutes = []
        for cal_of, off, start, end in (
            (world.cal_of, world.cal_off, world.cal_start, world.cal_end),
            (problem.cal_of, problem.cal_off, problem.cal_start, problem.cal_end),
        ):
            rows = range(off[cal_of[machine, 0]], off[cal_of[machine, 0] + 1])
            minutes.append({minute for row in rows for minute in range(start[row], end[row])})
        assert minutes[0] <= minutes[1]


def test_levels_above_the_scenarios_are_refused() -> None:
    compiled = compiled_plant()
    levels = np.ones(compiled.n_operations, dtype=np.int64)
    with pytest.raises(ValueError, match="max_level"):
        dispatch(compiled, RuleSpec(), scenario=realise(compiled, ROUGH, 5), levels=levels)


def test_a_batch_of_favourites_costs_what_its_potential_says() -> None:
    plants = [compile_instance(random_instance(seed, with_pins=False)) for seed in (4, 5, 6)]
    engine = BatchEngine(plants, 6, rule=RuleSpec(), disturbances=ROUGH)
    for env in range(6):
        engine.reset(env, env % 3, seed=env, disturbed=env >= 3)
    before = engine._envs.last[:, 0].copy()
    total = finish_batch(engine)
    assert before - total[:, 6] == pytest.approx(engine.cost, abs=1e-6)


def test_observations_are_finite_bounded_and_masked() -> None:
    plants = [compile_instance(random_instance(seed, with_pins=False)) for seed in range(8)]
    engine = BatchEngine(plants, 8, rule=RuleSpec())
    for env in range(8):
        engine.reset(env, env, seed=env)
    seen = engine.observe()
    assert seen.local.shape == (8, len(OBSERVATION_NAMES)) == (8, 132)
    assert seen.glob.shape == (8, len(STATE_NAMES))
    assert np.isfinite(seen.local).all() and np.isfinite(seen.glob).all()
    assert np.abs(seen.local).max() <= 6.5
    assert seen.mask.any(axis=1).all()


def test_labels_price_the_rules_own_choice_at_what_the_rule_reaches() -> None:
    compiled = compiled_plant(13)
    labels = label_decisions(compiled, RuleSpec(), seed=1, plan=LabelPlan(temperature=0.0, share=1.0))
    assert len(labels.costs) > 0
    reached = quick_cost(compiled, dispatch(compiled, RuleSpec()))
    assert labels.costs[:, 0] == pytest.approx(np.full(len(labels.costs), reached))
    assert (np.isnan(labels.costs) == ~labels.masks[:, :10]).all()


def test_logits_add_the_rules_log_index_and_hide_what_is_forbidden() -> None:
    observation = np.zeros((1, 132), dtype=np.float32)
    observation[0, 38], observation[0, 47] = 0.0, -1.5
    mask = np.zeros((1, 22), dtype=bool)
    mask[0, [0, 1, 10]] = True
    logits = logits_of(ActorSpec(zero_weights(idle_bias=-7.0), beta=2.0), observation, mask)
    assert logits[0, 0, [0, 1, 10]].tolist() == [0.0, -6.0, -7.0]
    assert np.isneginf(logits[0, 0, 2:10]).all() and np.isneginf(logits[0, 1]).all()


def test_weights_that_are_not_finite_are_refused() -> None:
    weights = zero_weights()
    weights.b1[3] = np.nan
    with pytest.raises(ValueError, match="b1"):
        check_weights(weights)


def test_a_rule_without_a_look_ahead_is_refused() -> None:
    with pytest.raises(ValueError, match="k1"):
        RuleSpec(Rule.ATC, k1=0.0)


def test_a_policys_labels_price_its_own_choice_at_what_it_reaches() -> None:
    compiled = compiled_plant(13)
    rng = np.random.default_rng(3)
    random = {
        name: rng.normal(size=array.shape).astype(np.float32)
        for name, array in zero_weights(8, 4)._asdict().items()
        if not name.startswith("idle")
    }
    spec = ActorSpec(zero_weights(8, 4)._replace(**random), beta=0.0)
    labels = label_decisions(compiled, spec, seed=1, plan=LabelPlan(temperature=0.0, share=1.0))
    reached = quick_cost(compiled, dispatch(compiled, spec))
    chosen = logits_of(spec, labels.observations, labels.masks)[:, 0, :10].argmax(axis=1)
    assert len(labels.costs) > 0 and chosen.any()
    priced = labels.costs[np.arange(len(chosen)), chosen]
    alone = ~labels.masks[:, 11:21].any(axis=1)  # with a second machine the other head chooses too
    assert priced[alone] == pytest.approx(np.full(int(alone.sum()), reached))
    cut = label_decisions(compiled, spec, seed=1, plan=LabelPlan(temperature=0.0, share=1.0, horizon_h=1e6))
    assert cut.costs == pytest.approx(labels.costs, nan_ok=True)


def test_a_batch_goes_on_exactly_where_its_snapshot_was_taken() -> None:
    plants = [compile_instance(random_instance(seed, with_pins=False)) for seed in range(4)]

    def fresh() -> BatchEngine:
        return BatchEngine(plants, 4, rule=RuleSpec(), disturbances=ROUGH)

    def play(engine: BatchEngine, steps: int) -> list[np.ndarray]:
        seen = []
        for _ in range(steps):
            engine.step(np.tile([0, 10], (4, 1)))
            seen.append(engine.observe().local.copy())
        return seen

    unbroken, resumed = fresh(), fresh()
    for env in range(4):
        unbroken.reset(env, env, seed=env, disturbed=env % 2 == 1)
    play(unbroken, 3)
    resumed.restore(unbroken.snapshot())
    assert (resumed.observe().mask == unbroken.observe().mask).all()
    for ours, theirs in zip(play(resumed, 6), play(unbroken, 6), strict=True):
        assert (ours == theirs).all()
    with pytest.raises(ValueError, match="environments"):
        BatchEngine(plants, 2, rule=RuleSpec()).restore(unbroken.snapshot())
