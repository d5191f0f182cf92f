"""A SQLite file of ours: made with mode 0600, proven to be ours each time, with our session settings.

SQLite opens an emptied or cut file as a healthy empty database; the application id in the header tells them
apart.
"""

from __future__ import annotations

import os
import sqlite3
import zlib
from pathlib import Path

from shopfloor.data.tables import SCHEMA_VERSION
from shopfloor.domain.errors import DatabaseUnavailable, SchemaMismatch

APPLICATION_ID = 0x53484F50
"""`SHOP` in the header of our SQLite files: another program's file is never written to."""

BUSY_TIMEOUT_MS = 5000

UPGRADES = {1: ("ALTER TABLE schedule_runs ADD COLUMN solver_facts TEXT",)}
"""Schema version -> what brings a file to the next one."""


def connect_sqlite(path: Path, *, is_readonly: bool) -> sqlite3.Connection:
    """Return a driver connection to a file of ours, with its settings.

    Raises:
        SchemaMismatch: `DB_NOT_OURS`: there is no file, or it was not made by us, or it was cut.
    """
    if not path.is_file():
        raise SchemaMismatch(
            f"DB_NOT_OURS: there is no database file: {path}\nhint: shopfloor seed makes one"
        )
    mode = "ro" if is_readonly else "rw"
    connection = sqlite3.connect(
        f"{path.resolve().as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY_TIMEOUT_MS / 1000,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        _prove_ours(connection, path)
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        connection.execute("PRAGMA foreign_keys = ON")
        if is_readonly:
            connection.execute("PRAGMA query_only = ON")
        else:
            connection.execute("PRAGMA synchronous = FULL")
        connection.create_function("crc32", 1, _crc32, deterministic=True)
    except BaseException:
        connection.close()
        raise
    return connection


def create_sqlite_file(path: Path) -> None:
    """Make an empty file of ours with mode 0600; one of an earlier schema version is brought up to this one."""
    if path.exists():
        _upgrade(path)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        return
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("PRAGMA journal_mode = WAL")
    finally:
        connection.close()


def _upgrade(path: Path) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if application != APPLICATION_ID or version not in UPGRADES:
            return
        connection.execute("BEGIN IMMEDIATE")
        for statement in UPGRADES[version]:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {version + 1}")
        connection.execute("COMMIT")
    except sqlite3.DatabaseError:
        # not ours to mend: whoever opens it next says what is wrong with it
        return
    finally:
        connection.close()


def _prove_ours(connection: sqlite3.Connection, path: Path) -> None:
    try:
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.OperationalError as error:
        raise DatabaseUnavailable(
            f"cannot read the database file: {path}: {error}\nhint: check its rights"
        ) from error
    except sqlite3.DatabaseError as error:
        raise SchemaMismatch(
            f"DB_NOT_OURS: not a database: {path}: {error}\nhint: restore it from a copy"
        ) from error
    if application != APPLICATION_ID:
        raise SchemaMismatch(
            f"DB_NOT_OURS: not made by shopfloor, or emptied: {path}, application_id {application}\n"
            "hint: name another file, or restore it from a copy"
        )
    if version != SCHEMA_VERSION:
        raise SchemaMismatch(
            f"the file has another schema version: {path}: {version}, this program needs {SCHEMA_VERSION}\n"
            "hint: shopfloor seed brings an older file up to date; else use the program of that version"
        )


def _crc32(text: str | None) -> int | None:
    return None if text is None else zlib.crc32(text.encode())
