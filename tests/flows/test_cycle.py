"""A killed weekly cycle goes on where it stopped; a finished or stale one does not."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from flows.cycle import CycleRequest, open_cycle

NOW = datetime(2026, 6, 7, 20, 0, tzinfo=UTC)


def ask(hours_later: float = 0, seed: int = 0) -> CycleRequest:
    return CycleRequest("small", seed, NOW + timedelta(hours=hours_later))


def test_an_unfinished_cycle_is_resumed_with_its_own_as_of(tmp_path: Path) -> None:
    first = open_cycle(tmp_path, ask())
    first.remember("snapshot", "s1")
    again = open_cycle(tmp_path, ask(hours_later=1))
    assert again.cycle_id == first.cycle_id
    assert again.is_resumed
    assert again.recall("snapshot") == "s1"
    assert again.request.as_of == NOW


def test_a_finished_cycle_is_not_resumed(tmp_path: Path) -> None:
    first = open_cycle(tmp_path, ask())
    first.remember("finished", True)
    assert open_cycle(tmp_path, ask(hours_later=1)).cycle_id != first.cycle_id


def test_another_seed_is_another_cycle(tmp_path: Path) -> None:
    first = open_cycle(tmp_path, ask())
    assert open_cycle(tmp_path, ask(seed=1)).cycle_id != first.cycle_id


def test_a_stale_cycle_is_abandoned(tmp_path: Path) -> None:
    first = open_cycle(tmp_path, ask())
    assert open_cycle(tmp_path, ask(hours_later=72)).cycle_id != first.cycle_id


def test_a_fresh_cycle_can_be_asked_for_at_the_same_instant(tmp_path: Path) -> None:
    first = open_cycle(tmp_path, ask())
    assert open_cycle(tmp_path, ask(), is_fresh=True).cycle_id != first.cycle_id
