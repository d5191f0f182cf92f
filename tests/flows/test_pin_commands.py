"""Pins with a real database: tried, stored, kept by the day's plan, listed, removed; refused in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from shopfloor_command import shopfloor
from tiny_day import AS_OF, TinyPlant

from flows.pins import PinWish, clear_pins, list_pins, set_pin
from shopfloor.data.plans import PlanRow
from shopfloor.data.tables import schedule_pins
from shopfloor.domain.errors import RefusedInput
from shopfloor.serving.exit_codes import ExitCode


@pytest.fixture
def plant(database: sa.Engine, database_url: str, tmp_path: Path) -> TinyPlant:
    found = TinyPlant(database, database_url, tmp_path / "home")
    found.run_day()
    return found


def stored(plant: TinyPlant) -> int:
    with plant.engine.connect() as connection:
        count: int = connection.execute(sa.select(sa.func.count()).select_from(schedule_pins)).scalar_one()
    return count


def last_free(plant: TinyPlant) -> PlanRow:
    return max(
        (row for row in plant.plan().values() if not row.is_committed),
        key=lambda row: (row.start_time, row.operation_id),
    )


def pin(plant: TinyPlant, wish: PinWish, as_of: datetime = AS_OF):
    return set_pin(wish, as_of=as_of, settings=plant.settings)


def test_a_pin_is_tried_stored_kept_by_the_plan_listed_and_removed(plant: TinyPlant):
    row = last_free(plant)
    start = row.start_time.replace(tzinfo=UTC)
    wish = PinWish(row.operation_id, row.machine_id, start, by="ann", reason="visit")
    done = pin(plant, wish)
    assert (done.pin.holds, done.pin.by) == (True, "ann")
    pin(plant, PinWish(row.operation_id, row.machine_id, start, by="bob", expires=AS_OF + timedelta(days=90)))
    assert stored(plant) == 1  # the latest word counts
    assert plant.run_day() is not None
    kept = plant.plan()[row.operation_id]
    assert (kept.machine_id, kept.start_time) == (row.machine_id, row.start_time)
    (listed,) = list_pins(as_of=AS_OF, settings=plant.settings).pins
    assert (listed.operation_id, listed.holds, listed.by) == (row.operation_id, True, "bob")
    (expired,) = list_pins(as_of=AS_OF + timedelta(days=91), settings=plant.settings).pins
    assert (expired.holds, expired.says) == (None, "has expired")
    assert clear_pins(row.operation_id, settings=plant.settings) == 1
    with pytest.raises(RefusedInput, match="has no pin"):
        clear_pins(row.operation_id, settings=plant.settings)


def test_a_position_is_kept_by_the_plan(plant: TinyPlant):
    row = last_free(plant)
    pin(plant, PinWish(row.operation_id, row.machine_id, position=1))
    plant.run_day()
    rows = [item for item in plant.plan().values() if item.machine_id == row.machine_id]
    begun = {item.operation_id for item in rows if item.start_time < AS_OF.replace(tzinfo=None)}
    order = [item.operation_id for item in sorted(rows, key=lambda item: item.start_time)]
    before = plant.plan()[row.operation_id].job_id  # what it waits for may run on its machine too
    others = [name for name in order if name not in begun and plant.plan()[name].job_id != before]
    assert order.index(row.operation_id) < min((order.index(name) for name in others), default=len(order))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"start": AS_OF - timedelta(days=30)}, "past"),
        ({"machine_id": "nowhere"}, "not active"),
        ({"machine_id": None, "start": AS_OF + timedelta(days=1)}, "needs its machine"),
        ({"position": 2}, "position 1"),
        ({"expires": AS_OF - timedelta(days=1)}, "expired already"),
        ({"operation_id": "O-none"}, "no open operation"),
    ],
)
def test_a_pin_that_cannot_hold_is_not_stored(plant: TinyPlant, changes: dict[str, Any], words: str):
    row = last_free(plant)
    facts = {"operation_id": row.operation_id, "machine_id": row.machine_id, "by": "ann"}
    with pytest.raises(RefusedInput, match=words):
        pin(plant, PinWish(**(facts | changes)))
    assert stored(plant) == 0


def test_what_runs_cannot_be_pinned(plant: TinyPlant):
    running = next(row for row in plant.plan().values() if row.is_committed)
    with pytest.raises(RefusedInput, match="may not move: it is in_progress"):
        pin(plant, PinWish(running.operation_id, running.machine_id))


def test_a_pin_that_breaks_another_is_refused_and_names_it(plant: TinyPlant):
    row = last_free(plant)
    same = next(
        item for item in plant.plan().values()
        if not item.is_committed and item.machine_id == row.machine_id and item != row
    )  # fmt: skip
    pin(plant, PinWish(same.operation_id, row.machine_id, position=1, by="bob"))
    with pytest.raises(RefusedInput, match=r"has that position|cannot hold"):
        pin(plant, PinWish(row.operation_id, row.machine_id, position=1, by="ann"))
    assert stored(plant) == 1


@pytest.mark.slow
def test_the_commands_speak_of_pins(tmp_path: Path):
    assert shopfloor("seed", "--plant", "tiny", "--as-of", "2026-06-01T05:30", home=tmp_path).returncode == 0
    assert shopfloor("pins", home=tmp_path).stdout.strip() == "no pins"
    refused = shopfloor("pin", "O-none", "--machine", "M", "--start", "tomorrow 08:00", home=tmp_path)
    assert (refused.returncode, "Traceback" in refused.stderr) == (ExitCode.REFUSED, False)
    assert shopfloor("unpin", "O-none", home=tmp_path).returncode == ExitCode.REFUSED
