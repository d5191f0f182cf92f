"""Leases, ledger, incidents, outbox, quarantine, rollout and KPI rows, on both engines."""

from __future__ import annotations

import contextlib
import threading
import time
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from tiny_plant import AS_OF

from shopfloor.data.incidents import Incident, list_incidents, record_incidents, resolve_incident
from shopfloor.data.kpi_rows import read_kpis, record_kpis
from shopfloor.data.leases import acquire, holder, release, renew
from shopfloor.data.ledger import LedgerEntry, append, current_champion, history
from shopfloor.data.outbox import Message, mark_failed, mark_sent, pending, queue_message
from shopfloor.data.plans import active_run, count_plant_rows, list_runs
from shopfloor.data.quarantine import QuarantinedRow, list_quarantined, store
from shopfloor.data.rollout import RolloutState, read_rollout, write_rollout
from shopfloor.data.tables import outbox
from shopfloor.domain.errors import LeaseHeld, LeaseLost, StalePromotion


def entry(version: str, **fields) -> LedgerEntry:
    return LedgerEntry("promote", version, "h" * 64, f"/models/{version}", verdict={"passed": True}, **fields)


def test_a_held_lease_is_refused_to_others_and_its_fence_grows_with_each_owner(database):
    first = acquire(database, "daily", owner="a", ttl_s=60)
    with pytest.raises(LeaseHeld, match="'a'"):
        acquire(database, "daily", owner="b", ttl_s=60)
    assert acquire(database, "weekly", owner="b", ttl_s=60).fence == 1
    assert release(database, first)
    second = acquire(database, "daily", owner="b", ttl_s=60)
    assert (second.fence, second.taken_over_from) == (2, None)
    assert holder(database, "daily") is not None
    assert not release(database, first)


def test_a_dead_owners_lease_is_taken_over_and_the_dead_cannot_renew(database):
    dead = acquire(database, "daily", owner="a", ttl_s=0.2)
    time.sleep(0.3)
    assert holder(database, "daily") is None
    taken = acquire(database, "daily", owner="b", ttl_s=60)
    assert (taken.fence, taken.taken_over_from) == (2, "a")
    with pytest.raises(LeaseLost):
        renew(database, dead, ttl_s=60)
    assert renew(database, taken, ttl_s=120).expires_at > taken.expires_at


def test_one_of_many_racers_gets_the_lease(database):
    won: list[str] = []
    barrier = threading.Barrier(4)

    def race(owner: str) -> None:
        barrier.wait()
        with contextlib.suppress(LeaseHeld):
            won.append(acquire(database, "daily", owner=owner, ttl_s=60).owner)

    threads = [threading.Thread(target=race, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1


def test_the_ledger_is_appended_by_compare_and_set(database):
    assert current_champion(database) is None
    first = append(database, entry("1"), expected_epoch=0)
    assert first.epoch == 1
    second = append(database, entry("2", previous_version="1"), expected_epoch=1)
    with pytest.raises(StalePromotion, match="epoch 2"):
        append(database, entry("3"), expected_epoch=1)
    found = current_champion(database)
    assert found == second
    assert found is not None
    assert found.verdict == {"passed": True}
    assert [row.epoch for row in history(database)] == [2, 1]


def test_of_promotions_that_race_one_wins_and_the_others_are_stale(database):
    outcomes: list[str] = []
    barrier = threading.Barrier(4)

    def promote(version: str) -> None:
        barrier.wait()
        try:
            append(database, entry(version), expected_epoch=0)
            outcomes.append("promoted")
        except StalePromotion:
            outcomes.append("stale")

    threads = [threading.Thread(target=promote, args=(str(number),)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["promoted", "stale", "stale", "stale"]
    assert len(history(database)) == 1


def test_an_incident_told_twice_is_one_row_until_it_is_resolved(database):
    incident = Incident("DB_DOWN", "error", "no answer", {"host": "h"}, run_id="r")
    ids = record_incidents(database, [incident], as_of=AS_OF, at=AS_OF)
    assert record_incidents(database, [incident], as_of=AS_OF, at=AS_OF + timedelta(minutes=1)) == ids
    found = list_incidents(database, only_open=True)
    assert [(item.code, item.context) for item in found] == [("DB_DOWN", {"host": "h"})]
    assert resolve_incident(database, ids[0], at=AS_OF)
    assert not resolve_incident(database, ids[0], at=AS_OF)
    assert list_incidents(database, only_open=True) == ()
    assert record_incidents(database, [], as_of=None, at=AS_OF) == []


def test_a_message_waits_until_it_is_sent_and_its_twin_within_an_hour_is_dropped(database):
    first = queue_message(database, Message("k", "T", "B"))
    assert first is not None
    assert queue_message(database, Message("k", "T", "B")) is None
    mark_failed(database, first, error="503")
    waiting = pending(database)
    assert [(item.title, item.attempts, item.last_error) for item in waiting] == [("T", 1, "503")]
    mark_sent(database, first)
    assert pending(database) == ()
    with database.begin() as connection:
        connection.execute(sa.update(outbox).values(created_at=AS_OF.replace(tzinfo=None)))
    assert queue_message(database, Message("k", "T", "B")) is not None


def test_quarantined_rows_are_stored_once_with_their_value_escaped(database):
    row = QuarantinedRow(
        "s", "machines", "M1", "status", "A\x00B" + "x" * 300, "known_status", {"machine_id": "M1"}
    )
    assert store(database, [row, row]) == 1
    assert store(database, [row]) == 0
    kept = list_quarantined(database, snapshot_id="s")[0]
    assert kept["value"].startswith("A\\x00B")
    assert len(kept["value"]) == 200
    assert kept["row_json"] == '{"machine_id": "M1"}'
    assert store(database, []) == 0


def test_the_rollout_state_outlives_its_writer(database):
    assert read_rollout(database) == RolloutState()
    for state in (RolloutState("canary", "7", "open", 3, "011"), RolloutState("full")):
        write_rollout(database, state)
        assert read_rollout(database) == state


def test_kpis_of_a_day_are_replaced_and_what_is_not_a_number_is_left_out(database):
    day = date(2026, 6, 1)
    record_kpis(database, day, {"a": 1.0, "b": None, "c": float("nan")}, source="plan")
    record_kpis(database, day, {"a": 2.0}, source="plan", run_id="r")
    record_kpis(database, day, {"a": 9.0}, source="greedy")
    assert read_kpis(database, day, source="plan") == {"a": 2.0}


def test_an_empty_database_has_no_plan_and_no_rows(database):
    assert active_run(database) is None
    assert list_runs(database) == ()
    assert set(count_plant_rows(database).values()) == {0}
