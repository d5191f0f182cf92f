"""The plan beside what happened, worked out by hand from a handful of rows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

from shopfloor.data.frames import cast, empty_frame
from shopfloor.monitoring.plan_vs_actual import PlanVsActual, compare_plan_with_actual

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


def planned(operation: str, start: str, end: str, machine: str = "M1", **columns: Any) -> dict[str, Any]:
    return {
        "run_id": "R1",
        "operation_id": operation,
        "job_id": operation.split("_")[0],
        "machine_id": machine,
        "start_time": f"2026-06-01 {start}",
        "end_time": f"2026-06-01 {end}",
        "is_committed": False,
        "scheduled_date": "2026-06-01 04:00:00",
    } | columns


def ran(operation: str, start: str, end: str | None = None, machine: str = "M1") -> dict[str, Any]:
    return {
        "job_id": operation,
        "machine_id": machine,
        "start_time": f"2026-06-01 {start}",
        "end_time": None if end is None else f"2026-06-01 {end}",
    }


def compare(
    plan: list[dict[str, Any]], actuals: list[dict[str, Any]], downtime: list[dict[str, Any]] | None = None
) -> PlanVsActual:
    ran_frame = pd.DataFrame(actuals).assign(schedule_id=range(len(actuals))) if actuals else pd.DataFrame()
    return compare_plan_with_actual(
        cast(pd.DataFrame(plan), "scheduled_jobs"),
        cast(ran_frame, "job_schedules") if actuals else empty_frame("job_schedules"),
        as_of=NOW,
        machine_downtime=None if downtime is None else cast(pd.DataFrame(downtime), "machine_downtime"),
    )


def codes(found: PlanVsActual) -> list[str]:
    return [finding.code for finding in found.findings]


def test_started_within_half_an_hour_on_its_machine_is_as_planned() -> None:
    found = compare(
        [planned("A_P01", "06:00", "08:00"), planned("B_P01", "08:00", "10:00")],
        [ran("A_P01", "06:30", "08:40"), ran("B_P01", "08:31", "10:00")],
    )
    assert (found.n_due, found.n_started, found.n_on_time) == (2, 2, 1)
    assert found.adherence == 0.5
    assert found.mean_start_delay_min == pytest.approx((30 + 31) / 2)
    assert found.mean_end_delay_min == pytest.approx((40 + 0) / 2)


def test_an_early_start_is_a_negative_delay() -> None:
    found = compare([planned("A_P01", "08:00", "10:00")], [ran("A_P01", "07:00", "09:00")])
    assert found.mean_start_delay_min == -60
    assert found.n_on_time == 0


def test_an_operation_done_on_another_machine_is_not_as_planned() -> None:
    found = compare([planned("A_P01", "06:00", "08:00")], [ran("A_P01", "06:00", "08:00", machine="M2")])
    assert (found.n_elsewhere, found.n_on_time) == (1, 0)


def test_what_should_have_begun_and_has_not_is_named() -> None:
    found = compare([planned("A_P01", "06:00", "08:00"), planned("B_P01", "13:00", "14:00")], [])
    assert (found.n_planned, found.n_due, found.n_not_started) == (2, 1, 1)
    assert codes(found) == ["NOT_STARTED"]
    assert found.findings[0].context["first"] == ["A_P01 on M1"]


def test_an_actual_after_now_is_not_known_yet() -> None:
    found = compare([planned("A_P01", "06:00", "08:00")], [ran("A_P01", "12:30")])
    assert found.n_not_started == 1


def test_a_running_operation_has_a_start_delay_but_no_end_delay() -> None:
    found = compare([planned("A_P01", "06:00", "08:00")], [ran("A_P01", "06:10")])
    assert (found.n_started, found.mean_start_delay_min, found.mean_end_delay_min) == (1, 10, 0)


def test_operations_that_ran_when_the_plan_was_made_are_left_out() -> None:
    found = compare([planned("A_P01", "06:00", "08:00", is_committed=True)], [])
    assert (found.n_planned, found.n_due, found.adherence) == (0, 0, 1.0)


def test_seven_of_ten_as_planned_is_enough_and_six_are_not() -> None:
    plan = [planned(f"J{n}_P01", "06:00", "08:00", machine=f"M{n}") for n in range(10)]
    good = [ran(f"J{n}_P01", "06:00", "08:00", machine=f"M{n}") for n in range(7)]
    late = [ran(f"J{n}_P01", "09:00", "11:00", machine=f"M{n}") for n in range(10)]
    assert "LOW_ADHERENCE" not in codes(compare(plan, good + late[7:]))
    assert "LOW_ADHERENCE" in codes(compare(plan, good[:6] + late[6:]))


def test_a_share_of_few_operations_is_no_finding() -> None:
    plan = [planned(f"J{n}_P01", "06:00", "08:00") for n in range(9)]
    assert "LOW_ADHERENCE" not in codes(compare(plan, [ran(f"J{n}_P01", "09:00") for n in range(9)]))


def test_a_machine_that_is_down_names_the_planned_operations_it_touches() -> None:
    plan = [
        planned("A_P01", "11:00", "13:00"),
        planned("B_P01", "13:00", "15:00"),
        planned("C_P01", "06:00", "07:00"),
    ]
    breakdown = {"downtime_id": 1, "machine_id": "M1", "start_time": "2026-06-01 11:30", "kind": "breakdown"}
    found = compare(plan, [], [breakdown])
    down = next(finding for finding in found.findings if finding.code == "MACHINE_DOWN")
    assert down.context == {"machine_id": "M1", "n_operations": 2}


def test_a_breakdown_that_is_over_touches_nothing() -> None:
    breakdown = {
        "downtime_id": 1,
        "machine_id": "M1",
        "start_time": "2026-06-01 09:00",
        "end_time": "2026-06-01 11:00",
        "kind": "breakdown",
    }
    assert "MACHINE_DOWN" not in codes(compare([planned("A_P01", "13:00", "15:00")], [], [breakdown]))


def test_a_plan_of_yesterday_is_old() -> None:
    found = compare([planned("A_P01", "13:00", "15:00", scheduled_date="2026-05-31 04:00:00")], [])
    assert codes(found) == ["PLAN_OLD"]


def test_no_plan_is_a_finding() -> None:
    found = compare_plan_with_actual(empty_frame("scheduled_jobs"), empty_frame("job_schedules"), as_of=NOW)
    assert found.run_id is None
    assert codes(found) == ["NO_PLAN"]
