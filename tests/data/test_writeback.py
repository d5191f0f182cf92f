"""A plan becomes active whole or not at all: on both engines, under kills, races and lost answers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from tcp_proxy import proxied
from tiny_plant import AS_OF, record

from shopfloor.data.connection import open_database
from shopfloor.data.errors import run_transaction
from shopfloor.data.incidents import Incident, list_incidents
from shopfloor.data.leases import Lease, acquire, release
from shopfloor.data.outbox import Message, pending
from shopfloor.data.plans import active_run, list_runs, read_plan
from shopfloor.data.tables import metadata, schedule_active, scheduled_jobs
from shopfloor.data.writeback import write_plan
from shopfloor.domain.errors import CommitUnknown, DatabaseUnavailable, InvalidPlan, LeaseLost

HERE = Path(__file__).parent


def lease_of(engine: sa.Engine, owner: str = "me") -> Lease:
    return acquire(engine, "daily", owner=owner, ttl_s=60)


def dump(engine: sa.Engine) -> dict[str, list[tuple]]:
    with engine.connect() as connection:
        return {
            name: sorted((tuple(row) for row in connection.execute(sa.select(table))), key=str)
            for name, table in metadata.tables.items()
            if name != "run_leases"
        }


def require_whole(engine: sa.Engine) -> None:
    active = active_run(engine)
    assert active is not None
    plan = read_plan(engine, active.run_id)
    assert len(plan.operations) == plan.run.row_count == 4


def test_a_written_plan_is_active_and_reads_back(database):
    outcome = write_plan(database, record("k1"), lease=lease_of(database))
    assert outcome.status == "written"
    active = active_run(database)
    assert active is not None
    assert (active.run_id, active.fence) == (outcome.run_id, 1)
    plan = read_plan(database, outcome.run_id)
    assert plan.run.kpis == {"weighted_tardiness": 1.5, "cohort_days_late": None}
    first = plan.operations[0]
    assert (first.operation_id, first.machine_id, first.status) == ("O1_P01", "M1", "proposed")
    assert (first.start_time, first.end_time) == (
        AS_OF.replace(tzinfo=None),
        AS_OF.replace(tzinfo=None) + timedelta(minutes=90),
    )
    assert [(row["activity"], row["block"]) for row in plan.blocks if row["operation_id"] == "O1_P01"] == [
        ("setup", 0),
        ("run", 1),
    ]


def test_the_same_key_written_again_changes_nothing(database):
    lease = lease_of(database)
    first = write_plan(database, record("k1"), lease=lease)
    before = dump(database)
    for _ in range(3):
        again = write_plan(database, record("k1"), lease=lease)
        assert (again.run_id, again.status) == (first.run_id, "already_there")
    assert dump(database) == before


def test_a_new_plan_supersedes_the_old_one_and_both_stay_readable(database):
    lease = lease_of(database)
    old = write_plan(database, record("k1"), lease=lease)
    new = write_plan(database, record("k2", as_of=AS_OF + timedelta(days=1)), lease=lease)
    assert {run.run_id: run.status for run in list_runs(database)} == {
        old.run_id: "superseded",
        new.run_id: "written",
    }
    assert len(read_plan(database, old.run_id).operations) == 4


def test_a_plan_older_than_the_active_one_is_refused(database):
    lease = lease_of(database)
    write_plan(database, record("k1"), lease=lease)
    before = dump(database)
    with pytest.raises(LeaseLost, match="superseded"):
        write_plan(database, record("k0", as_of=AS_OF - timedelta(days=1)), lease=lease)
    assert dump(database) == before


def test_a_writer_whose_lease_was_taken_over_is_refused(database):
    stale = acquire(database, "daily", owner="paused", ttl_s=0)
    write_plan(database, record("k1"), lease=lease_of(database, "later"))
    before = dump(database)
    with pytest.raises(LeaseLost, match="fence 1"):
        write_plan(database, record("k2"), lease=stale)
    assert dump(database) == before


def test_a_released_lease_writes_nothing(database):
    lease = lease_of(database)
    assert release(database, lease)
    with pytest.raises(LeaseLost, match="nobody"):
        write_plan(database, record("k1"), lease=lease)
    assert active_run(database) is None


def test_incidents_and_alerts_are_written_with_the_plan(database):
    incident = Incident("PLAN_WORSE", "warning", "policy lost", {"by": 0.1})
    message = Message("plan", "Plan made", "by greedy")
    write_plan(database, record("k1", incidents=[incident], messages=[message]), lease=lease_of(database))
    assert [item.code for item in list_incidents(database)] == ["PLAN_WORSE"]
    assert [item.title for item in pending(database)] == ["Plan made"]


def test_rows_that_a_trigger_changed_are_refused(sqlite_engine):
    with sqlite_engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER meddle AFTER INSERT ON scheduled_jobs BEGIN "
            "UPDATE scheduled_jobs SET machine_id = 'M9' "
            "WHERE operation_id = NEW.operation_id AND NEW.operation_id = 'O1_P01'; END"
        )
    with pytest.raises(InvalidPlan, match="other rows than were sent"):
        write_plan(sqlite_engine, record("k1"), lease=lease_of(sqlite_engine))
    assert active_run(sqlite_engine) is None


def test_a_confirmed_row_keeps_its_status_when_it_is_frozen_into_the_next_plan(database):
    lease = lease_of(database)
    first = write_plan(database, record("k1"), lease=lease)
    with database.begin() as connection:
        mine = (scheduled_jobs.c.run_id == first.run_id) & (scheduled_jobs.c.operation_id == "O1_P01")
        connection.execute(sa.update(scheduled_jobs).where(mine).values(status="confirmed"))
    second = write_plan(database, record("k2"), lease=lease)
    status = {row.operation_id: row.status for row in read_plan(database, second.run_id).operations}
    assert status["O1_P01"] == "confirmed"
    assert status["O2_P01"] == "proposed"


def run_writer(url: str, run_key: str, owner: str, fault: str = "") -> subprocess.Popen[bytes]:
    environment = os.environ | {"PYTHONPATH": str(HERE)}
    if fault:
        environment["SHOPFLOOR_FAULT"] = fault
    command = [sys.executable, str(HERE / "write_one_plan.py"), url, run_key, owner]
    return subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)


@pytest.mark.parametrize("point", ["writeback.after_run", "writeback.after_rows", "writeback.before_commit"])
def test_a_kill_inside_the_transaction_leaves_the_old_plan_and_the_rerun_writes(
    database, database_url, point
):
    old = write_plan(database, record("k1"), lease=acquire(database, "daily", owner="me", ttl_s=0))
    killed = run_writer(database_url, "k2", "killed", f"{point}:kill9")
    killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL
    active = active_run(database)
    assert active is not None
    assert active.run_id == old.run_id
    require_whole(database)
    time.sleep(1.1)  # the dead run's lease runs out
    rerun = run_writer(database_url, "k2", "again")
    assert rerun.communicate(timeout=60)[0] == b"written"
    assert len(list_runs(database)) == 2
    require_whole(database)


def test_of_two_writers_at_once_one_writes_and_the_other_finds_it_there(database):
    lease = lease_of(database)
    outcomes: list[str] = []
    barrier = threading.Barrier(4)

    def write() -> None:
        plan = record("k1")
        barrier.wait()
        outcomes.append(write_plan(database, plan, lease=lease).status)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["already_there"] * 3 + ["written"]
    require_whole(database)


@pytest.mark.mariadb
def test_a_lost_answer_to_commit_is_resolved_by_reading_back(fresh_mariadb_url):
    with proxied(fresh_mariadb_url) as (proxy, url):
        engine = open_database(url)
        lease = lease_of(engine)
        proxy.mode = "lose_answer"
        outcome = write_plan(engine, record("k1"), lease=lease)
        assert proxy.cuts == 1
        assert (outcome.status, outcome.was_unknown) == ("written", True)
        assert len(list_runs(engine)) == 1
        require_whole(engine)
        engine.dispose()


@pytest.mark.mariadb
def test_a_commit_that_never_arrived_is_written_again(fresh_mariadb_url):
    with proxied(fresh_mariadb_url) as (proxy, url):
        engine = open_database(url)
        lease = lease_of(engine)
        proxy.mode = "lose_commit"
        outcome = write_plan(engine, record("k1"), lease=lease)
        assert proxy.cuts == 1
        assert (outcome.status, outcome.was_unknown) == ("written", False)
        assert len(list_runs(engine)) == 1
        require_whole(engine)
        engine.dispose()


@pytest.mark.mariadb
def test_an_unknown_commit_that_cannot_be_read_back_says_so(fresh_mariadb_url):
    with proxied(fresh_mariadb_url) as (proxy, url):
        engine = open_database(url)
        lease = lease_of(engine)
        proxy.mode, proxy.refuse_after = "lose_answer", True
        with pytest.raises(CommitUnknown, match="run_key"):
            write_plan(engine, record("k1"), lease=lease)
        engine.dispose()
    direct = open_database(fresh_mariadb_url)
    again = write_plan(direct, record("k1"), lease=lease)
    assert again.status == "already_there"
    direct.dispose()


@pytest.mark.mariadb
def test_a_lock_timeout_rolls_the_whole_transaction_back_and_runs_it_again(mariadb_engine):
    tries = 0

    def work(connection: sa.Connection) -> int:
        nonlocal tries
        tries += 1
        connection.exec_driver_sql("SET SESSION innodb_lock_wait_timeout=1")
        connection.exec_driver_sql(f"INSERT INTO schema_version VALUES ({100 + tries}, UTC_TIMESTAMP())")
        connection.execute(sa.update(schedule_active).values(fence=7))
        return tries

    holder = mariadb_engine.connect()
    holder.execute(sa.select(schedule_active).with_for_update())
    threading.Timer(1.5, holder.rollback).start()
    assert run_transaction(mariadb_engine, work) == 2
    with mariadb_engine.connect() as connection:
        versions = connection.exec_driver_sql(
            "SELECT version FROM schema_version WHERE version > 100"
        ).scalars()
        assert list(versions) == [102]
    holder.close()


@pytest.mark.mariadb
def test_a_server_that_is_not_there_is_named_without_the_password():
    engine = open_database("mysql+pymysql://me:s3cret@127.0.0.1:1/plant")
    with pytest.raises(DatabaseUnavailable, match="hint:") as caught:
        run_transaction(engine, lambda connection: None)
    assert "s3cret" not in str(caught.value)


def test_the_plan_documents_dashboard_query_works(database):
    write_plan(database, record("k1"), lease=lease_of(database))
    if database.dialect.name == "sqlite":
        days = "julianday(date(completion_date)) - julianday(lcd_date)"
        since = "datetime('2026-06-01')"
    else:
        days, since = "DATEDIFF(completion_date, lcd_date)", "DATE_SUB('2026-06-02', INTERVAL 24 HOUR)"
    query = (
        f"SELECT AVG({days}), COUNT(CASE WHEN completion_date > lcd_date THEN 1 END) / COUNT(*), "
        f"AVG(machine_utilization) FROM scheduled_jobs WHERE scheduled_date >= {since}"
    )
    with database.connect() as connection:
        lateness, _, utilisation = connection.exec_driver_sql(query).one()
    assert float(lateness) == -9.0  # every order is done on 1 June and due on the 10th
    assert 0 < utilisation <= 1
