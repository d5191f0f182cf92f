"""The frozen horizon with a real database: what is frozen stays byte for byte, what moves is counted."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tiny_day import AS_OF, TinyPlant

from shopfloor.data.plans import PlanRow, active_run
from shopfloor.data.tables import production_jobs

NOW = AS_OF.replace(tzinfo=None)
DECISIONS = (
    "job_id", "machine_id", "slot", "start_time", "end_time", "setup_minutes", "run_minutes", "overtime_level",
)  # fmt: skip


@pytest.fixture
def plant(database: sa.Engine, database_url: str, tmp_path: Path) -> TinyPlant:
    return TinyPlant(database, database_url, tmp_path / "home")


def decided(rows: dict[str, PlanRow]) -> dict[str, tuple[Any, ...]]:
    """Return what a plan decides, by operation."""
    return {name: tuple(getattr(row, column) for column in DECISIONS) for name, row in rows.items()}


def rush_rows(plant: TinyPlant) -> list[dict[str, Any]]:
    """Return a rush order like one of two steps or more, urgent and due today."""
    with plant.engine.connect() as connection:
        rows = [dict(row) for row in connection.execute(sa.select(production_jobs)).mappings()]
    by_order: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_order.setdefault(row["order_id"], []).append(row)
    route = next(order for order in by_order.values() if len(order) > 1)
    changes = {
        "order_id": "RUSH", "priority": 5, "lcd_date": NOW.date(), "plan_date": NOW.date(), "status": "PENDING",
        "created_at": NOW - timedelta(minutes=5), "actual_start": None, "remaining_minutes": None,
        "material_ready_at": None,
    }  # fmt: skip
    return [row | changes | {"job_id": f"RUSH_{row['process_order']}"} for row in route]


def is_moved(before: PlanRow, after: PlanRow) -> bool:
    late = abs(before.start_time - after.start_time) > timedelta(minutes=30)
    return before.machine_id != after.machine_id or late


def test_unchanged_input_gives_the_same_run_and_under_a_new_key_the_same_rows(plant: TinyPlant):
    plant.run_day()
    before, first = plant.plan(), active_run(plant.engine)
    assert plant.run_day() is None
    assert active_run(plant.engine) == first
    kpis = plant.run_day(freeze_hours=4.0)
    assert kpis is not None
    frozen = {name for name, row in before.items() if row.start_time < NOW + timedelta(hours=4)}
    after = decided(plant.plan())
    assert {name: after[name] for name in frozen} == {name: decided(before)[name] for name in frozen}


def test_a_rush_order_leaves_the_frozen_horizon_as_it_is_and_what_moves_is_counted(plant: TinyPlant):
    plant.run_day()
    before = plant.plan()
    rush = rush_rows(plant)
    plant.write(sa.insert(production_jobs).values(rush))
    kpis = plant.run_day(freeze_hours=4.0)
    after = plant.plan()
    assert kpis is not None
    assert {row["job_id"] for row in rush} <= set(after)
    running = {name for name, row in before.items() if row.start_time < NOW}
    frozen = {name for name, row in before.items() if row.start_time < NOW + timedelta(hours=4)}
    assert running < frozen, "a Monday morning's plan starts something within four hours"
    was, now_is = decided(before), decided(after)
    assert {name: now_is[name] for name in frozen} == {name: was[name] for name in frozen}
    moved = {name for name in before if is_moved(before[name], after[name])}
    soon = {
        name
        for name in moved
        if min(before[name].start_time, after[name].start_time) < NOW + timedelta(days=4)
    }
    assert len(soon) <= kpis.moved_operations <= len(moved)


def test_a_week_that_is_frozen_stays_whatever_the_priorities(plant: TinyPlant):
    plant.run_day()
    before = decided(plant.plan())
    plant.write(sa.update(production_jobs).values(priority=1))
    kpis = plant.run_day(freeze_hours=168.0)
    after = plant.plan()
    until = NOW + timedelta(hours=168)
    frozen = {name for name, row in before.items() if row[DECISIONS.index("start_time")] < until}
    assert {name: decided(after)[name] for name in frozen} == {name: before[name] for name in frozen}
    assert kpis is not None
    assert kpis.moved_operations <= len(before) - len(frozen)
