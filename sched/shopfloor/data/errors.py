"""What a database error means for the transaction that met it, and the whole-transaction retry.

A statement is never retried alone: MariaDB rolls back only the statement on a lock time-out, and a later
COMMIT would make half a transaction durable. An error on COMMIT is *unknown*, never *failed*: it is resolved
by reading back.
"""

from __future__ import annotations

import logging
import random
import sqlite3
import time
from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, StatementError

from shopfloor.domain.errors import (
    CommitUnknown,
    DatabaseUnavailable,
    SchemaMismatch,
    ShopfloorError,
)

logger = logging.getLogger(__name__)

MAX_TRIES = 5
FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 2.0

Result = TypeVar("Result")


class ErrorClass(StrEnum):
    """What to do about a database error; see `CLASS_HINTS`."""

    RETRY_TX = "RETRY_TX"
    LOST = "LOST"
    UNKNOWN = "UNKNOWN"
    SPACE = "SPACE"
    DATA = "DATA"
    RIGHTS = "RIGHTS"
    SCHEMA = "SCHEMA"
    TIMEOUT = "TIMEOUT"
    SIZE = "SIZE"


MARIADB_CODES: dict[int, ErrorClass] = {
    code: error_class
    for error_class, codes in {
        ErrorClass.RETRY_TX: (1020, 1205, 1213),
        ErrorClass.LOST: (0, 1040, 1053, 1927, 2003, 2006, 2013, 2014, 2055, 4031),
        ErrorClass.SPACE: (1021, 1114),
        ErrorClass.DATA: (1048, 1062, 1264, 1265, 1292, 1366, 1406, 1451, 1452, 4025),
        ErrorClass.RIGHTS: (1044, 1045, 1142, 1143, 1227, 1290, 1370, 1698, 1792, 1836),
        ErrorClass.SCHEMA: (1049, 1054, 1064, 1146, 1193),
        ErrorClass.TIMEOUT: (1969,),
        ErrorClass.SIZE: (1153,),
    }.items()
    for code in codes
}

SQLITE_CODES: dict[int, ErrorClass] = {
    sqlite3.SQLITE_BUSY: ErrorClass.RETRY_TX,
    sqlite3.SQLITE_LOCKED: ErrorClass.RETRY_TX,
    sqlite3.SQLITE_FULL: ErrorClass.SPACE,
    sqlite3.SQLITE_IOERR: ErrorClass.SPACE,
    sqlite3.SQLITE_CONSTRAINT: ErrorClass.DATA,
    sqlite3.SQLITE_MISMATCH: ErrorClass.DATA,
    sqlite3.SQLITE_READONLY: ErrorClass.RIGHTS,
    sqlite3.SQLITE_PERM: ErrorClass.RIGHTS,
    sqlite3.SQLITE_AUTH: ErrorClass.RIGHTS,
    sqlite3.SQLITE_CANTOPEN: ErrorClass.RIGHTS,
    sqlite3.SQLITE_NOTADB: ErrorClass.SCHEMA,
    sqlite3.SQLITE_CORRUPT: ErrorClass.SCHEMA,
    sqlite3.SQLITE_ERROR: ErrorClass.SCHEMA,
    sqlite3.SQLITE_INTERRUPT: ErrorClass.TIMEOUT,
    sqlite3.SQLITE_TOOBIG: ErrorClass.SIZE,
}

CLASS_HINTS: dict[ErrorClass, str] = {
    ErrorClass.RETRY_TX: "another writer holds the rows; run again",
    ErrorClass.LOST: "check that the database runs and can be reached; run again",
    ErrorClass.UNKNOWN: "look for the run by its run_key before anything is written again",
    ErrorClass.SPACE: "make room on the database's disk; the old plan stays active",
    ErrorClass.DATA: "a row breaks a rule of its table: a defect of the data or of this program",
    ErrorClass.RIGHTS: "see deploy/mariadb/grants.sql; a SQLite file needs mode 0600 of this user",
    ErrorClass.SCHEMA: "shopfloor doctor names what is missing; deploy/mariadb/schema.sql makes it",
    ErrorClass.TIMEOUT: "a statement ran too long; run again when the database is less busy",
    ErrorClass.SIZE: "a packet is larger than max_allowed_packet",
}


def classify(error: BaseException) -> ErrorClass:
    """Return what a database error means.

    Args:
        error: A SQLAlchemy or driver error, before COMMIT was sent.
    """
    origin = error.orig if isinstance(error, StatementError) and error.orig is not None else error
    if isinstance(origin, sqlite3.Error):
        code = getattr(origin, "sqlite_errorcode", None)
        if code is None:
            return ErrorClass.DATA if isinstance(origin, sqlite3.IntegrityError) else ErrorClass.SCHEMA
        return SQLITE_CODES.get(code & 0xFF, ErrorClass.DATA)
    text = str(origin)
    if "No space left" in text or "Errcode: 28" in text:
        return ErrorClass.SPACE
    if "nan can not be used" in text:
        return ErrorClass.DATA
    code = origin.args[0] if origin.args and isinstance(origin.args[0], int) else None
    if code is None:
        return ErrorClass.LOST if isinstance(origin, (OSError, EOFError)) else ErrorClass.DATA
    return MARIADB_CODES.get(code, ErrorClass.DATA)


def as_own_error(error: BaseException, *, doing: str) -> ShopfloorError | None:
    """Return our error for a database error, or None when it is a defect that should show its stack.

    The message never holds a URL, statement parameters or a password.
    """
    error_class = classify(error)
    origin = error.orig if isinstance(error, StatementError) and error.orig is not None else error
    detail = " ".join(str(part) for part in origin.args)[:300]
    message = f"{doing}: {error_class}: {detail}\nhint: {CLASS_HINTS[error_class]}"
    if error_class in (ErrorClass.RIGHTS, ErrorClass.SCHEMA):
        return SchemaMismatch(message)
    if error_class is ErrorClass.DATA:
        return None
    return DatabaseUnavailable(message)


def run_transaction(
    engine: sa.Engine,
    work: Callable[[sa.Connection], Result],
    *,
    doing: str = "write",
    read_back: Callable[[], Result | None] | None = None,
    jitter: random.Random | None = None,
) -> Result:
    """Run `work` in one transaction; on a lock conflict or a lost connection roll back and run it all again.

    Args:
        work: Reads and writes through the given connection only; it may run up to five times.
        doing: Words for messages and logs.
        read_back: Called after an error on COMMIT: the result when it is durable, None when it is
            not (the work then runs again). Without it such an error raises `CommitUnknown`.
        jitter: Source of the pauses between tries.

    Raises:
        DatabaseUnavailable: Still failing after five tries, or out of space.
        SchemaMismatch: Tables or rights are missing.
        CommitUnknown: COMMIT was sent, its answer was lost, and reading back did not settle it.
        DBAPIError: A row breaks a rule of its table.
    """
    rng = jitter or random.Random()
    for attempt in range(1, MAX_TRIES + 1):
        try:
            is_durable, result = _attempt(engine, work, doing=doing, read_back=read_back)
            if is_durable:
                return result  # type: ignore[return-value]
        except DBAPIError as error:
            error_class = classify(error)
            can_retry = error_class in (ErrorClass.RETRY_TX, ErrorClass.LOST, ErrorClass.TIMEOUT)
            if not can_retry or attempt == MAX_TRIES:
                own = as_own_error(error, doing=doing)
                if own is None:
                    raise
                raise own from error
            logger.info("transaction_retry doing=%s class=%s attempt=%d", doing, error_class, attempt)
        time.sleep(min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (attempt - 1)) * rng.uniform(0.5, 1.5))
    raise DatabaseUnavailable(
        f"{doing}: not durable after {MAX_TRIES} tries\nhint: {CLASS_HINTS[ErrorClass.LOST]}"
    )


def _attempt(
    engine: sa.Engine,
    work: Callable[[sa.Connection], Result],
    *,
    doing: str,
    read_back: Callable[[], Result | None] | None,
) -> tuple[bool, Result | None]:
    """Run the transaction once; return whether it is durable, and its result."""
    with engine.connect() as connection:
        transaction = connection.begin()
        try:
            result = work(connection)
        except BaseException:
            transaction.rollback()
            raise
        try:
            transaction.commit()
        except DBAPIError as error:
            if classify(error) in (ErrorClass.RETRY_TX, ErrorClass.DATA, ErrorClass.RIGHTS):
                raise
            connection.invalidate()
            logger.warning("commit_unknown doing=%s class=%s", doing, classify(error))
            lost = error
        else:
            return True, result
    hint = CLASS_HINTS[ErrorClass.UNKNOWN]
    if read_back is None:
        raise CommitUnknown(
            f"{doing}: the answer to COMMIT was lost\nhint: {CLASS_HINTS[ErrorClass.UNKNOWN]}"
        ) from lost
    try:
        found = read_back()
    except (DBAPIError, ShopfloorError) as error:
        raise CommitUnknown(
            f"{doing}: the answer to COMMIT was lost and reading back failed\nhint: {hint}"
        ) from error
    return found is not None, found
