"""Changes that nobody has made yet: rows that the plant could have written, with values worked out by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest
from tiny_plant import AS_OF, NOW, ZONE, frames, step

from shopfloor.data.assembly import assemble
from shopfloor.data.changes import RushOrder, add_rush_order, change_priority, close_machine
from shopfloor.domain.errors import RefusedInput

TODAY = date(2026, 6, 1)
DUE = date(2026, 6, 4)


def history() -> dict[str, pd.DataFrame]:
    """Return family F made by saw and mill twice, by mill alone once; G once; O5, of H, is open."""
    done = {"status": "COMPLETED", "quantity": 10}
    rows = [
        step("O1_P01", "SAW", processing_time=1.0, **done),
        step("O1_P02", "MILL", processing_time=4.0, **done),
        step("O2_P01", "SAW", processing_time=2.0, **done),
        step("O2_P02", "MILL", processing_time=4.0, is_interruptible=False, **done),
        step("O3_P01", "MILL", processing_time=9.0, **done),
        step("O4_P01", "MILL", family_name="G", processing_time=7.0, status="COMPLETED"),
        step("O5_P01", "MILL", family_name="H"),
    ]
    return frames(production_jobs=rows)


def test_a_rush_order_takes_the_usual_route_with_the_median_time_per_piece():
    before = history()
    added = add_rush_order(before, RushOrder("F", 20, DUE), as_of=AS_OF, plan_date=TODAY)
    assert [(s.process_order, s.machine_type, round(s.hours, 6)) for s in added.route] == [
        ("P01", "SAW", 3.0),
        ("P02", "MILL", 8.0),
    ]
    assert (added.job_id, added.seen, added.route[1].is_interruptible) == ("RUSH1", 2, False)
    assert len(before["production_jobs"]) == 7
    instance = assemble(added.frames, as_of=AS_OF, plant_tz=ZONE)
    job = instance.job_by_id["RUSH1"]
    assert (job.weight, job.family) == (5.0, "F")
    assert job.release <= NOW
    assert job.due == assemble(before, as_of=AS_OF, plant_tz=ZONE).jobs[0].due - 6 * 1440
    chain = [o for o in instance.operations if o.job_id == "RUSH1"]
    assert [(o.operation_id, o.processing_minutes, o.predecessor) for o in chain] == [
        ("RUSH1_P01", 180, None),
        ("RUSH1_P02", 480, "RUSH1_P01"),
    ]


def test_without_a_known_quantity_the_median_order_is_taken():
    added = add_rush_order(history(), RushOrder("G", 500, DUE), as_of=AS_OF, plan_date=TODAY)
    assert [step.hours for step in added.route] == [7.0]


def test_a_second_rush_order_has_a_name_of_its_own():
    rush = RushOrder("G", 1, DUE)
    once = add_rush_order(history(), rush, as_of=AS_OF, plan_date=TODAY)
    twice = add_rush_order(once.frames, rush, as_of=AS_OF, plan_date=TODAY)
    assert (once.job_id, twice.job_id) == ("RUSH1", "RUSH2")


def test_downtime_closes_the_machine_and_nothing_else():
    start = AS_OF + timedelta(hours=1)
    closed = close_machine(history(), "M1", start=start, end=start + timedelta(hours=2))
    before, after = (assemble(tables, as_of=AS_OF, plant_tz=ZONE) for tables in (history(), closed))
    until = NOW + 8 * 60
    assert before.open_time["M1"].work_between(NOW, until, 0) == 420  # 06:30-14:30 less the break
    assert after.open_time["M1"].work_between(NOW, until, 0) == 300
    assert after.open_time["M2"].work_between(NOW, until, 0) == 420


def test_a_priority_changes_the_weight_of_its_job_alone():
    after = assemble(change_priority(history(), "O5", 5), as_of=AS_OF, plant_tz=ZONE)
    assert {job.job_id: job.weight for job in after.jobs} == {"O5": 5.0}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: add_rush_order(f, RushOrder("f", 1, DUE), as_of=AS_OF, plan_date=TODAY), "did you mean F"),
        (lambda f: add_rush_order(f, RushOrder("F", 0, DUE), as_of=AS_OF, plan_date=TODAY), "quantity 0"),
        (lambda f: close_machine(f, "m1", start=AS_OF, end=AS_OF + timedelta(1)), "did you mean M1"),
        (lambda f: close_machine(f, "M1", start=AS_OF, end=AS_OF), "ends before"),
        (lambda f: change_priority(f, "O55", 5), "did you mean O5"),
        (lambda f: change_priority(f, "O5", 6), "1..5"),
    ],
    ids=["family", "quantity", "machine", "interval", "job", "priority"],
)
def test_what_the_plant_does_not_know_is_refused_with_what_may_have_been_meant(change, words: str):
    with pytest.raises(RefusedInput, match=words):
        change(history())


def test_a_machine_that_is_not_active_cannot_go_down():
    tables = frames(machines=[{"machine_id": "M1", "machine_type": "MILL", "status": "RETIRED"}])
    with pytest.raises(RefusedInput, match="no active machine 'M1'"):
        close_machine(tables, "M1", start=datetime(2026, 6, 1, tzinfo=UTC), end=AS_OF)
