"""The figures of the plan document's extraction script, worked out by hand."""

from __future__ import annotations

import json

import pytest
from tiny_plant import AS_OF, frames, ran, step

from shopfloor.data.analysis import analyse
from shopfloor.data.frames import SNAPSHOT_TABLES, cast, empty_frame


def test_families_load_imbalance_and_bottleneck_are_what_they_are_by_hand():
    tables = frames(
        production_jobs=[
            step("O1_P01", status="COMPLETED", processing_time=2.0),
            step("O1_P02", "SAW"),
            step("O2_P01", processing_time=4.0),
            step("O3_P01", family_name="G", created_at="2026-01-01 08:00:00"),
        ],
        job_schedules=[
            ran(
                1,
                "O1_P01",
                "M1",
                "2026-05-20 06:00:00",
                "2026-05-20 09:00:00",
                setup_minutes=60.0,
                processing_time=2.0,
                overtime_minutes=45.0,
            ),
            ran(
                2,
                "O1_P01",
                "M1",
                "2026-05-21 06:00:00",
                "2026-05-21 07:00:00",
                setup_minutes=0.0,
                processing_time=1.0,
                overtime_minutes=0.0,
            ),
            ran(
                3,
                "O0_P01",
                "M2",
                "2026-04-01 06:00:00",
                "2026-04-01 07:00:00",
                setup_minutes=0.0,
                processing_time=9.0,
                overtime_minutes=0.0,
            ),
        ],
    )
    full = {
        name: cast(tables[name], name) if name in tables else empty_frame(name) for name in SNAPSHOT_TABLES
    }
    found = analyse(full, as_of=AS_OF)
    assert (found.n_machines, found.n_machine_types, found.n_families) == (3, 2, 1)
    assert (found.n_open_operations, found.n_open_orders, found.n_executed) == (3, 3, 2)
    assert found.jobs_per_day == pytest.approx(3 / 90)
    steps = {(item.family, item.process_order): (item.frequency, item.average_hours) for item in found.steps}
    assert steps == {("F", "P01"): (2, 3.0), ("F", "P02"): (1, 1.0)}
    assert found.route_lengths == {2: 1}
    assert (found.bottleneck_machine, found.bottleneck_type) == ("M1", "MILL")
    assert found.machine_imbalance == pytest.approx((8 / 9) ** 0.5)  # 2, 0, 0 operations
    assert found.setup_share == pytest.approx(1 / 4)
    assert found.overtime_share == pytest.approx(0.75 / 4)
    assert json.loads(json.dumps(found.as_dict(), default=str))["n_machines"] == 3
    assert any("bottleneck: machine M1" in line for line in found.lines())


def test_a_plant_without_history_has_no_bottleneck():
    found = analyse({name: empty_frame(name) for name in SNAPSHOT_TABLES}, as_of=AS_OF)
    assert (found.bottleneck_machine, found.setup_share, found.machine_imbalance) == (None, 0.0, 0.0)
    assert found.lines()
