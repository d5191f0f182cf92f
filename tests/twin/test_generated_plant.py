"""The synthetic plant: its tables, its past and how hard its open book is."""

from __future__ import annotations

import itertools
from datetime import UTC

import pandas as pd
import pytest

from shopfloor.data.assembly import assemble
from shopfloor.data.frames import cast
from shopfloor.data.tables import PLANT_TABLES
from shopfloor.domain.instance import Instance
from shopfloor.domain.validator import require_valid
from shopfloor.engine.arrays import compile_instance
from shopfloor.engine.dispatch import greedy_list, to_schedule
from shopfloor.twin.calibration import best_rule, measure_book
from shopfloor.twin.generate import generate_plant
from shopfloor.twin.plant_spec import DEFAULT_AS_OF, DEFAULT_SPEC, TINY_SPEC, PlantSpec

OPEN = ["PENDING", "READY", "IN_PROGRESS"]


def instance_of(frames: dict[str, pd.DataFrame], spec: PlantSpec) -> Instance:
    return assemble(frames, as_of=DEFAULT_AS_OF.replace(tzinfo=UTC), plant_tz=spec.plant_tz)


@pytest.fixture(scope="module")
def tiny() -> dict[str, pd.DataFrame]:
    return generate_plant(TINY_SPEC, seed=0)


@pytest.fixture(scope="module")
def default() -> dict[str, pd.DataFrame]:
    return generate_plant(DEFAULT_SPEC, seed=0)


def test_the_same_seed_gives_identical_tables(tiny: dict[str, pd.DataFrame]) -> None:
    again = generate_plant(TINY_SPEC, seed=0)
    assert list(again) == list(PLANT_TABLES)
    for name, frame in tiny.items():
        pd.testing.assert_frame_equal(frame, again[name])


def test_another_seed_gives_another_plant(tiny: dict[str, pd.DataFrame]) -> None:
    assert not tiny["production_jobs"].equals(generate_plant(TINY_SPEC, seed=1)["production_jobs"])


def test_tables_have_exactly_the_columns_and_dtypes_of_the_schema(tiny: dict[str, pd.DataFrame]) -> None:
    for name, frame in tiny.items():
        pd.testing.assert_frame_equal(frame, cast(frame, name))
        required = [c.name for c in PLANT_TABLES[name].columns if not c.nullable]
        assert frame[required].notna().all().all(), name
        keys = [c.name for c in PLANT_TABLES[name].primary_key.columns]
        assert not frame.duplicated(keys).any(), name


def test_no_time_of_the_past_lies_after_as_of(tiny: dict[str, pd.DataFrame]) -> None:
    assert tiny["production_jobs"]["created_at"].max() < DEFAULT_AS_OF
    assert tiny["job_schedules"]["start_time"].max() < DEFAULT_AS_OF
    assert tiny["job_schedules"]["end_time"].max() <= DEFAULT_AS_OF
    breakdowns = tiny["machine_downtime"].query("kind == 'breakdown'")
    assert breakdowns["start_time"].max() < DEFAULT_AS_OF
    assert int(breakdowns["end_time"].isna().sum()) == TINY_SPEC.n_open_breakdowns


def test_running_rows_are_the_operations_in_progress(tiny: dict[str, pd.DataFrame]) -> None:
    running = tiny["job_schedules"].query("end_time.isna()")
    in_progress = tiny["production_jobs"].query("status == 'IN_PROGRESS'")
    assert set(running["job_id"]) == set(in_progress["job_id"])
    assert not running.duplicated("machine_id").any()


def test_a_machine_never_worked_on_two_operations_at_once(tiny: dict[str, pd.DataFrame]) -> None:
    rows = tiny["job_schedules"].sort_values(["machine_id", "start_time"])
    previous_end = rows.groupby("machine_id")["end_time"].shift()
    assert not (rows["start_time"] < previous_end).any()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_open_book_has_exactly_the_wanted_size_and_a_valid_greedy_plan(seed: int) -> None:
    frames = generate_plant(TINY_SPEC, seed=seed)
    assert int(frames["production_jobs"]["status"].isin(OPEN).sum()) == TINY_SPEC.n_open_operations
    instance = instance_of(frames, TINY_SPEC)
    assert len(instance.operations) == TINY_SPEC.n_open_operations
    assert not instance.set_aside
    compiled = compile_instance(instance)
    schedule = to_schedule(compiled, greedy_list(compiled), "greedy")
    require_valid(instance, schedule)
    assert not schedule.unassigned


def test_the_default_plant_has_the_size_it_promises(default: dict[str, pd.DataFrame]) -> None:
    assert len(default["machines"]) == 74
    assert default["machines"]["machine_type"].nunique() == 12
    jobs = default["production_jobs"]
    assert jobs["family_name"].nunique() == 60
    assert int(jobs["status"].isin(OPEN).sum()) == 443
    route = jobs.groupby("order_id").size()
    assert (route.min(), route.max()) == (1, 8)
    assert 2000 < len(default["job_schedules"]) < 6000


def test_greedy_on_the_default_plant_is_as_late_as_the_real_one(default: dict[str, pd.DataFrame]) -> None:
    measures = measure_book(instance_of(default, DEFAULT_SPEC))
    greedy, best = measures["greedy"], best_rule(measures)
    assert greedy.avg_days_late == pytest.approx(25.9, abs=1.5)
    assert greedy.on_time_rate == pytest.approx(0.60, abs=0.03)
    assert greedy.unavoidable_share <= 0.40
    assert 0.1 * greedy.avoidable < best.avoidable < 0.6 * greedy.avoidable
    by_rule = sorted(measures[name].avoidable for name in ("FIFO", "SPT", "EDD", "WSPT", "ATCS"))
    assert all(worse > 1.1 * better for better, worse in itertools.pairwise(by_rule))
