"""Instants as the database keeps them: naive UTC in rows, aware UTC in the domain.

It never asks a clock of this host: `database_now` asks the database, because leases compare times of many
hosts.
"""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa


def to_utc_naive(instant: datetime) -> datetime:
    """Return the instant as naive UTC, as rows hold it; a naive one is UTC already."""
    return (
        instant.replace(tzinfo=None)
        if instant.tzinfo is None
        else instant.astimezone(UTC).replace(tzinfo=None)
    )


def to_utc_aware(instant: datetime) -> datetime:
    """Return the instant as aware UTC, as the domain holds it; a naive one is UTC already."""
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def database_now(connection: sa.Connection) -> datetime:
    """Return the database's own clock, naive UTC with microseconds where it has them."""
    if connection.dialect.name == "sqlite":
        text = connection.exec_driver_sql("SELECT strftime('%Y-%m-%d %H:%M:%f', 'now')").scalar_one()
        return datetime.fromisoformat(text)
    now: datetime = connection.exec_driver_sql("SELECT UTC_TIMESTAMP(6)").scalar_one()
    return now
