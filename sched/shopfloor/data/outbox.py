"""The outbox: alerts are rows, written with what they tell about, and sent later, at least once.

One message per dedupe key and hour. Nothing is sent here.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from shopfloor.data.connection import reading
from shopfloor.data.errors import run_transaction
from shopfloor.data.instants import database_now, to_utc_naive
from shopfloor.data.tables import outbox as table

QUIET_FOR = timedelta(hours=1)
GIVE_UP_AFTER = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Message:
    """What people are told.

    Attributes:
        dedupe_key: Messages with one key within an hour are one.
    """

    dedupe_key: str
    title: str
    body: str


@dataclass(frozen=True, slots=True)
class PendingMessage(Message):
    """A message in the outbox; times naive UTC."""

    message_id: str
    created_at: datetime
    attempts: int
    last_error: str | None


def queue(connection: sa.Connection, message: Message, *, at: datetime | None = None) -> str | None:
    """Write a message in the caller's transaction; return its id, or None when one like it was just queued.

    Args:
        at: Now; default: the database's clock.
    """
    now = database_now(connection) if at is None else to_utc_naive(at)
    recent = (table.c.dedupe_key == message.dedupe_key[:128]) & (table.c.created_at > now - QUIET_FOR)
    if connection.execute(sa.select(table.c.message_id).where(recent)).first() is not None:
        return None
    message_id = uuid.uuid4().hex
    connection.execute(
        sa.insert(table).values(
            message_id=message_id,
            dedupe_key=message.dedupe_key[:128],
            title=message.title[:255],
            body=message.body,
            created_at=now,
            attempts=0,
        )
    )
    return message_id


def queue_message(engine: sa.Engine, message: Message, *, at: datetime | None = None) -> str | None:
    """Write a message in a transaction of its own."""
    return run_transaction(
        engine, lambda connection: queue(connection, message, at=at), doing="queue an alert"
    )


def pending(engine: sa.Engine, *, limit: int = 50) -> tuple[PendingMessage, ...]:
    """Return messages that wait to be sent, oldest first; none that is older than a day."""
    columns = (
        table.c.dedupe_key,
        table.c.title,
        table.c.body,
        table.c.message_id,
        table.c.created_at,
        table.c.attempts,
        table.c.last_error,
    )
    with reading(engine) as connection:
        fresh = table.c.created_at > database_now(connection) - GIVE_UP_AFTER
        statement = sa.select(*columns).where(table.c.sent_at.is_(None) & fresh)
        rows = connection.execute(
            statement.order_by(table.c.created_at, table.c.message_id).limit(limit)
        ).all()
    return tuple(PendingMessage(*row) for row in rows)


def mark_sent(engine: sa.Engine, message_id: str) -> None:
    """Note that a message was delivered, now."""
    _update(engine, message_id, last_error=None, is_sent=True)


def mark_failed(engine: sa.Engine, message_id: str, *, error: str) -> None:
    """Note that a delivery failed; the message stays pending."""
    _update(engine, message_id, last_error=error[:512], is_sent=False)


def _update(engine: sa.Engine, message_id: str, *, last_error: str | None, is_sent: bool) -> None:
    mine = sa.update(table).where(table.c.message_id == message_id)

    def _write(connection: sa.Connection) -> None:
        values = {"sent_at": database_now(connection)} if is_sent else {}
        connection.execute(mine.values(attempts=table.c.attempts + 1, last_error=last_error, **values))

    run_transaction(engine, _write, doing="update an alert")
