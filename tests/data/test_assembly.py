"""Rows become an instance, with values worked out by hand.

Minute 0 is Monday 1 June 2026 00:00 UTC; Berlin is two hours ahead; now is minute 270, 06:30 local.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from tiny_plant import AS_OF, NOW, ZONE, frames, machine, ran, step

from shopfloor.data.assembly import AssemblyOptions, assemble, assemble_with_notes
from shopfloor.domain.errors import InvalidCalendar
from shopfloor.domain.fingerprint import instance_fingerprint
from shopfloor.domain.instance import CommitmentKind, Instance, UnassignedCode
from shopfloor.domain.open_time import WindowKind

DAY = 1440


def built(
    tables: dict[str, pd.DataFrame], *, as_of: datetime = AS_OF, zone: str = ZONE, **options
) -> Instance:
    return assemble(tables, as_of=as_of, plant_tz=zone, options=AssemblyOptions(**options))


def codes(instance: Instance) -> dict[str, UnassignedCode]:
    return {item.operation_id: item.code for item in instance.set_aside}


def test_an_order_is_due_at_the_end_of_its_local_day_and_released_at_the_start_of_its_plan_day():
    job = built(frames(production_jobs=[step("O1_P01", plan_date="2026-06-02", priority=5)])).jobs[0]
    assert job.job_id == "O1"
    assert job.weight == 5
    assert job.release == DAY - 120  # 2 June 00:00 Berlin = 1 June 22:00 UTC
    assert job.due == 10 * DAY - 120  # 11 June 00:00 Berlin = 10 June 22:00 UTC


def test_days_around_the_clock_changes_are_23_and_25_hours_long():
    spring = [step("O1_P01", plan_date="2026-03-29", lcd_date="2026-03-29", created_at=None)]
    job = built(frames(production_jobs=spring), as_of=datetime(2026, 3, 28, tzinfo=UTC)).jobs[0]
    assert job.due - job.release == 23 * 60
    autumn = [step("O1_P01", plan_date="2026-10-25", lcd_date="2026-10-25", created_at=None)]
    job = built(frames(production_jobs=autumn), as_of=datetime(2026, 10, 24, tzinfo=UTC)).jobs[0]
    assert job.due - job.release == 25 * 60


def test_the_shift_starts_at_half_past_six_local_on_both_sides_of_a_clock_change():
    instance = built(frames(production_jobs=[step("O1_P01")]), as_of=datetime(2026, 3, 27, tzinfo=UTC))
    open_time = instance.open_time["M1"]
    assert open_time.next_open(0, 0) == 5 * 60 + 30  # Friday, UTC+1
    assert open_time.next_open(2 * DAY, 0) == 3 * DAY + 4 * 60 + 30  # Monday, UTC+2


def test_late_material_moves_the_release_of_the_first_operation_only():
    rows = [
        step("O1_P01", material_ready_at="2026-06-03 10:00:30"),
        step("O1_P02", material_ready_at="2026-06-09 10:00:00"),
    ]
    assert built(frames(production_jobs=rows)).jobs[0].release == 2 * DAY + 601


def test_step_two_comes_before_step_ten():
    rows = [step("O1_P10"), step("O1_P2", "SAW"), step("O1_P1")]
    operations = built(frames(production_jobs=rows)).operations
    assert [(item.operation_id, item.predecessor) for item in operations] == [
        ("O1_P1", None),
        ("O1_P2", "O1_P1"),
        ("O1_P10", "O1_P2"),
    ]


def test_durations_round_up_once():
    rows = [
        step("O1_P01", processing_time=1.001),
        step("O2_P01", processing_time=0.1),
        step("O3_P01", processing_time=2.05),
    ]
    operations = built(frames(production_jobs=rows)).operations
    assert [item.processing_minutes for item in operations] == [61, 6, 123]
    minutes = built(frames(production_jobs=rows), processing_time_unit="minutes").operations
    assert [item.processing_minutes for item in minutes] == [2, 1, 3]


def test_an_order_splits_into_lots_that_flow_independently():
    rows = [step("O1_P01", quantity=25, lot_size=10), step("O1_P02", "SAW", processing_time=0.5)]
    operations = {item.operation_id: item for item in built(frames(production_jobs=rows)).operations}
    assert [operations[f"O1_P01#{lot}"].processing_minutes for lot in (1, 2, 3)] == [24, 24, 12]
    assert [operations[f"O1_P02#{lot}"].processing_minutes for lot in (1, 2, 3)] == [12, 12, 6]
    assert operations["O1_P02#3"].predecessor == "O1_P01#3"
    assert operations["O1_P02#3"].lot == 3


def test_a_quantity_that_fits_one_lot_is_not_split():
    rows = [step("O1_P01", quantity=10, lot_size=10)]
    assert [item.operation_id for item in built(frames(production_jobs=rows)).operations] == ["O1_P01"]


def test_a_running_operation_is_a_constant_with_its_remainder_netted_once():
    """Started 06:00 UTC (08:00 local) with 30 min setup and 3 h work: 90 minutes done at 07:30 UTC."""
    tables = frames(
        production_jobs=[step("O1_P01", processing_time=3.0, status="IN_PROGRESS"), step("O1_P02", "SAW")],
        job_schedules=[ran(1, "O1_P01", "M2", "2026-06-01 06:00:00", setup_minutes=30.0)],
    )
    instance = built(tables, as_of=datetime(2026, 6, 1, 7, 30, tzinfo=UTC))
    held = instance.commitment_by_id["O1_P01"]
    assert (held.machine_id, held.start, held.kind) == ("M2", 360, CommitmentKind.IN_PROGRESS)
    assert instance.operation_by_id["O1_P01"].processing_minutes == 120
    assert held.end == 450 + 120  # 07:30 UTC + 120 = 09:30 UTC, before the break at 10:00 UTC
    assert held.setup_minutes == 30
    assert instance.operation_by_id["O1_P02"].predecessor == "O1_P01"


def test_a_remainder_pauses_over_the_break():
    tables = frames(
        production_jobs=[step("O1_P01", processing_time=5.0)],
        job_schedules=[ran(1, "O1_P01", "M1", "2026-06-01 06:00:00")],
    )
    held = built(tables, as_of=datetime(2026, 6, 1, 8, 0, tzinfo=UTC)).commitments[0]
    assert held.end == 480 + 180 + 60  # 3 h left: 08:00-10:00, break, 11:00-12:00 UTC


def test_an_overrun_has_a_minute_left():
    tables = frames(
        production_jobs=[step("O1_P01")], job_schedules=[ran(1, "O1_P01", "M1", "2026-05-29 06:00:00")]
    )
    instance = built(tables)
    assert instance.operations[0].processing_minutes == 1
    assert instance.commitments[0].end == NOW + 1


def test_the_plants_own_remaining_minutes_win_while_the_operation_runs():
    tables = frames(
        production_jobs=[step("O1_P01", remaining_minutes=17.2)],
        job_schedules=[ran(1, "O1_P01", "M1", "2026-05-29 06:00:00")],
    )
    assert built(tables).commitments[0].end == NOW + 18


def test_a_slow_machine_needs_longer_for_the_remainder():
    tables = frames(
        machines=[machine("M1", speed_factor=0.5)],
        production_jobs=[step("O1_P01")],
        job_schedules=[ran(1, "O1_P01", "M1", "2026-06-01 04:30:00")],
    )
    assert built(tables, as_of=AS_OF + timedelta(minutes=30)).commitments[0].end == NOW + 120


def test_of_two_running_on_one_machine_the_later_counts_and_the_other_is_open_again():
    tables = frames(
        production_jobs=[step("O1_P01"), step("O2_P01")],
        job_schedules=[
            ran(1, "O1_P01", "M1", "2026-05-29 06:00:00"),
            ran(2, "O2_P01", "M1", "2026-05-29 08:00:00"),
        ],
    )
    assembly = assemble_with_notes(tables, as_of=AS_OF, plant_tz=ZONE)
    assert [item.operation_id for item in assembly.instance.commitments] == ["O2_P01"]
    assert {item.operation_id for item in assembly.instance.operations} == {"O1_P01", "O2_P01"}
    assert [(note.code, note.where) for note in assembly.notes] == [("NOT_RUNNING", "O1_P01")]


def test_a_historical_as_of_sees_what_was_open_running_and_done_then():
    tables = frames(
        production_jobs=[
            step("O1_P01", status="COMPLETED"),
            step("O1_P02", status="COMPLETED"),
            step("O1_P03", status="COMPLETED"),
        ],
        job_schedules=[
            ran(1, "O1_P01", "M1", "2026-05-26 06:00:00", "2026-05-26 07:00:00"),
            ran(2, "O1_P02", "M1", "2026-05-26 08:00:00", "2026-05-26 15:00:00"),
            ran(3, "O1_P03", "M2", "2026-05-27 08:00:00", "2026-05-27 09:00:00"),
        ],
    )
    instance = built(tables, as_of=datetime(2026, 5, 26, 8, 30, tzinfo=UTC))
    assert [item.operation_id for item in instance.operations] == ["O1_P02", "O1_P03"]
    assert instance.commitments[0].end == 540  # planned 1 h from 08:00, not the 7 h that it took
    assert built(tables, as_of=AS_OF).operations == ()


def test_a_row_of_the_future_changes_nothing():
    past = frames(
        production_jobs=[step("O1_P01"), step("O2_P01")],
        job_schedules=[ran(1, "O2_P01", "M1", "2026-05-29 06:00:00", "2026-05-29 07:00:00")],
        machine_downtime=[
            {
                "downtime_id": 1,
                "machine_id": "M1",
                "start_time": "2026-05-28 06:00",
                "end_time": "2026-05-28 08:00",
                "kind": "breakdown",
            }
        ],
    )
    later = {name: frame.copy() for name, frame in past.items()}
    later["production_jobs"] = pd.concat(
        [later["production_jobs"], pd.DataFrame([step("O9_P01", created_at="2026-06-01 04:30:01")])]
    )
    later["job_schedules"] = pd.concat(
        [
            later["job_schedules"],
            pd.DataFrame([ran(2, "O1_P01", "M2", "2026-06-01 09:00:00", "2026-06-01 10:00:00")]),
        ]
    )
    later["machine_downtime"] = pd.concat(
        [
            later["machine_downtime"],
            pd.DataFrame(
                [
                    {
                        "downtime_id": 2,
                        "machine_id": "M2",
                        "start_time": "2026-06-01 12:00",
                        "end_time": None,
                        "kind": "breakdown",
                    }
                ]
            ),
        ]
    )
    later["schedule_pins"] = pd.DataFrame(
        [
            {
                "pin_id": 1,
                "operation_id": "O1_P01",
                "machine_id": "M2",
                "created_at": "2026-06-02",
                "pinned_by": "p",
                "reason": "r",
            }
        ]
    )
    assert instance_fingerprint(built(later)) == instance_fingerprint(built(past))


def test_unknown_jobs_can_be_included_with_the_minute_from_which_they_are_known():
    rows = [step("O1_P01"), step("O2_P01", created_at="2026-06-01 05:00:30")]
    jobs = built(frames(production_jobs=rows), include_unknown=True).jobs
    assert [(job.job_id, job.known_at) for job in jobs] == [("O1", None), ("O2", 301)]


def test_completed_and_cancelled_rows_are_not_open():
    rows = [step("O1_P01", status="COMPLETED"), step("O1_P02"), step("O2_P01", status="CANCELLED")]
    instance = built(frames(production_jobs=rows))
    assert [(item.operation_id, item.predecessor) for item in instance.operations] == [("O1_P02", None)]
    assert [job.job_id for job in instance.jobs] == ["O1"]


def test_what_cannot_be_planned_is_set_aside_with_a_code_and_so_is_what_waits_for_it():
    rows = [
        step("O1_P01", processing_time=None),
        step("O1_P02"),
        step("O2_P01", "LASER"),
        step("O3_P01", process_order="first"),
        step("O4_P01"),
        step("O5_P01", lcd_date=None),
    ]
    instance = built(frames(production_jobs=rows), quarantined=("O4_P01",))
    assert codes(instance) == {
        "O1_P01": UnassignedCode.QUARANTINED,
        "O1_P02": UnassignedCode.PREDECESSOR_UNASSIGNED,
        "O2_P01": UnassignedCode.NO_ELIGIBLE_MACHINE,
        "O3_P01": UnassignedCode.MISSING_ROUTE,
        "O4_P01": UnassignedCode.QUARANTINED,
        "O5_P01": UnassignedCode.QUARANTINED,
    }
    assert len(instance.operations) == 6


def test_restrictions_can_leave_no_machine():
    tables = frames(
        machines=[machine("M1")],
        production_jobs=[step("O1_P01"), step("O2_P01", family_name="G")],
        machine_restrictions=[
            {"restriction_id": 1, "machine_id": "M1", "family_name": "F", "process_order": "P01"}
        ],
    )
    assert codes(built(tables)) == {"O1_P01": UnassignedCode.NO_ELIGIBLE_MACHINE}


def test_a_machine_uses_its_calendar_else_its_types_else_the_default():
    def monday(calendar_id: str, start: str) -> dict[str, object]:
        return {
            "calendar_id": calendar_id,
            "weekday": 0,
            "start_time": start,
            "end_time": "24:00",
            "kind": "regular",
        }

    tables = frames(
        machines=[machine("M1", calendar_id="OWN"), machine("M2"), machine("S1", "SAW")],
        production_jobs=[step("O1_P01")],
        machine_calendars=[monday("OWN", "08:00"), monday("MILL", "09:00"), monday("default", "10:00")],
    )
    open_time = built(tables).open_time
    assert {name: item.next_open(0, 0) for name, item in open_time.items()} == {
        "M1": 360,
        "M2": 420,
        "S1": 480,
    }


def test_an_exception_closes_a_day_and_another_opens_one():
    tables = frames(
        production_jobs=[step("O1_P01")],
        calendar_exceptions=[
            {"exception_id": 1, "calendar_id": "default", "exception_date": "2026-06-01"},
            {
                "exception_id": 2,
                "calendar_id": "default",
                "exception_date": "2026-06-06",
                "start_time": "08:00",
                "end_time": "10:00",
                "kind": "overtime",
            },
        ],
    )
    open_time = built(tables).open_time["M1"]
    assert open_time.next_open(0, 0) == DAY + 270
    assert open_time.work_between(5 * DAY, 6 * DAY, 1) == 120


def test_a_window_that_ends_before_it_starts_names_its_calendar():
    tables = frames(
        production_jobs=[step("O1_P01")],
        machine_calendars=[
            {"calendar_id": "X", "weekday": 0, "start_time": "22:00", "end_time": "02:00", "kind": "night"}
        ],
    )
    with pytest.raises(InvalidCalendar, match=r"'X'.*\n?hint: a night shift is two rows"):
        built(tables)


def test_an_open_breakdown_lasts_the_mean_repair_time_of_its_type_and_a_note_says_so():
    def down(number: int, machine_id: str, start: str, end: str | None) -> dict[str, object]:
        return {
            "downtime_id": number,
            "machine_id": machine_id,
            "start_time": start,
            "end_time": end,
            "kind": "breakdown",
        }

    tables = frames(
        production_jobs=[step("O1_P01")],
        machine_downtime=[
            down(1, "M1", "2026-05-20 06:00", "2026-05-20 08:00"),
            down(2, "M2", "2026-05-21 06:00", "2026-05-21 10:00"),
            down(3, "S1", "2026-05-21 06:00", "2026-05-21 06:10"),
            down(4, "M1", "2026-06-01 03:00", None),
            down(5, "M2", "2026-06-01 04:00", "2026-06-01 05:00"),
        ],
    )
    assembly = assemble_with_notes(tables, as_of=AS_OF, plant_tz=ZONE)
    assert assembly.instance.open_time["M1"].next_open(NOW, 0) == NOW + 180
    assert assembly.instance.open_time["M2"].next_open(NOW, 0) == NOW + 180  # its end was not known then
    assert {(note.code, note.where) for note in assembly.notes} == {
        ("OPEN_BREAKDOWN", "M1"),
        ("OPEN_BREAKDOWN", "M2"),
    }


def test_planned_downtime_closes_the_machine():
    tables = frames(
        production_jobs=[step("O1_P01")],
        machine_downtime=[
            {
                "downtime_id": 1,
                "machine_id": "M1",
                "start_time": "2026-06-01 05:00:30",
                "end_time": "2026-06-01 06:00:30",
                "kind": "planned",
            }
        ],
    )
    instance = built(tables)
    assert instance.open_time["M1"].next_open(300, 0) == 361
    assert set(instance.downtime) == {"M1"}  # 07:00-08:01 in Berlin, all of it inside the shift
    assert instance.downtime["M1"].pieces(0, 1440, 0) == ((300, 361, WindowKind.REGULAR),)


def test_the_setup_family_is_the_plants_own_unless_the_machine_has_worked_since():
    tables = frames(
        machines=[machine("M1", current_setup_family="OWN"), machine("M2")],
        production_jobs=[step("O1_P01", status="COMPLETED"), step("O2_P01", family_name="G"), step("O3_P01")],
        job_schedules=[
            ran(1, "O1_P01", "M1", "2026-05-26 06:00:00", "2026-05-26 07:00:00"),
            ran(2, "O1_P01", "M2", "2026-05-26 06:00:00", "2026-05-26 07:00:00"),
            ran(3, "O2_P01", "M1", "2026-05-27 06:00:00", "2026-05-27 07:00:00"),
        ],
    )
    assert [item.current_setup_family for item in built(tables).plant.machines] == ["OWN", "F"]
    then = built(tables, as_of=datetime(2026, 5, 26, 12, tzinfo=UTC))
    assert [item.current_setup_family for item in then.plant.machines] == ["F", "F"]


def test_a_step_that_runs_whole_is_one_operation_and_the_lots_follow_it():
    tables = frames(
        production_jobs=[step("O1_P01", quantity=2, lot_size=1), step("O1_P02", "SAW")],
        job_schedules=[ran(1, "O1_P01", "M1", "2026-06-01 04:30:00")],
    )
    operations = {item.operation_id: item for item in built(tables).operations}
    assert set(operations) == {"O1_P01", "O1_P02#1", "O1_P02#2"}
    assert {operations[f"O1_P02#{lot}"].predecessor for lot in (1, 2)} == {"O1_P01"}


def test_a_lot_that_is_done_is_not_planned_again():
    tables = frames(
        production_jobs=[step("O1_P01", quantity=2, lot_size=1), step("O1_P02", "SAW")],
        job_schedules=[ran(1, "O1_P01#1", "M1", "2026-05-29 06:00:00", "2026-05-29 07:00:00")],
    )
    operations = {item.operation_id: item for item in built(tables).operations}
    assert set(operations) == {"O1_P01#2", "O1_P02#1", "O1_P02#2"}
    assert operations["O1_P02#1"].predecessor is None


def test_an_order_id_column_wins_over_the_suffix_of_the_row():
    rows = [step("A_P01", order_id="X"), step("B_P02", order_id="X"), step("PART-7.P03"), step("WIDGET9")]
    jobs = {item.operation_id: item.job_id for item in built(frames(production_jobs=rows)).operations}
    assert jobs == {"A_P01": "X", "B_P02": "X", "PART-7.P03": "PART-7", "WIDGET9": "WIDGET9"}


def test_the_same_rows_in_another_order_give_the_same_instance():
    rows = [step("O2_P01"), step("O1_P2"), step("O1_P10"), step("O3_P01", "SAW")]
    there, back = frames(production_jobs=rows), frames(production_jobs=rows[::-1])
    back["machines"] = back["machines"][::-1]
    assert instance_fingerprint(built(there)) == instance_fingerprint(built(back))


def test_the_default_plant_assembles_whole():
    from shopfloor.twin.generate import generate_plant
    from shopfloor.twin.plant_spec import DEFAULT_AS_OF, DEFAULT_SPEC

    tables = generate_plant(DEFAULT_SPEC, seed=1, as_of=DEFAULT_AS_OF)
    instance = built(tables, as_of=DEFAULT_AS_OF)
    assert len(instance.operations) == DEFAULT_SPEC.n_open_operations
    assert instance.set_aside == ()
