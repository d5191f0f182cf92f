"""The replay of past weeks: same information for everybody, nothing from the future, one scorer."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import numpy as np
import pandas as pd
import pytest
from evaluation_cases import DAY, tiny_instance

from shopfloor.data.assembly import AssemblyOptions, assemble
from shopfloor.domain.fingerprint import instance_fingerprint
from shopfloor.engine.arrays import compile_instance
from shopfloor.engine.rules import Rule, RuleSpec
from shopfloor.evaluation.contestant import Contestant, Sampling, greedy
from shopfloor.evaluation.evidence import HISTORY
from shopfloor.evaluation.past import Past, Record, look_back
from shopfloor.evaluation.replay import Window, open_window, replay_weeks, replayed, score, week_starts
from shopfloor.evaluation.world import scenario_of
from shopfloor.twin.generate import generate_plant
from shopfloor.twin.plant_spec import DEFAULT_AS_OF, TINY_SPEC

NOW = DEFAULT_AS_OF.replace(tzinfo=UTC)
ZONE = TINY_SPEC.plant_tz


@lru_cache(maxsize=1)
def plant() -> dict[str, pd.DataFrame]:
    return generate_plant(TINY_SPEC, seed=4)


def record(frames: dict[str, pd.DataFrame]) -> Record:
    return Record(frames, NOW, ZONE)


def hand_window(completions: dict[str, int]) -> Window:
    """Two orders of weight 1 and 2, due on day 1 and day 20, replayed for 14 days from minute 480."""
    whole = tiny_instance(n_jobs=2)
    jobs = (replace(whole.jobs[0], weight=1.0, due=DAY), replace(whole.jobs[1], weight=2.0, due=20 * DAY))
    known = replace(whole, jobs=jobs)
    compiled = compile_instance(known)
    past = Past(known, known, completions, {})
    return Window("2025-06-02", past, compiled, scenario_of(compiled, known), 480, 480 + 14 * DAY)


def test_windows_begin_on_the_last_mondays_that_leave_room_for_them() -> None:
    starts = week_starts(datetime(2026, 6, 3, 12, tzinfo=UTC), "Europe/Berlin", n_weeks=3, window_days=14)
    assert [start.isoformat() for start in starts] == [
        "2026-05-04T03:30:00+00:00",
        "2026-05-11T03:30:00+00:00",
        "2026-05-18T03:30:00+00:00",
    ]


def test_a_window_begins_at_the_same_local_hour_in_winter() -> None:
    (start,) = week_starts(datetime(2026, 1, 30, tzinfo=UTC), "Europe/Berlin", n_weeks=1)
    assert start == datetime(2026, 1, 12, 4, 30, tzinfo=UTC)


def test_tardiness_accrues_from_the_due_minute_to_completion_and_only_inside_the_window() -> None:
    window = hand_window({"J0": 3 * DAY})
    row = score(window, HISTORY, {"J0": 3 * DAY})
    assert row.accrued_by_job == {"J0": 2.0, "J1": 0.0}
    assert (row.n_jobs, row.n_completed, row.n_cohort) == (2, 1, 1)
    assert (row.cohort_tardiness_days, row.cohort_on_time_rate) == (2.0, 0.0)
    never = score(window, "never", {"J0": 99 * DAY})
    assert never.accrued_by_job["J0"] == pytest.approx(13 + 1 / 3)
    assert never.cohort_tardiness_days == 98.0


def test_an_order_that_was_late_before_is_charged_for_the_window_only() -> None:
    window = hand_window({})
    row = score(replace(window, start=2 * DAY), HISTORY, {"J0": 5 * DAY})
    assert row.accrued_by_job["J0"] == 3.0


def test_a_row_of_the_future_changes_nothing_that_was_known() -> None:
    frames = plant()
    then = NOW - timedelta(days=14)
    before = assemble(frames, as_of=then, plant_tz=ZONE)
    known = look_back(record(frames), as_of=then).known
    moment = (then + timedelta(days=1)).replace(tzinfo=None)
    later = dict(frames)
    order = (
        frames["production_jobs"]
        .iloc[[0]]
        .assign(job_id="ZZ_P01", order_id="ZZ", created_at=moment, status="PENDING")
    )
    later["production_jobs"] = pd.concat([frames["production_jobs"], order], ignore_index=True)
    down = (
        frames["machine_downtime"]
        .iloc[[0]]
        .assign(downtime_id=99_999, kind="breakdown", start_time=moment, end_time=moment + timedelta(hours=9))
    )
    later["machine_downtime"] = pd.concat([frames["machine_downtime"], down], ignore_index=True)
    assert instance_fingerprint(assemble(later, as_of=then, plant_tz=ZONE)) == instance_fingerprint(before)
    again = look_back(record(later), as_of=then).known
    new = [job for job in again.jobs if job.job_id not in known.job_by_id]
    assert [job.job_id for job in new] == ["ZZ"]
    assert new[0].known_at is not None
    assert new[0].known_at > again.now
    machine = str(down["machine_id"].iloc[0])
    assert np.array_equal(again.open_time[machine].starts, known.open_time[machine].starts)


def test_all_orders_of_the_past_are_known_or_arrive_at_their_creation() -> None:
    then = NOW - timedelta(days=14)
    past = look_back(record(plant()), as_of=then)
    today = assemble(plant(), as_of=then, plant_tz=ZONE, options=AssemblyOptions())
    arrivals = [job for job in past.known.jobs if job.known_at is not None]
    assert {job.job_id for job in past.known.jobs if job.known_at is None} == {j.job_id for j in today.jobs}
    assert arrivals
    assert all(job.known_at > past.known.now for job in arrivals if job.known_at is not None)


def test_durations_and_breakdowns_turn_out_as_the_plant_recorded_them() -> None:
    then = NOW - timedelta(days=14)
    past = look_back(record(plant()), as_of=then)
    changed = [
        (known, real)
        for known, real in zip(past.known.operations, past.turned_out.operations, strict=True)
        if known != real
    ]
    assert changed
    rows = plant()["job_schedules"].drop_duplicates("job_id").set_index("job_id")
    speed = {machine.machine_id: machine.speed_factor for machine in past.known.plant.machines}
    for _, real in changed:
        row = rows.loc[real.operation_id]
        work = float(row["processing_time"]) * 60 * speed[str(row["machine_id"])]
        assert real.processing_minutes == pytest.approx(work, abs=1.0)
    for machine_id, open_time in past.turned_out.open_time.items():
        whole = past.known.open_time[machine_id]
        for row in (
            plant()["machine_downtime"]
            .query("machine_id == @machine_id and kind == 'breakdown'")
            .itertuples()
        ):
            if pd.notna(row.end_time):
                begin, end = (
                    past.known.to_minute(pd.Timestamp(value).to_pydatetime().replace(tzinfo=UTC))
                    for value in (row.start_time, row.end_time)
                )
                if begin >= past.known.now:
                    assert open_time.work_between(begin + 1, end, 0) == 0
        assert whole.work_between(past.known.now, past.known.now + 14 * DAY, 0) > 0


def test_everybody_meets_the_same_orders_and_the_plant_itself_is_one_of_them() -> None:
    sampler = Contestant("samples", RuleSpec(Rule.ATC), Sampling(4, 0.3, 1.0))
    players = [greedy(), Contestant("tuned ATC", RuleSpec(Rule.ATC)), sampler]
    rows = replay_weeks(record(plant()), players, n_weeks=2)
    assert [row.contestant for row in rows] == [HISTORY, "greedy", "tuned ATC"] * 2
    for week in {row.week for row in rows}:
        mine = [row for row in rows if row.week == week]
        assert len({(row.n_jobs, row.n_cohort, tuple(row.accrued_by_job)) for row in mine}) == 1


def test_the_same_replay_twice_is_the_same() -> None:
    start = week_starts(NOW, ZONE, n_weeks=1)[0]
    window = open_window(record(plant()), start)
    assert window is not None
    levels = np.zeros(len(window.compiled.operation_ids), dtype=np.int64)
    assert replayed(window, greedy(), levels) == replayed(window, greedy(), levels)
