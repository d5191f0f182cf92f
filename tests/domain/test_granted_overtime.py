"""Overtime that is granted: which windows open, until when, and how many hours a plan works in them."""

from __future__ import annotations

import pytest
from builders import DAY, placed, tiny_instance, tiny_machine, tiny_operation, tiny_plant, tiny_schedule

from shopfloor.domain.errors import RefusedInput
from shopfloor.domain.granted_overtime import grant_overtime, granted_hours_worked
from shopfloor.domain.instance import Commitment, CommitmentKind, Instance
from shopfloor.domain.open_time import OpenTime


def shifts(days: int = 20) -> OpenTime:
    """Return 08:00-16:00 regular and 16:00-20:00 overtime and 20:00-22:00 night of each day."""
    rows = []
    for day in range(days):
        begin = day * DAY
        rows += [
            (begin + 480, begin + 960, 0),
            (begin + 960, begin + 1200, 1),
            (begin + 1200, begin + 1320, 2),
        ]
    return OpenTime.of(rows)


def plant(**fields) -> Instance:
    machines = [tiny_machine("M1"), tiny_machine("S1", "SAW")]
    return tiny_instance(
        [tiny_operation("A-P1", minutes=600)], plant=tiny_plant(machines),
        open_time={"M1": shifts(), "S1": shifts()}, **fields,
    )  # fmt: skip


def test_only_the_work_centre_gets_only_its_overtime_windows_of_these_days():
    granted = grant_overtime(plant(), "MILL", 2)
    opened = granted.instance.open_time
    assert granted.windows == {"M1": ((960, 1200), (DAY + 960, DAY + 1200))}
    assert granted.hours == 8
    assert opened["M1"].work_between(0, 2 * DAY, 0) == 2 * (480 + 240)
    assert opened["M1"].work_between(2 * DAY, 3 * DAY, 0) == 480
    assert opened["S1"] is plant().open_time["S1"] or opened["S1"].work_between(0, DAY, 0) == 480
    assert opened["M1"].work_between(0, DAY, 2) == 480 + 240 + 120  # night is still night


def test_a_plan_works_through_the_granted_windows_and_the_hours_are_counted():
    granted = grant_overtime(plant(), "MILL", 1)
    plan = tiny_schedule([placed(granted.instance, "A-P1", "M1", start=480)])
    assert plan.operations[0].end == 480 + 600
    assert granted_hours_worked(granted, plan) == 2


def test_what_runs_works_on_and_what_is_frozen_stays():
    running = Commitment("A-P1", "M1", 0, DAY + 500, CommitmentKind.IN_PROGRESS)  # 480 + 20 to go
    granted = grant_overtime(plant(now=480, commitments=[running]), "MILL", 1)
    assert granted.instance.commitments[0].end == 960 + 20
    frozen = Commitment("A-P1", "M1", 500, DAY + 500, CommitmentKind.FROZEN)
    kept = grant_overtime(plant(now=480, commitments=[frozen]), "MILL", 1)
    assert kept.instance.commitments == (frozen,)


@pytest.mark.parametrize(
    ("machine_type", "days", "words"), [("LATHE", 1, "MILL, SAW"), ("MILL", 0, "one day")]
)
def test_a_grant_that_cannot_be_is_refused(machine_type: str, days: int, words: str):
    with pytest.raises(RefusedInput, match=words):
        grant_overtime(plant(), machine_type, days)


def test_a_work_centre_without_overtime_windows_is_refused():
    with pytest.raises(RefusedInput, match="no overtime window"):
        grant_overtime(tiny_instance([tiny_operation()]), "MILL", 3)
