"""A rule's run on ranked queues against the same rule with a scan of the whole queue, start by start.

The instances are large enough for long queues, where the oracle that counts minutes would take hours.
"""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.our_cases import job_shop_instance, random_job_shop
from shopfloor.domain.instance import Instance
from shopfloor.engine import layout as at
from shopfloor.engine.arrays import Compiled, compile_instance
from shopfloor.engine.episode import Episode, new_state
from shopfloor.engine.kernel.events import begin, finish, next_decision
from shopfloor.engine.kernel.rules import rule_step
from shopfloor.engine.layout import Ints, OpStatus
from shopfloor.engine.rules import Rule, RuleSpec
from shopfloor.engine.scenario import Disturbances, Scenario, nominal_world, realise
from shopfloor.twin.fit import fit_twin
from shopfloor.twin.generate import generate_plant
from shopfloor.twin.model import TwinModel
from shopfloor.twin.plant_spec import DEFAULT_AS_OF, DEFAULT_SPEC
from shopfloor.twin.sample import sample_instance

RULES = [rule for rule in Rule if rule != Rule.RANDOM]
ROUGH = Disturbances(duration_sigma=0.3, rush_share=0.2)
SEED = 5
STARTS = [at.ST_STATUS, at.ST_SLOT, at.ST_START, at.ST_END, at.ST_CODE]


@pytest.fixture(scope="module")
def twin() -> TwinModel:
    return fit_twin(generate_plant(DEFAULT_SPEC, seed=0), as_of=DEFAULT_AS_OF, plant_tz=DEFAULT_SPEC.plant_tz)


def stubborn(instance: Instance, seed: int, share: float = 0.2) -> Instance:
    """Return the instance with a share of its operations not interruptible, where they are short."""
    draw = random.Random(seed)
    return replace(
        instance,
        operations=tuple(
            replace(operation, is_interruptible=False)
            if draw.random() < share and operation.processing_minutes < 240
            else operation
            for operation in instance.operations
        ),
    )


def scanned(
    compiled: Compiled, spec: RuleSpec, levels: Ints, scenario: Scenario | None, temperature: float = 0.0
) -> Ints:
    """Return what a run answers that looks at every waiting operation at every decision."""
    world = nominal_world(compiled) if scenario is None else scenario.world
    state = new_state(compiled, world)
    play = (compiled.problem, world, state, levels)
    rule = (int(spec.rule), spec.parameters(), temperature, SEED)
    begin(*play, int(scenario is not None))
    while (centre := next_decision(*play)) >= 0:
        rule_step(*play, centre, *rule)
    finish(compiled.problem, state)
    return state.op[:, STARTS]


def ranked(
    compiled: Compiled, spec: RuleSpec, levels: Ints, scenario: Scenario | None, temperature: float = 0.0
) -> Ints:
    """Return what a run answers, the second on the same memory."""
    episode = Episode(compiled, spec, scenario=scenario, levels=levels)
    episode.run(0.0, 0)
    episode.run(temperature, SEED)
    return episode.state.op[:, STARTS]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("parameters", [(2.0, 0.5, 1.0), (0.3, 4.0, 0.4)])
def test_ranking_starts_what_a_scan_of_the_queue_would_start(
    twin: TwinModel, rule: Rule, parameters: tuple[float, float, float]
) -> None:
    compiled = compile_instance(sample_instance(twin, seed=int(rule), n_operations=1500))
    levels = np.zeros(compiled.n_operations, dtype=np.int64)
    spec = RuleSpec(rule, *parameters)
    assert (ranked(compiled, spec, levels, None) == scanned(compiled, spec, levels, None)).all()


@pytest.mark.parametrize("rule", RULES)
def test_ranking_is_exact_with_overtime_and_work_that_may_not_pause(twin: TwinModel, rule: Rule) -> None:
    instance = stubborn(sample_instance(twin, seed=20 + int(rule), n_operations=900), seed=1)
    compiled = compile_instance(instance)
    levels = np.random.default_rng(3).choice([0, 0, 1, 2], compiled.n_operations)
    spec = RuleSpec(rule, 1.3, 0.7, 0.8)
    assert (ranked(compiled, spec, levels, None) == scanned(compiled, spec, levels, None)).all()


@pytest.mark.parametrize("rule", RULES)
def test_ranking_is_exact_when_machines_fail_and_jobs_arrive(twin: TwinModel, rule: Rule) -> None:
    instance = stubborn(sample_instance(twin, seed=40 + int(rule), n_operations=900, dynamic=True), seed=2)
    compiled = compile_instance(instance)
    failing = replace(ROUGH, mtbf_h=dict.fromkeys(compiled.work_centres, 40.0))
    levels = np.zeros(compiled.n_operations, dtype=np.int64)
    scenario = realise(compiled, failing, seed=int(rule))
    spec = RuleSpec(rule, 1.3, 0.7, 0.8)
    assert (ranked(compiled, spec, levels, scenario) == scanned(compiled, spec, levels, scenario)).all()


@pytest.mark.parametrize("rule", RULES)
def test_a_sample_is_exact_while_no_family_has_a_long_queue(twin: TwinModel, rule: Rule) -> None:
    compiled = compile_instance(sample_instance(twin, seed=60 + int(rule), n_operations=700))
    levels = np.zeros(compiled.n_operations, dtype=np.int64)
    spec = RuleSpec(rule, 1.3, 0.7, 0.8)
    sample = ranked(compiled, spec, levels, None, 0.5)
    assert (sample == scanned(compiled, spec, levels, None, 0.5)).all()
    assert (sample != ranked(compiled, spec, levels, None)).any()


@pytest.mark.parametrize("rule", RULES)
def test_ranking_is_exact_with_more_slots_than_bits_and_few_due_dates(twin: TwinModel, rule: Rule) -> None:
    instance = stubborn(sample_instance(twin, seed=80 + int(rule), n_operations=900), seed=4)
    wide = instance.plant.machines[0]
    machines = (replace(wide, capacity=70), *instance.plant.machines[1:])
    jobs = tuple(
        replace(job, due=job.due // 7200 * 7200, weight=float(i % 2 + 1))
        for i, job in enumerate(instance.jobs)
    )
    instance = replace(instance, plant=replace(instance.plant, machines=machines), jobs=jobs)
    compiled = compile_instance(instance)
    assert (compiled.problem.slot[:, at.SLOT_BIT] == 0).sum() >= 70
    levels = np.zeros(compiled.n_operations, dtype=np.int64)
    spec = RuleSpec(rule, 1.3, 0.7, 0.8)
    assert (ranked(compiled, spec, levels, None) == scanned(compiled, spec, levels, None)).all()


@pytest.mark.parametrize("rule", RULES)
def test_ranking_is_exact_with_more_work_centres_than_bits(rule: Rule) -> None:
    compiled = compile_instance(job_shop_instance(random_job_shop(9, 70, seed=int(rule))))
    levels = np.zeros(compiled.n_operations, dtype=np.int64)
    answer = ranked(compiled, RuleSpec(rule), levels, None)
    assert (answer[:, 0] == OpStatus.DONE).all()
    assert (answer == scanned(compiled, RuleSpec(rule), levels, None)).all()


def test_an_instance_beyond_its_horizon_leaves_out_what_a_scan_leaves_out(twin: TwinModel) -> None:
    compiled = compile_instance(sample_instance(twin, seed=7, n_operations=4500))
    levels = np.zeros(compiled.n_operations, dtype=np.int64)
    answer = ranked(compiled, RuleSpec(), levels, None)
    assert (answer[:, 4] > 0).any()
    assert (answer == scanned(compiled, RuleSpec(), levels, None)).all()


def test_a_group_holds_operations_of_one_family_with_the_same_slots(twin: TwinModel) -> None:
    problem = compile_instance(sample_instance(twin, seed=3, n_operations=800)).problem
    waits = np.flatnonzero(problem.op[:, at.OP_GROUP] >= 0)
    for group, row in enumerate(problem.group):
        members = waits[problem.op[waits, at.OP_GROUP] == group]
        assert len(members) == row[at.GROUP_HI] - row[at.GROUP_LO]
        shapes = {
            (
                int(problem.op[i, at.OP_WC]),
                int(problem.op[i, at.OP_FAMILY]),
                tuple(problem.elig[problem.op[i, at.OP_ELIG_LO] : problem.op[i, at.OP_ELIG_HI], 0].tolist()),
            )
            for i in members
        }
        assert len(shapes) == 1
