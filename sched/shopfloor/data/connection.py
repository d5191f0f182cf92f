"""Engines with the session settings that our promises rest on, for MariaDB and for SQLite.

It never creates a database over a file that is not ours, and no message it makes holds a password.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import NullPool

from shopfloor.data.errors import as_own_error, run_transaction
from shopfloor.data.instants import database_now
from shopfloor.data.schema import missing, table_columns
from shopfloor.data.sqlite_file import connect_sqlite, create_sqlite_file
from shopfloor.data.tables import SCHEMA_VERSION, metadata, schedule_active, schema_version
from shopfloor.domain.errors import SchemaMismatch

MARIADB_SESSION = {
    "sql_mode": "'TRADITIONAL'",
    "time_zone": "'+00:00'",
    "innodb_lock_wait_timeout": "5",
    "innodb_snapshot_isolation": "ON",
    "idle_transaction_timeout": "60",
    "wait_timeout": "300",
}

READ = "shopfloor_read"


def open_database(url: str) -> sa.Engine:
    """Return an engine that may write; nothing is opened yet.

    Args:
        url: `sqlite:////path/plant.db` or `mysql+pymysql://user:password@host/database`.

    Raises:
        SchemaMismatch: The URL is of another kind.
    """
    parsed = _parse(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite_engine(parsed, is_readonly=False)
    return _mariadb_engine(parsed, is_readonly=False)


def open_readonly(url: str) -> sa.Engine:
    """Return an engine whose sessions cannot write: `tx_read_only` on MariaDB, `mode=ro` on SQLite."""
    parsed = _parse(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite_engine(parsed, is_readonly=True)
    return _mariadb_engine(parsed, is_readonly=True)


def describe_url(url: str) -> str:
    """Return the URL for people: the password is masked."""
    try:
        return sa.make_url(url).render_as_string(hide_password=True)
    except (ArgumentError, ValueError):
        return "(a URL that cannot be read)"


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Yield a connection for reading: on SQLite it does not take the writer's lock.

    Raises:
        DatabaseUnavailable, SchemaMismatch: The database failed, named by its class.
    """
    try:
        with engine.connect() as connection:
            yield connection.execution_options(**{READ: True})
    except DBAPIError as error:
        own = as_own_error(error, doing=f"read {engine.url.database}")
        if own is None:
            raise
        raise own from error


def create_tables(engine: sa.Engine) -> None:
    """Make the database file (SQLite), every missing table, and the rows that must exist. Safe to repeat.

    Raises:
        SchemaMismatch: The file is not ours, or rights are missing.
        DatabaseUnavailable: The database cannot be reached.
    """
    if engine.dialect.name == "sqlite":
        create_sqlite_file(Path(str(engine.url.database)))
    try:
        metadata.create_all(engine)
    except DBAPIError as error:
        own = as_own_error(error, doing="create tables")
        if own is None:
            raise
        raise own from error
    run_transaction(engine, _insert_fixed_rows, doing="create tables")


def _insert_fixed_rows(connection: sa.Connection) -> None:
    is_this = schema_version.c.version >= SCHEMA_VERSION
    if connection.execute(sa.select(schedule_active.c.id)).first() is None:
        connection.execute(sa.insert(schedule_active).values(id=1, fence=0))
    if connection.execute(sa.select(schema_version.c.version).where(is_this)).first() is None:
        connection.execute(
            sa.insert(schema_version).values(version=SCHEMA_VERSION, applied_at=database_now(connection))
        )


def check_schema(engine: sa.Engine, *, renamed: Mapping[str, Mapping[str, str]] | None = None) -> None:
    """Require that the database has the tables and columns that this code reads and writes.

    Args:
        renamed: Per plant table, plant's column name -> our name.

    Raises:
        SchemaMismatch: Something is missing, or the schema is of another version.
        DatabaseUnavailable: The database cannot be reached.
    """
    with reading(engine) as connection:
        columns = table_columns(connection)
        problems = missing(columns, renamed or {})
        if problems:
            raise SchemaMismatch(
                f"the database lacks: {'; '.join(problems[:6])}{' ...' if len(problems) > 6 else ''}\n"
                "hint: shopfloor seed makes a new plant; on MariaDB apply deploy/mariadb/schema.sql"
            )
        version = connection.execute(sa.select(sa.func.max(schema_version.c.version))).scalar()
    if version != SCHEMA_VERSION:
        raise SchemaMismatch(
            f"the schema is of another version: {version}, this program needs {SCHEMA_VERSION}\n"
            "hint: install the program of that version, or apply deploy/mariadb/schema.sql"
        )


def _parse(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
        backend = parsed.get_backend_name()
    except (ArgumentError, ValueError):
        raise SchemaMismatch(
            "the database URL cannot be read\nhint: mysql+pymysql://user:password@host:3306/plant, "
            "with special characters of the password percent-encoded"
        ) from None
    if backend == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            raise SchemaMismatch("a SQLite database needs a file\nhint: sqlite:////absolute/path/plant.db")
        return parsed
    if backend in ("mysql", "mariadb"):
        return parsed.set(drivername=f"{backend}+pymysql")
    raise SchemaMismatch(f"unknown kind of database: {backend!r}\nhint: mysql+pymysql or sqlite")


# --- MariaDB --------------------------------------------------------------------------------------


def _mariadb_engine(url: sa.URL, *, is_readonly: bool) -> sa.Engine:
    timeout_s = 120 if is_readonly else 30
    engine = sa.create_engine(
        url.update_query_dict({"charset": "utf8mb4"}),
        isolation_level="REPEATABLE READ",
        pool_pre_ping=True,
        pool_recycle=240,
        hide_parameters=True,
        connect_args={
            "connect_timeout": 3,
            "read_timeout": timeout_s,
            "write_timeout": timeout_s,
            "local_infile": False,
        },
    )
    settings = MARIADB_SESSION | {"max_statement_time": str(timeout_s)}
    if is_readonly:
        settings |= {"tx_read_only": "1", "idle_transaction_timeout": "300"}
    statement = "SET " + ", ".join(f"SESSION {name}={value}" for name, value in settings.items())

    @sa.event.listens_for(engine, "connect")
    def _set_session(dbapi_connection: Any, _record: Any) -> None:
        with dbapi_connection.cursor() as cursor:
            cursor.execute(statement)

    return engine


# --- SQLite ---------------------------------------------------------------------------------------


def _sqlite_engine(url: sa.URL, *, is_readonly: bool) -> sa.Engine:
    path = Path(str(url.database))

    def _open() -> sqlite3.Connection:
        return connect_sqlite(path, is_readonly=is_readonly)

    engine = sa.create_engine(url, creator=_open, poolclass=NullPool, hide_parameters=True)

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        is_read = is_readonly or connection.get_execution_options().get(READ, False)
        connection.exec_driver_sql("BEGIN" if is_read else "BEGIN IMMEDIATE")

    return engine
