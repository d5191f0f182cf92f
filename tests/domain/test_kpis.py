"""Key figures worked out by hand on plans of a few operations."""

from __future__ import annotations

import pytest
from builders import (
    DAY,
    HORIZON,
    always_open,
    day_shifts,
    left_out,
    placed,
    tiny_instance,
    tiny_job,
    tiny_machine,
    tiny_operation,
    tiny_plant,
    tiny_schedule,
)

from shopfloor.domain.blocks import Block, blocks_of
from shopfloor.domain.bounds import earliest_completions
from shopfloor.domain.calendar import OpenTime
from shopfloor.domain.instance import Commitment, CommitmentKind, Pin, PlannedStart
from shopfloor.domain.kpis import completion_by_job, compute_kpis, late_cohort, working_days_end
from shopfloor.domain.open_time import WindowKind
from shopfloor.domain.plant import SetupRule

REGULAR, OVERTIME = WindowKind.REGULAR, WindowKind.OVERTIME


def two_late_jobs():
    """A (weight 2) is due at 1 d, B (weight 1) at 2 d, C at 9 d; one machine, each job takes a day."""
    instance = tiny_instance(
        [tiny_operation(f"{name}-P1", minutes=DAY) for name in "ABC"],
        jobs=[
            tiny_job("A", due=DAY, weight=2.0),
            tiny_job("B", due=2 * DAY, weight=1.0),
            tiny_job("C", due=9 * DAY),
        ],
        plant=tiny_plant([tiny_machine("M1")]),
    )
    starts = {"C-P1": 0, "B-P1": DAY, "A-P1": 2 * DAY}
    return instance, tiny_schedule(
        placed(instance, name, "M1", start=start) for name, start in starts.items()
    )


def test_tardiness_is_weighted_and_counted_in_days():
    kpis = compute_kpis(*two_late_jobs())
    assert kpis.weighted_tardiness == 4.0  # A is 2 days late with weight 2, B and C are on time
    assert kpis.mean_tardiness_days == pytest.approx(2 / 3)
    assert kpis.avg_days_late == 2.0
    assert (kpis.on_time_rate, kpis.late_jobs) == (pytest.approx(2 / 3), 1)
    assert kpis.makespan_days == 3.0


def test_what_is_late_alone_in_the_shop_is_unavoidable():
    instance = tiny_instance(
        [tiny_operation("A-P1", minutes=3 * DAY)], jobs=[tiny_job("A", due=DAY, weight=3.0)]
    )
    kpis = compute_kpis(instance, tiny_schedule([placed(instance, "A-P1", "M1", start=DAY)]))
    assert kpis.weighted_tardiness == 9.0
    assert kpis.unavoidable_weighted_tardiness == 6.0
    assert kpis.avoidable_weighted_tardiness == 3.0
    assert (kpis.avoidable_mean_tardiness_days, kpis.attainable_on_time_rate) == (1.0, 0.0)


def test_the_cohort_is_fixed_while_the_average_of_late_jobs_is_not():
    instance, greedy = two_late_jobs()
    cohort = late_cohort(instance, greedy)
    assert cohort == {"A"}
    better = tiny_schedule(
        placed(instance, name, "M1", start=start)
        for name, start in {"A-P1": DAY, "B-P1": 2 * DAY, "C-P1": 0}.items()
    )
    kpis = compute_kpis(instance, better, cohort=cohort)
    assert kpis.cohort_days_late == 1.0  # A only, although B is late now too
    assert kpis.avg_days_late == 1.0
    assert compute_kpis(instance, better).cohort_days_late is None
    assert compute_kpis(instance, better, cohort=frozenset()).cohort_days_late == 0.0


def test_a_job_with_an_operation_left_out_is_late_up_to_the_horizon():
    instance = tiny_instance([tiny_operation("A-P1")], jobs=[tiny_job("A", due=HORIZON - DAY)])
    schedule = tiny_schedule([], unassigned=[left_out("A-P1")])
    assert completion_by_job(instance, schedule) == {"A": HORIZON}
    kpis = compute_kpis(instance, schedule)
    assert (kpis.weighted_tardiness, kpis.unassigned_operations, kpis.makespan_days) == (1.0, 1, 0.0)


def test_utilisation_compares_busy_with_open_regular_minutes_to_the_makespan():
    instance = tiny_instance(
        [tiny_operation("A-P1", minutes=240), tiny_operation("B-P1", minutes=120)],
        open_time={"M1": day_shifts(), "M2": day_shifts()},
    )
    schedule = tiny_schedule(
        [placed(instance, "A-P1", "M1", start=480), placed(instance, "B-P1", "M2", start=480)]
    )
    # makespan 720: 240 open minutes each, shares 1.0 and 0.5, population deviation 0.25
    assert compute_kpis(instance, schedule).utilisation_std == pytest.approx(0.25)


def test_overtime_counts_minutes_worked_in_overtime_windows_only():
    shift = OpenTime.of([(480, 960, 0), (960, 1080, 1), (1080, 1200, 2)])
    instance = tiny_instance([tiny_operation("A-P1", minutes=180)], open_time={"M1": shift})
    late = placed(instance, "A-P1", "M1", start=840, level=1)
    assert (late.end, compute_kpis(instance, tiny_schedule([late])).overtime_hours) == (1020, 1.0)
    early = placed(instance, "A-P1", "M1", start=480, level=2)
    assert compute_kpis(instance, tiny_schedule([early])).overtime_hours == 0.0


def test_setup_hours_leave_out_what_began_before_now():
    instance = tiny_instance(
        [tiny_operation("A-P1"), tiny_operation("B-P1")],
        now=100,
        commitments=[Commitment("A-P1", "M1", 50, 200, CommitmentKind.IN_PROGRESS, setup_minutes=30)],
    )
    schedule = tiny_schedule(
        [
            placed(instance, "A-P1", "M1", start=50, end=200, setup=30, is_committed=True),
            placed(instance, "B-P1", "M1", start=200, setup=15),
        ]
    )
    assert compute_kpis(instance, schedule).setup_hours == 0.25


@pytest.mark.parametrize(
    ("machine_id", "start", "moved"),
    [("M1", 480, 0), ("M1", 510, 0), ("M1", 511, 1), ("M1", 449, 1), ("M2", 480, 1)],
)
def test_an_operation_is_moved_by_another_machine_or_by_more_than_half_an_hour(machine_id, start, moved):
    instance = tiny_instance([tiny_operation("A-P1")], active_plan={"A-P1": PlannedStart("M1", 480)})
    schedule = tiny_schedule([placed(instance, "A-P1", machine_id, start=start)])
    assert compute_kpis(instance, schedule).moved_operations == moved


def test_moves_after_the_first_five_working_days_do_not_count():
    # Monday; the machine works on Mondays to Fridays: the fifth working day ends on Saturday 00:00
    week = OpenTime.of((day * DAY + 480, day * DAY + 960, 0) for day in (0, 1, 2, 3, 4, 7, 8))
    instance = tiny_instance(
        [tiny_operation("A-P1")],
        open_time={"M1": week, "M2": week},
        active_plan={"A-P1": PlannedStart("M1", 7 * DAY + 480)},
    )
    assert working_days_end(instance, 5) == 5 * DAY
    assert working_days_end(instance, 6) == 8 * DAY
    far = tiny_schedule([placed(instance, "A-P1", "M1", start=8 * DAY + 480)])
    near = tiny_schedule([placed(instance, "A-P1", "M1", start=480)])
    assert compute_kpis(instance, far).moved_operations == 0
    assert compute_kpis(instance, near).moved_operations == 1


def test_an_empty_shop_has_no_lateness():
    kpis = compute_kpis(tiny_instance(), tiny_schedule([]))
    assert (kpis.weighted_tardiness, kpis.on_time_rate, kpis.makespan_days) == (0.0, 1.0, 0.0)
    assert set(kpis.as_dict()) >= {"weighted_tardiness", "schedule_seconds"}


def test_the_earliest_completion_takes_the_route_alone_with_the_smallest_setup():
    machines = [
        tiny_machine("M1", setup_time_same=5, setup_time_different=30),
        tiny_machine("M2", setup_time_same=5, setup_time_different=30, speed_factor=0.5),
        tiny_machine("L1", "LATHE", setup_time_same=9, setup_time_different=30),
    ]
    instance = tiny_instance(
        [
            tiny_operation("A-P1", minutes=100),
            tiny_operation("A-P2", minutes=50, machine_type="LATHE", predecessor="A-P1"),
        ],
        jobs=[tiny_job("A", release=400)],
        plant=tiny_plant(machines, setup_rules=(SetupRule(2, to_family="F", machine_type="LATHE"),)),
    )
    # M1: 400 + 5 + 100 = 505; M2 would take 200; lathe: 2 by the rule, 505 + 2 + 50
    assert earliest_completions(instance) == {"A": 557}


def test_the_earliest_completion_respects_pauses_pins_commitments_and_impossibility():
    instance = tiny_instance(
        [
            tiny_operation("A-P1", minutes=60, is_interruptible=False),
            tiny_operation("B-P1", minutes=60),
            tiny_operation("C-P1", minutes=60),
            tiny_operation("D-P1", minutes=60, machine_type="WELD"),
        ],
        open_time={"M1": day_shifts(), "M2": day_shifts()},
        now=930,
        commitments=[Commitment("B-P1", "M1", 900, 1500, CommitmentKind.IN_PROGRESS)],
        pins=[Pin("C-P1", "M2", start=2000)],
    )
    # A does not fit before 16:00, so it begins the next morning; the last shift ends on day 29 at 16:00
    expected = {"A": DAY + 480 + 60, "B": 1500, "C": 2060, "D": 29 * DAY + 960}
    assert earliest_completions(instance) == expected


def test_blocks_are_cut_at_breaks_and_say_what_they_are():
    shift = OpenTime.of([(480, 720, 0), (780, 960, 0), (960, 1080, 1)])
    instance = tiny_instance([tiny_operation("A-P1", minutes=240)], open_time={"M1": shift})
    item = placed(instance, "A-P1", "M1", start=700, setup=40, level=1)
    assert blocks_of(instance, item) == (
        Block("A-P1", "M1", "setup", REGULAR, 700, 720),
        Block("A-P1", "M1", "setup", REGULAR, 780, 800),
        Block("A-P1", "M1", "run", REGULAR, 800, 960),
        Block("A-P1", "M1", "run", OVERTIME, 960, 1040),
    )
    assert sum(block.minutes for block in blocks_of(instance, item)) == 280


def test_a_commitment_in_closed_time_is_one_solid_block():
    instance = tiny_instance([tiny_operation("A-P1")], open_time={"M1": always_open(100)})
    item = placed(instance, "A-P1", "M1", start=200, end=300, is_committed=True)
    assert blocks_of(instance, item) == (Block("A-P1", "M1", "run", REGULAR, 200, 300),)
