"""The outbox: messages wait in the database, written with what they tell about, until somebody sends them.

At least once, one per dedupe key per hour. Sending is `serving.alerts`' work.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from shopfloor.data.connection import reading
from shopfloor.data.errors import run_transaction
from shopfloor.data.instants import database_now
from shopfloor.data.tables import outbox

SILENCE = timedelta(hours=1)
LONGEST_ERROR = 500


@dataclass(frozen=True)
class Message:
    """Something to tell.

    Attributes:
        dedupe_key: Two messages with the same key within an hour are one.
    """

    dedupe_key: str
    title: str
    body: str


@dataclass(frozen=True)
class PendingMessage(Message):
    """A message that waits."""

    message_id: str = ""
    attempts: int = 0
    created_at: datetime | None = None


def queue(connection: sa.Connection, messages: Sequence[Message]) -> int:
    """Put messages into the outbox inside the caller's transaction; return how many were not repeats."""
    now = database_now(connection)
    count = 0
    for message in messages:
        repeat = sa.select(outbox.c.message_id).where(
            outbox.c.dedupe_key == message.dedupe_key, outbox.c.created_at > now - SILENCE
        )
        if connection.execute(repeat.limit(1)).first() is not None:
            continue
        row = {"dedupe_key": message.dedupe_key, "title": message.title[:250], "body": message.body}
        connection.execute(sa.insert(outbox).values(message_id=uuid.uuid4().hex, created_at=now, **row))
        count += 1
    return count


def queue_messages(engine: sa.Engine, messages: Sequence[Message]) -> int:
    """Put messages into the outbox in a transaction of their own."""
    return run_transaction(engine, lambda connection: queue(connection, messages), doing="queue messages")


def pending(engine: sa.Engine, *, limit: int = 50) -> tuple[PendingMessage, ...]:
    """Return the messages that wait, oldest first."""
    query = sa.select(outbox).where(outbox.c.sent_at.is_(None)).order_by(outbox.c.created_at).limit(limit)
    with reading(engine) as connection:
        rows = connection.execute(query).all()
    return tuple(
        PendingMessage(row.dedupe_key, row.title, row.body, row.message_id, row.attempts, row.created_at)
        for row in rows
    )


def mark_sent(engine: sa.Engine, message_id: str) -> None:
    """Note that a message went out."""

    def work(connection: sa.Connection) -> None:
        connection.execute(
            sa.update(outbox)
            .where(outbox.c.message_id == message_id)
            .values(sent_at=database_now(connection), attempts=outbox.c.attempts + 1, last_error=None)
        )

    run_transaction(engine, work, doing="mark message sent")


def mark_failed(engine: sa.Engine, message_id: str, *, error: str) -> None:
    """Note that sending failed; the message goes on waiting."""

    def work(connection: sa.Connection) -> None:
        connection.execute(
            sa.update(outbox)
            .where(outbox.c.message_id == message_id)
            .values(attempts=outbox.c.attempts + 1, last_error=error[:LONGEST_ERROR])
        )

    run_transaction(engine, work, doing="mark message failed")
