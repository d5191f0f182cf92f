"""Lateness is explained to the minute: worked out by hand per cause, and against a walk minute by minute."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from builders import (
    DAY,
    busy_instance,
    day_shifts,
    left_out,
    placed,
    serial_schedule,
    tiny_instance,
    tiny_job,
    tiny_machine,
    tiny_operation,
    tiny_plant,
    tiny_schedule,
)
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from oracles.lateness_by_minute import minutes_of_chain
from oracles.random_plants import random_instance

from shopfloor.domain.bounds import earliest_completions
from shopfloor.domain.errors import RefusedInput
from shopfloor.domain.explain import Blocker, LatenessReport, explain_job, explain_late, in_proportion
from shopfloor.domain.explain_chain import Cause
from shopfloor.domain.explain_words import cause_words, headline
from shopfloor.domain.instance import Commitment, CommitmentKind, Instance, Pin
from shopfloor.domain.kpis import completion_by_job, compute_kpis
from shopfloor.domain.open_time import OpenTime
from shopfloor.domain.schedule import Schedule
from shopfloor.engine.arrays import compile_instance
from shopfloor.engine.dispatch import dispatch, greedy_list, to_schedule
from shopfloor.engine.rules import Rule, RuleSpec

ONE_MILL = tiny_plant([tiny_machine("M1")])


def parts(report: LatenessReport) -> dict[str, int]:
    return {str(part.cause): part.minutes for part in report.causes}


def test_a_job_that_is_late_alone_is_unavoidably_late():
    instance = tiny_instance([tiny_operation("A-P1", minutes=90)], jobs=[tiny_job("A", due=60)])
    schedule = tiny_schedule([placed(instance, "A-P1", "M1", start=0)])
    report = explain_job(instance, schedule, "A")
    assert parts(report) == {"unavoidable": 30}
    assert (report.minutes_late, report.minutes_sunk) == (30, 30)


def test_a_job_behind_others_waits_in_the_queue_and_they_are_named():
    instance = tiny_instance(
        [
            tiny_operation("A-P1", minutes=60),
            tiny_operation("B-P1", minutes=100),
            tiny_operation("C-P1", minutes=40),
        ],
        jobs=[tiny_job("A", due=60), tiny_job("B"), tiny_job("C")],
        plant=ONE_MILL,
    )
    items = [("B-P1", 0), ("C-P1", 110), ("A-P1", 150)]  # the mill is kept for C from 100 to 110
    report = explain_job(
        instance, tiny_schedule([placed(instance, name, "M1", start=t) for name, t in items]), "A"
    )
    assert parts(report) == {"queue": 150}
    assert report.causes[0].blockers == (Blocker("B", 100), Blocker("C", 50))
    assert (report.causes[0].operation_id, report.causes[0].machine_id) == ("A-P1", "M1")


def test_a_slower_machine_than_it_could_have_had_counts_as_queue():
    machines = [tiny_machine("M1"), tiny_machine("M2", speed_factor=0.5)]
    instance = tiny_instance(
        [tiny_operation("A-P1", minutes=60)], jobs=[tiny_job("A", due=60)], plant=tiny_plant(machines)
    )
    report = explain_job(instance, tiny_schedule([placed(instance, "A-P1", "M2", start=0)]), "A")
    assert parts(report) == {"queue": 60}
    assert report.causes[0].blockers == ()


def test_setup_beyond_the_smallest_possible_is_setup():
    machine = tiny_machine("M1", setup_time_same=5, setup_time_different=45, current_setup_family="G")
    instance = tiny_instance(
        [tiny_operation("A-P1", minutes=60)], jobs=[tiny_job("A", due=65)], plant=tiny_plant([machine])
    )
    report = explain_job(instance, tiny_schedule([placed(instance, "A-P1", "M1", start=0, setup=45)]), "A")
    assert parts(report) == {"setup": 40}


def test_a_night_between_is_closed_and_the_slack_is_shared_out():
    # 08:00-16:00. Alone A runs 480-780. B takes 480-780, so A runs 780-960, and 1920-2040 the next day.
    instance = tiny_instance(
        [tiny_operation("A-P1", minutes=300), tiny_operation("B-P1", minutes=300)],
        jobs=[tiny_job("A", due=780), tiny_job("B")],
        plant=ONE_MILL,
        open_time={"M1": day_shifts()},
    )
    schedule = tiny_schedule(
        [placed(instance, "B-P1", "M1", start=480), placed(instance, "A-P1", "M1", start=780)]
    )
    report = explain_job(instance, schedule, "A")
    assert report.completion == 2040
    assert parts(report) == {"closed": 960, "queue": 300}  # 1260 late
    with_slack = replace(instance, jobs=(tiny_job("A", due=780 + 630), tiny_job("B")))
    assert parts(explain_job(with_slack, schedule, "A")) == {"closed": 480, "queue": 150}  # half of it


def test_downtime_that_a_job_sits_out_is_downtime():
    # M1 is down 0-200; M2 is free, yet the plan waits for M1. Alone A is done at 60 on M2.
    down = OpenTime.of([(0, 200, 0)])
    instance = tiny_instance(
        [tiny_operation("A-P1", minutes=60)],
        jobs=[tiny_job("A", due=60)],
        open_time={"M1": OpenTime.of([(200, 10 * DAY, 0)])},
        downtime={"M1": down},
    )
    report = explain_job(instance, tiny_schedule([placed(instance, "A-P1", "M1", start=200)]), "A")
    assert parts(report) == {"downtime": 200}


def test_downtime_of_the_only_machine_is_downtime_although_no_plan_can_help():
    instance = tiny_instance(
        [tiny_operation("A-P1", minutes=60)],
        jobs=[tiny_job("A", due=50)],
        plant=ONE_MILL,
        open_time={"M1": OpenTime.of([(0, 20, 0), (220, 10 * DAY, 0)])},
        downtime={"M1": OpenTime.of([(20, 220, 0)])},
    )
    report = explain_job(instance, tiny_schedule([placed(instance, "A-P1", "M1", start=0)]), "A")
    assert parts(report) == {"downtime": 200, "unavoidable": 10}
    assert report.minutes_sunk == 210


def test_a_breakdown_under_a_running_operation_is_downtime():
    instance = tiny_instance(
        [tiny_operation("A-P1", minutes=60)],
        jobs=[tiny_job("A", due=50)],
        plant=ONE_MILL,
        open_time={"M1": OpenTime.of([(-100, 0, 0), (220, 10 * DAY, 0)])},
        downtime={"M1": OpenTime.of([(0, 220, 0)])},
        commitments=[Commitment("A-P1", "M1", -30, 280, CommitmentKind.IN_PROGRESS)],
    )
    schedule = tiny_schedule([placed(instance, "A-P1", "M1", start=-30, end=280, is_committed=True)])
    assert parts(explain_job(instance, schedule, "A")) == {"downtime": 220, "unavoidable": 10}


def test_late_material_is_material_although_no_plan_can_help():
    instance = tiny_instance(
        [tiny_operation("A-P1", minutes=60)], jobs=[tiny_job("A", due=100, release=500)], plant=ONE_MILL
    )
    report = explain_job(instance, tiny_schedule([placed(instance, "A-P1", "M1", start=500)]), "A")
    assert parts(report) == {"material": 460}
    assert (report.causes[0].operation_id, report.minutes_sunk) == ("A-P1", 460)


def test_another_lot_of_the_same_job_is_a_predecessor():
    instance = tiny_instance(
        [tiny_operation("A-P1#1", minutes=60, lot=1), tiny_operation("A-P1#2", minutes=60, lot=2)],
        jobs=[tiny_job("A", due=60)],
        plant=ONE_MILL,
    )
    schedule = tiny_schedule(
        [placed(instance, "A-P1#1", "M1", start=0), placed(instance, "A-P1#2", "M1", start=60)]
    )
    report = explain_job(instance, schedule, "A")
    assert parts(report) == {"predecessor": 60}
    assert report.chain[0].operation_id == "A-P1#2"


def test_what_may_not_move_is_frozen_or_pinned_for_itself_and_for_who_waits_behind():
    instance = tiny_instance(
        [
            tiny_operation("A-P1", minutes=60),
            tiny_operation("B-P1", minutes=60),
            tiny_operation("C-P1", minutes=60),
        ],
        jobs=[tiny_job("A", due=60), tiny_job("B", due=60), tiny_job("C", due=60)],
        plant=ONE_MILL,
        commitments=[Commitment("A-P1", "M1", 100, 160, CommitmentKind.FROZEN)],
        pins=[Pin("B-P1", machine_id="M1", start=200)],
    )
    schedule = tiny_schedule(
        [
            placed(instance, "A-P1", "M1", start=100, is_committed=True),
            placed(instance, "B-P1", "M1", start=200),
            placed(instance, "C-P1", "M1", start=260),
        ]
    )
    reports = {report.job_id: report for report in explain_late(instance, schedule)}
    assert parts(reports["A"]) == {"frozen_or_pinned": 100}
    assert reports["A"].minutes_sunk == 100
    assert parts(reports["B"]) == {"frozen_or_pinned": 200}
    assert parts(reports["C"]) == {"frozen_or_pinned": 260}
    assert (reports["C"].minutes_sunk, reports["C"].causes[0].blockers) == (
        0,
        (Blocker("A", 160), Blocker("B", 100)),
    )


def test_an_operation_that_runs_is_a_queue_for_others_not_a_freeze():
    instance = tiny_instance(
        [tiny_operation("A-P1", minutes=60), tiny_operation("B-P1", minutes=60)],
        jobs=[tiny_job("A", due=60), tiny_job("B")],
        plant=ONE_MILL,
        commitments=[Commitment("B-P1", "M1", -30, 60, CommitmentKind.IN_PROGRESS)],
    )
    schedule = tiny_schedule(
        [
            placed(instance, "B-P1", "M1", start=-30, end=60, is_committed=True),
            placed(instance, "A-P1", "M1", start=60),
        ]
    )
    assert parts(explain_job(instance, schedule, "A")) == {"queue": 60}


def test_an_operation_without_a_place_is_late_to_the_end_for_the_cause_of_its_code():
    instance = tiny_instance(
        [tiny_operation("A-P1", minutes=60), tiny_operation("A-P2", minutes=60, predecessor="A-P1")],
        jobs=[tiny_job("A", due=120)],
        plant=ONE_MILL,
    )
    schedule = tiny_schedule([placed(instance, "A-P1", "M1", start=0)], unassigned=[left_out("A-P2")])
    report = explain_job(instance, schedule, "A")
    assert parts(report) == {"closed": 30 * DAY - 120}
    assert report.left_out is not None and report.left_out.operation_id == "A-P2"


def test_waits_of_several_operations_add_up():
    machines = [tiny_machine("M1"), tiny_machine("M2", "SAW", setup_time_different=15)]
    instance = tiny_instance(
        [
            tiny_operation("A-P1", minutes=60),
            tiny_operation("A-P2", minutes=60, predecessor="A-P1", machine_type="SAW"),
            tiny_operation("B-P1", minutes=30),
            tiny_operation("C-P1", minutes=200, machine_type="SAW"),
        ],
        jobs=[tiny_job("A", due=100, release=10), tiny_job("B"), tiny_job("C")],
        plant=tiny_plant(machines),
    )
    schedule = tiny_schedule(
        [
            placed(instance, "B-P1", "M1", start=0),
            placed(instance, "A-P1", "M1", start=30),
            placed(instance, "C-P1", "M2", start=0, setup=15),
            placed(instance, "A-P2", "M2", start=215),
        ]
    )
    # Alone: released 10, mill to 70, saw (same family, no setup) to 130: 30 late, 10 of it for material.
    # The plan: mill 20 behind B, saw 125 behind C: 145 more.
    report = explain_job(instance, schedule, "A-P2")
    assert parts(report) == {"queue": 145, "unavoidable": 20, "material": 10}
    assert report.causes[0].blockers == (Blocker("C", 125), Blocker("B", 20))
    assert (report.causes[0].operation_id, report.causes[0].machine_id) == ("A-P2", "M2")


def test_a_job_on_time_has_no_cause():
    instance = tiny_instance([tiny_operation("A-P1", minutes=60)], jobs=[tiny_job("A", due=60)])
    schedule = tiny_schedule([placed(instance, "A-P1", "M1", start=0)])
    report = explain_job(instance, schedule, "A")
    assert (report.lateness, report.causes) == (0, ())
    assert explain_late(instance, schedule) == ()


def test_an_unknown_job_is_refused_with_near_matches():
    instance = tiny_instance(
        [tiny_operation("ORD-0012-P1"), tiny_operation("ORD-0013-P1"), tiny_operation("X-P1")]
    )
    schedule = serial_schedule(instance)
    with pytest.raises(RefusedInput, match=r"ORD-0112.*\nhint: did you mean ORD-0012"):
        explain_job(instance, schedule, "ORD-0112")


@given(st.integers(0, 10_000), st.dictionaries(st.sampled_from(list(Cause)), st.integers(1, 5000)))
def test_shares_are_whole_minutes_and_lose_none(total, weights):
    shares = in_proportion(total, weights)
    assert sum(shares.values()) == total
    for cause, minutes in shares.items():
        if weights:
            assert abs(minutes - total * weights[cause] / sum(weights.values())) < 1


def with_downtime(instance: Instance, seed: int) -> Instance:
    """Return the instance with some machines down where nothing is committed."""
    draw = random.Random(seed)
    busy = {commitment.machine_id for commitment in instance.commitments}
    open_time, downtime = dict(instance.open_time), {}
    for name, stretches in instance.open_time.items():
        if name in busy or draw.random() < 0.5:
            continue
        start = draw.randrange(0, 800)
        closures = [(start, start + draw.randrange(1, 600))]
        open_time[name] = stretches.without(closures)
        downtime[name] = stretches.within(closures)
    return replace(instance, open_time=open_time, downtime=downtime)


def random_plan(seed: int) -> tuple[Instance, Schedule]:
    instance = with_downtime(random_instance(seed), seed)
    compiled = compile_instance(instance)
    if seed % 4 == 0:
        return instance, to_schedule(compiled, greedy_list(compiled), "greedy")
    spec = RuleSpec(list(Rule)[seed % len(Rule)])
    outcome = dispatch(compiled, spec, temperature=0.5, seed=seed)
    return instance, to_schedule(compiled, outcome, spec.name)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 1_000_000))
def test_causes_add_up_to_the_lateness_of_every_late_job(seed):
    instance, schedule = random_plan(seed)
    completion, alone = completion_by_job(instance, schedule), earliest_completions(instance)
    late = {job.job_id for job in instance.jobs if completion.get(job.job_id, job.due) > job.due}
    reports = explain_late(instance, schedule)
    assert {report.job_id for report in reports} == late
    for report in reports:
        job = instance.job_by_id[report.job_id]
        assert sum(part.minutes for part in report.causes) == completion[job.job_id] - job.due
        assert all(part.minutes > 0 for part in report.causes)
        sunk = min(report.minutes_late, max(0, alone[job.job_id] - job.due))
        assert report.minutes_sunk == sunk
        outside = {Cause.UNAVOIDABLE, Cause.DOWNTIME, Cause.MATERIAL, Cause.FROZEN_OR_PINNED}
        assert sum(part.minutes for part in report.causes if part.cause in outside) >= sunk
        assert job.job_id not in {blocker.job_id for part in report.causes for blocker in part.blockers}


@settings(max_examples=1500, deadline=None)
@given(st.integers(0, 1_000_000))
def test_every_minute_of_a_chain_has_the_cause_that_a_walk_minute_by_minute_finds(seed):
    instance, schedule = random_plan(seed)
    for job in instance.jobs:
        if not any(operation.job_id == job.job_id for operation in instance.operations):
            continue
        report = explain_job(instance, schedule, job.job_id)
        at = instance.now
        for step in report.chain:
            assert step.ready == at
            assert sum(step.minutes.values()) == step.end - step.ready
            at = step.end
        assert at == max(instance.now, report.completion)
        found: dict[str, int] = {}
        for step in report.chain:
            for cause, minutes in step.minutes.items():
                found[cause] = found.get(cause, 0) + minutes
        assert found == minutes_of_chain(instance, schedule, [step.operation_id for step in report.chain])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1_000_000))
def test_a_job_alone_in_the_shop_has_nobody_to_wait_for(seed):
    whole = random_instance(seed, with_pins=False)
    job = whole.jobs[0]
    machines = tuple(
        replace(m, setup_time_same=0, setup_time_different=0, speed_factor=1.0) for m in whole.plant.machines
    )
    instance = replace(
        whole,
        plant=replace(whole.plant, machines=machines, setup_rules=()),
        jobs=(job,),
        operations=tuple(o for o in whole.operations if o.job_id == job.job_id and o.lot == 1),
        commitments=(),
    )
    assume(instance.operations)
    late = replace(instance, jobs=(replace(job, release=0, due=instance.now - 1, known_at=None),))
    compiled = compile_instance(late)
    schedule = to_schedule(compiled, greedy_list(compiled), "greedy")
    report = explain_job(late, schedule, job.job_id)
    assert set(parts(report)) == {"unavoidable"}


def test_the_unavoidable_minutes_are_those_of_the_kpis():
    instance = busy_instance(80, n_machines=20)
    schedule = serial_schedule(instance)
    days = sum(r.job.weight * r.minutes_sunk / DAY for r in explain_late(instance, schedule))
    kpis = compute_kpis(instance, schedule)
    assert days == pytest.approx(kpis.unavoidable_weighted_tardiness)
    total = sum(
        r.job.weight * sum(part.minutes for part in r.causes) / DAY for r in explain_late(instance, schedule)
    )
    assert total == pytest.approx(kpis.weighted_tardiness)


def test_sentences_name_who_where_and_when_on_the_plants_clock():
    machines = [tiny_machine("M1"), tiny_machine("M2", speed_factor=2.0)]
    instance = tiny_instance(
        [
            tiny_operation("A-P1", minutes=120),
            tiny_operation("B-P1", minutes=90),
            tiny_operation("C-P1", minutes=30),
        ],
        jobs=[tiny_job("A", due=30, release=15), tiny_job("B"), tiny_job("C")],
        plant=tiny_plant(machines),
        plant_tz="Europe/Berlin",
    )
    schedule = tiny_schedule(
        [
            placed(instance, "B-P1", "M1", start=0),
            placed(instance, "C-P1", "M1", start=90),
            placed(instance, "A-P1", "M1", start=120),
        ]
    )
    # Alone: from 15 on the quick M2 to 75, so 45 late, 15 of it for material. The plan ends at 240.
    report = explain_job(instance, schedule, "A")
    assert headline(instance, report) == (
        "A is 3 h 30 min late: due Mon 2026-03-02 01:30, planned completion Mon 2026-03-02 05:00"
    )
    assert parts(report) == {"queue": 165, "unavoidable": 30, "material": 15}
    queue, alone, material = (cause_words(instance, report, part) for part in report.causes)
    assert queue == (
        "A-P1 waits while M1 is taken by B (1 h 15 min), C (30 min); "
        "its machines take 1 h longer for it than the quickest it could have had"
    )
    assert alone == "with the shop to itself it would still end only Mon 2026-03-02 02:15"
    assert material == "material and plan date let it start only Mon 2026-03-02 01:15"


def test_a_due_day_ends_at_24_and_a_lost_operation_is_named_with_its_code():
    instance = tiny_instance([tiny_operation("A-P1")], jobs=[tiny_job("A", due=DAY)], plant=ONE_MILL)
    schedule = tiny_schedule([], unassigned=[left_out("A-P1")])
    assert headline(instance, explain_job(instance, schedule, "A")) == (
        "A has no planned completion: A-P1 was left out, NO_OPEN_TIME; due Mon 2026-03-02 24:00"
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1_000_000))
def test_every_cause_of_every_plan_has_its_sentence(seed):
    instance, schedule = random_plan(seed)
    for report in explain_late(instance, schedule):
        assert headline(instance, report)
        assert all(cause_words(instance, report, part) for part in report.causes)
