"""What is known at a minute: the same as an instance made anew from the facts, and never a word of the future."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from learning_plants import DAY, day_shifts, random_instance
from test_following import rough

from shopfloor.domain.errors import InvalidInstance
from shopfloor.domain.instance import Commitment, CommitmentKind, Instance, Job, Operation, Pin
from shopfloor.domain.open_time import OpenTime
from shopfloor.domain.plant import Machine, Plant
from shopfloor.engine import layout as at
from shopfloor.engine.arrays import Compiled, compile_instance
from shopfloor.engine.dispatch import Outcome, dispatch
from shopfloor.engine.following import Shop, follow, lines_of
from shopfloor.engine.known_world import Known, Outlook, known_now, require_plain
from shopfloor.engine.layout import OpStatus
from shopfloor.engine.rules import Rule, RuleSpec
from shopfloor.engine.scenario import Disturbances, realise

WITHOUT_MEANS = RuleSpec(Rule.WSPT)
"""A rule whose index does not ask how much work a centre has in all."""


def shop_at(instance: Instance, seed: int, moments: int) -> tuple[Shop, Disturbances]:
    """Return a rough shop that a rule's order has brought to its moment of that number."""
    compiled = compile_instance(instance)
    disturbances = rough(instance)
    shop = Shop(compiled, realise(compiled, disturbances, seed))
    lines = lines_of(compiled, dispatch(compiled, WITHOUT_MEANS))
    for _ in range(moments):
        if not shop.is_over:
            shop.carry_on(lines, waits=False)
    return shop, disturbances


def made_anew(known: Known, start: Instance) -> Instance:
    """Return what is known as an instance of the domain, from ids and minutes alone."""
    compiled = known.compiled
    problem, now = compiled.problem, known.now
    row_of = {name: i for i, name in enumerate(compiled.operation_ids)}
    reservation = {int(row[at.RES_OP]): row for row in problem.reservation}
    jobs = {job.job_id for job, is_known in zip(start.jobs, known.is_known, strict=True) if is_known}
    operations, commitments = [], []
    last: dict[str, tuple[int, str]] = {}
    for operation in start.operations:
        row = reservation.get(row_of[operation.operation_id])
        if row is not None:
            machine_id = compiled.slots[row[at.RES_SLOT]].machine_id
            last[machine_id] = max(last.get(machine_id, (-1, "")), (int(row[at.RES_START]), operation.family))
        if operation.job_id not in jobs or known.has_ended[row_of[operation.operation_id]]:
            continue
        before = operation.predecessor
        if before is not None and known.has_ended[row_of[before]]:
            operation = replace(operation, predecessor=None)
        operations.append(operation)
        if row is not None:
            slot = compiled.slots[row[at.RES_SLOT]]
            commitments.append(
                Commitment(
                    operation.operation_id,
                    slot.machine_id,
                    int(row[at.RES_START]),
                    int(row[at.RES_END]),
                    CommitmentKind.IN_PROGRESS,
                    int(row[at.RES_SETUP]),
                    0,
                    slot.slot,
                )
            )
    machines = tuple(
        replace(m, current_setup_family=last.get(m.machine_id, (0, m.current_setup_family))[1])
        for m in start.plant.machines
    )
    return replace(
        start,
        as_of=start.epoch + timedelta(minutes=now),
        plant=replace(start.plant, machines=machines),
        jobs=tuple(job for job in start.jobs if job.job_id in jobs),
        operations=tuple(operations),
        commitments=tuple(commitments),
        open_time={
            m.machine_id: start.open_time[m.machine_id].without([(now, now + 300)] if is_down else [])
            for m, is_down in zip(machines, known.is_down, strict=True)
        },
    )


@pytest.mark.parametrize("seed", range(10))
def test_the_patched_arrays_say_what_an_instance_made_of_the_facts_says(seed: int) -> None:
    instance = random_instance(seed)
    shop, disturbances = shop_at(instance, seed, moments=3 * seed)
    known = known_now(shop, Outlook.of(shop.compiled, disturbances))
    ours = dispatch(known.compiled, WITHOUT_MEANS)
    fresh = compile_instance(made_anew(known, instance))
    theirs = dispatch(fresh, WITHOUT_MEANS)
    place = {name: i for i, name in enumerate(known.compiled.operation_ids)}
    rows = [place[name] for name in fresh.operation_ids]
    assert len(rows) == int((known.is_open | (known.compiled.problem.op[:, at.OP_ROLE] == 1)).sum()) - int(
        known.has_ended.sum()
    )
    for mine, other in ((ours.start, theirs.start), (ours.end, theirs.end), (ours.slot, theirs.slot)):
        assert np.array_equal(mine[rows], other)


def test_at_some_moments_a_machine_stands_still_and_jobs_are_unknown() -> None:
    n_down = n_unknown = 0
    for seed in range(10):
        shop, disturbances = shop_at(random_instance(seed), seed, moments=3 * seed)
        known = known_now(shop, Outlook.of(shop.compiled, disturbances))
        n_down += int(known.is_down.sum())
        n_unknown += int((~known.is_known).sum())
    assert n_down > 0
    assert n_unknown > 0


def test_of_what_runs_only_start_and_expectation_are_known() -> None:
    instance = random_instance(4)
    shop, disturbances = shop_at(instance, 4, moments=12)
    outlook = Outlook.of(shop.compiled, disturbances)
    runs = shop.state.op[:, at.ST_STATUS] == OpStatus.RUNNING
    assert runs.any()
    before = known_now(shop, outlook).compiled.problem
    shop.state.op[runs, at.ST_END] += 10_000
    shop.state.op[runs, at.ST_RUN] += 10_000
    after = known_now(shop, outlook).compiled.problem
    for mine, other in zip(before, after, strict=True):
        assert np.array_equal(mine, other)


def two_machines(minutes: int) -> Instance:
    """A long operation on one machine, and a short one every ten minutes on the other."""
    machines = (Machine("A", "LONG"), Machine("B", "SHORT"))
    shorts = [Operation(f"S{k}", f"S{k}", "F", 1, "SHORT", 10) for k in range(200)]
    always = OpenTime.of([(0, 100 * DAY, 0)])
    template = random_instance(0)
    return replace(
        template,
        plant=Plant(machines),
        open_time={"A": always, "B": always},
        jobs=(Job("L", "F", 1.0, 0, DAY), *(Job(item.job_id, "F", 1.0, 0, DAY) for item in shorts)),
        operations=(Operation("L", "L", "F", 1, "LONG", minutes), *shorts),
    )


def test_the_rest_of_a_run_is_the_mean_of_the_lognormal_beyond_what_has_elapsed() -> None:
    sigma, nominal = 0.4, 600
    compiled = compile_instance(two_machines(nominal))
    slow = realise(compiled, Disturbances(), 0)
    run = slow.world.run.copy()
    run[0] = 5000
    slow = replace(slow, world=slow.world._replace(run=run))
    shop = Shop(compiled, slow)
    lines = lines_of(compiled, dispatch(compiled, RuleSpec(Rule.FIFO)))
    drawn = nominal * np.exp(np.random.default_rng(1).normal(-0.5 * sigma**2, sigma, 2_000_000))
    outlook = Outlook(np.zeros(2), sigma)
    looked = 0
    while not shop.is_over and shop.now <= 1500:
        known = known_now(shop, outlook)
        if shop.now and shop.now % 250 == 0:
            end = known.compiled.problem.reservation[0, at.RES_END]
            longer = drawn[drawn > shop.now]
            assert end == pytest.approx(longer.mean(), rel=0.01)
            looked += 1
        shop.carry_on(lines, waits=True)
    assert looked == 6


def test_without_noise_a_run_ends_when_it_nominally_does_and_an_overdue_one_in_a_minute() -> None:
    compiled = compile_instance(two_machines(600))
    scenario = realise(compiled, Disturbances(), 0)
    run = scenario.world.run.copy()
    run[0] = 900
    shop = Shop(compiled, replace(scenario, world=scenario.world._replace(run=run)))
    lines = lines_of(compiled, dispatch(compiled, RuleSpec(Rule.FIFO)))
    while not shop.is_over and shop.now < 900:
        shop.carry_on(lines, waits=True)
        known = known_now(shop, Outlook(np.zeros(2), 0.0))
        if 0 < shop.now < 900:
            end = known.compiled.problem.reservation[0, at.RES_END]
            assert end == (600 if shop.now < 600 else shop.now + 1)


def stopped_shop() -> tuple[Compiled, Shop]:
    """A machine that stands still from minute 700 to 1500, in shifts of 360-960."""
    template = two_machines(200)
    instance = replace(template, open_time={"A": day_shifts(), "B": OpenTime.of([(0, 100 * DAY, 0)])})
    compiled = compile_instance(instance)
    real = compile_instance(
        replace(instance, open_time={**instance.open_time, "A": day_shifts().without([(700, DAY + 400)])})
    )
    scenario = realise(compiled, Disturbances(), 0)
    p = real.problem
    world = scenario.world._replace(
        cal_of=p.cal_of, cal_off=p.cal_off, cal_start=p.cal_start, cal_end=p.cal_end, cal_cum=p.cal_cum
    )
    return compiled, Shop(compiled, replace(scenario, world=world))


def test_a_machine_is_known_to_stand_still_while_it_should_work_and_to_need_its_mean_repair() -> None:
    compiled, shop = stopped_shop()
    lines = lines_of(compiled, dispatch(compiled, RuleSpec(Rule.FIFO)))
    outlook = Outlook(np.array([120.0, 120.0]), 0.0)
    seen = {}
    while not shop.is_over and shop.now <= 1900:
        known = known_now(shop, outlook)
        seen[shop.now] = bool(known.is_down[0])
        p = known.compiled.problem
        stretches = slice(p.cal_off[p.cal_of[0, 0]], p.cal_off[p.cal_of[0, 0] + 1])
        opens = p.cal_start[stretches][p.cal_end[stretches] > shop.now][0]
        if known.is_down[0]:
            assert opens == (DAY + 360 if 840 <= shop.now < 960 else shop.now + 120)
        shop.carry_on(lines, waits=True)
    assert not seen[690]
    assert seen[700]
    assert seen[950]
    assert not seen[960]
    assert not seen[DAY + 350]
    assert seen[DAY + 360]
    assert not seen[DAY + 400]


def test_the_plan_in_force_keeps_its_order_and_newcomers_find_a_place() -> None:
    shop, disturbances = shop_at(random_instance(6), 6, moments=0)
    outlook = Outlook.of(shop.compiled, disturbances)
    first = known_now(shop, outlook)
    plan = dispatch(first.compiled, WITHOUT_MEANS)
    while (later := known_now(shop, outlook)).is_known.sum() == first.is_known.sum():
        shop.carry_on(lines_of(first.compiled, plan), waits=True)
    fresh = dispatch(later.compiled, WITHOUT_MEANS)
    held = later.retimed(plan, fresh)
    kept = later.is_open & plan.is_scheduled
    new = later.is_open & ~plan.is_scheduled
    assert new.any()
    assert np.array_equal(held.slot[kept], plan.slot[kept])
    assert np.array_equal(held.slot[new], fresh.slot[new])
    order = np.argsort(held.start[kept], kind="stable")
    assert (np.diff(plan.start[kept][order]) >= 0).all()
    assert_runs_fit(later, held)


def assert_runs_fit(known: Known, plan: Outcome) -> None:
    """Every planned operation has the nominal minutes of its slot."""
    problem = known.compiled.problem
    for op in np.flatnonzero(known.is_open):
        lo, hi = problem.op[op, at.OP_ELIG_LO], problem.op[op, at.OP_ELIG_HI]
        runs = dict(problem.elig[lo:hi].tolist())
        assert runs[plan.slot[op]] == plan.run[op]


def test_what_is_planned_for_later_can_be_followed_from_now() -> None:
    shop, disturbances = shop_at(random_instance(8), 8, moments=10)
    known = known_now(shop, Outlook.of(shop.compiled, disturbances))
    planned = dispatch(known.compiled, WITHOUT_MEANS)
    again = follow(known.compiled, planned)
    assert np.array_equal(again.start, planned.start)


def test_pinned_and_frozen_work_is_refused() -> None:
    instance = random_instance(0)
    name = instance.operations[0].operation_id
    machine = instance.eligible_machines(instance.operations[0])[0].machine_id
    pinned = replace(instance, pins=(Pin(name, machine, start=1440),))
    frozen = replace(instance, commitments=(Commitment(name, machine, 1440, 1500, CommitmentKind.FROZEN),))
    for wrong in (pinned, frozen):
        with pytest.raises(InvalidInstance, match="hint:"):
            require_plain(compile_instance(wrong))
    require_plain(compile_instance(instance))
