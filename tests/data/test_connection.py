"""Engines refuse what is not ours, hide passwords, and classify each kind of failure."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pymysql
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from shopfloor.data.connection import (
    check_schema,
    create_tables,
    describe_url,
    open_database,
    open_readonly,
    reading,
)
from shopfloor.data.errors import ErrorClass, classify, run_transaction
from shopfloor.data.tables import machines, schedule_runs, schema_version
from shopfloor.domain.errors import DatabaseUnavailable, SchemaMismatch


def test_a_new_sqlite_plant_is_private_strict_and_checked(sqlite_engine):
    path = Path(str(sqlite_engine.url.database))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    check_schema(sqlite_engine)
    create_tables(sqlite_engine)
    with sqlite_engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    with pytest.raises(IntegrityError), sqlite_engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO schema_version VALUES ('abc', 'now')")


@pytest.mark.parametrize("content", [b"", b"not a database at all, but long enough to look like one" * 9])
def test_an_empty_or_foreign_file_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes):
    path = tmp_path / "plant.db"
    path.write_bytes(content)
    engine = open_database(f"sqlite:///{path}")
    for attempt in (check_schema, create_tables):
        with pytest.raises(SchemaMismatch, match="DB_NOT_OURS"):
            attempt(engine)
    assert path.read_bytes() == content


def test_another_programs_database_is_refused(tmp_path: Path):
    path = tmp_path / "plant.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    with pytest.raises(SchemaMismatch, match="application_id 0"):
        create_tables(open_database(f"sqlite:///{path}"))


def test_a_database_that_is_not_there_is_not_made_by_looking(tmp_path: Path):
    path = tmp_path / "plant.db"
    with pytest.raises(SchemaMismatch, match="hint: shopfloor seed"):
        check_schema(open_database(f"sqlite:///{path}"))
    assert not path.exists()


def test_a_file_of_another_schema_version_is_refused(sqlite_engine):
    with sqlite_engine.begin() as connection:
        connection.exec_driver_sql("PRAGMA user_version = 9")
    with pytest.raises(SchemaMismatch, match="another schema version"):
        check_schema(sqlite_engine)


def test_a_file_of_schema_1_is_brought_up_to_date_where_tables_are_made(sqlite_engine):
    with sqlite_engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE schedule_runs DROP COLUMN solver_facts")
        connection.execute(sa.update(schema_version).values(version=1))
        connection.exec_driver_sql("PRAGMA user_version = 1")
    with pytest.raises(SchemaMismatch, match="hint: shopfloor seed"):
        check_schema(sqlite_engine)
    create_tables(sqlite_engine)
    check_schema(sqlite_engine)
    create_tables(sqlite_engine)


def test_a_schema_of_another_version_or_without_a_table_is_refused(database):
    with database.begin() as connection:
        connection.execute(sa.update(schema_version).values(version=9))
    with pytest.raises(SchemaMismatch, match="another version: 9"):
        check_schema(database)
    with database.begin() as connection:
        connection.exec_driver_sql("DROP TABLE outbox")
    with pytest.raises(SchemaMismatch, match="table outbox"):
        check_schema(database)


def test_a_readonly_engine_reads_and_cannot_write(database, database_url):
    reader = open_readonly(database_url)
    with reading(reader) as connection:
        assert connection.execute(sa.select(schema_version)).first() is not None
    with pytest.raises(OperationalError) as caught, reader.begin() as connection:
        connection.execute(sa.delete(schema_version))
    assert classify(caught.value) is ErrorClass.RIGHTS
    reader.dispose()


@pytest.mark.mariadb
def test_mariadb_sessions_have_the_settings_that_the_promises_rest_on(mariadb_engine):
    names = (
        "sql_mode, @@time_zone, @@innodb_lock_wait_timeout, @@innodb_snapshot_isolation, @@max_statement_time"
    )
    with mariadb_engine.connect() as connection:
        mode, zone, wait, isolation, longest = connection.exec_driver_sql(f"SELECT @@{names}").one()
    assert "STRICT_TRANS_TABLES" in mode
    assert (zone, wait, isolation, float(longest)) == ("+00:00", 5, 1, 30.0)


@pytest.mark.mariadb
def test_ids_compare_byte_by_byte_on_mariadb(mariadb_engine):
    row = {"machine_type": "T", "setup_time_same": 0, "setup_time_different": 0, "status": "ACTIVE"}
    with mariadb_engine.begin() as connection:
        connection.execute(
            sa.insert(machines), [row | {"machine_id": name} for name in ("j1", "J1", "j1 ", "é")]
        )
        assert connection.execute(sa.select(sa.func.count()).select_from(machines)).scalar() == 4


@pytest.mark.parametrize("url", ["mysql+pymysql://me:s3cret@h/plant", "mysql://me:s3cret@h:99999x/plant"])
def test_a_shown_url_has_no_password(url: str):
    assert "s3cret" not in describe_url(url)


@pytest.mark.parametrize(
    ("url", "said"),
    [("postgresql://h/d", "unknown kind"), ("sqlite://", "needs a file"), ("::", "cannot be read")],
)
def test_other_urls_are_refused(url: str, said: str):
    with pytest.raises(SchemaMismatch, match=said):
        open_database(url)


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (pymysql.err.OperationalError(1213, "Deadlock"), ErrorClass.RETRY_TX),
        (pymysql.err.OperationalError(1205, "Lock wait"), ErrorClass.RETRY_TX),
        (pymysql.err.OperationalError(1020, "Record has changed"), ErrorClass.RETRY_TX),
        (pymysql.err.OperationalError(2013, "Lost connection"), ErrorClass.LOST),
        (pymysql.err.InterfaceError(0, ""), ErrorClass.LOST),
        (ConnectionResetError("reset"), ErrorClass.LOST),
        (pymysql.err.OperationalError(1114, "table is full"), ErrorClass.SPACE),
        (pymysql.err.InternalError(3, "Error writing file (Errcode: 28)"), ErrorClass.SPACE),
        (pymysql.err.IntegrityError(1062, "Duplicate"), ErrorClass.DATA),
        (pymysql.err.ProgrammingError("nan can not be used with MySQL"), ErrorClass.DATA),
        (pymysql.err.OperationalError(1142, "denied"), ErrorClass.RIGHTS),
        (pymysql.err.ProgrammingError(1146, "no table"), ErrorClass.SCHEMA),
        (pymysql.err.OperationalError(1969, "max_statement_time"), ErrorClass.TIMEOUT),
        (pymysql.err.OperationalError(1153, "packet"), ErrorClass.SIZE),
    ],
    ids=lambda value: str(value)[:30],
)
def test_mariadb_errors_have_their_class(error: Exception, wanted: ErrorClass):
    assert classify(error) is wanted
    assert classify(OperationalError("SELECT 1", {}, error)) is wanted


def sqlite_error(*statements: str, second: str = "") -> sqlite3.Error:
    """Return the error that SQLite raises for the last statement."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        for statement in statements:
            connection.execute(statement)
    except sqlite3.Error as error:
        return error
    finally:
        connection.close()
    raise AssertionError("nothing was raised")


@pytest.mark.parametrize(
    ("statements", "wanted"),
    [
        (["SELECT * FROM nothing"], ErrorClass.SCHEMA),
        (["CREATE TABLE t (x UNIQUE)", "INSERT INTO t VALUES (1),(1)"], ErrorClass.DATA),
        (["PRAGMA query_only = ON", "CREATE TABLE t (x)"], ErrorClass.RIGHTS),
        (
            ["PRAGMA max_page_count = 2", "CREATE TABLE t (x)", "INSERT INTO t VALUES (zeroblob(100000))"],
            ErrorClass.SPACE,
        ),
    ],
)
def test_sqlite_errors_have_their_class(statements: list[str], wanted: ErrorClass):
    assert classify(sqlite_error(*statements)) is wanted


def test_a_busy_sqlite_is_tried_again_until_the_writer_is_done(sqlite_engine, monkeypatch):
    monkeypatch.setattr("shopfloor.data.sqlite_file.BUSY_TIMEOUT_MS", 50)
    holder = sqlite_engine.connect()
    transaction = holder.begin()
    tries: list[int] = []

    def free() -> None:
        tries.append(1)
        if len(tries) == 2:
            transaction.rollback()

    sa.event.listen(sqlite_engine, "engine_connect", lambda _connection: free())
    assert run_transaction(sqlite_engine, lambda _connection: "done") == "done"
    assert len(tries) >= 2
    holder.close()


def test_a_full_disk_is_not_tried_again(sqlite_engine):
    tries = 0

    def fill(connection: sa.Connection) -> None:
        nonlocal tries
        tries += 1
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        connection.exec_driver_sql("CREATE TABLE big (x TEXT)")
        connection.exec_driver_sql("INSERT INTO big VALUES (hex(zeroblob(1000000)))")

    with pytest.raises(DatabaseUnavailable, match=r"SPACE.*\n?hint: make room"):
        run_transaction(sqlite_engine, fill, doing="fill")
    assert tries == 1


def test_a_row_that_breaks_a_rule_shows_as_what_it_is(database):
    with pytest.raises(DBAPIError):
        run_transaction(
            database, lambda connection: connection.execute(sa.insert(schedule_runs), {"run_id": "r"})
        )
