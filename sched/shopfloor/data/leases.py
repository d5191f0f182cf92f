"""Leases: who may run now, with a fence that grows at every take-over, all by the database's clock.

A lease does not stop a paused holder from waking up: the fence does, because a write compares it in its
transaction. Every writer of plans must hold the same lease, so that fences are comparable.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from shopfloor.data.connection import reading
from shopfloor.data.errors import run_transaction
from shopfloor.data.instants import database_now
from shopfloor.data.tables import run_leases
from shopfloor.domain.errors import LeaseHeld, LeaseLost


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease that was granted.

    Attributes:
        owner: Unique per run, for example host, process and run key.
        fence: Grows with every take-over; a write with a smaller one is refused.
        expires_at: Naive UTC of the database.
        taken_over_from: Owner that died holding it (its time ran out), else None.
    """

    name: str
    owner: str
    fence: int
    expires_at: datetime | None = None
    taken_over_from: str | None = None


def acquire(engine: sa.Engine, name: str, *, owner: str, ttl_s: float) -> Lease:
    """Take the lease when it is free, expired, or held by the same owner.

    Args:
        name: What is leased, for example `daily`.
        ttl_s: Seconds until it expires unless it is renewed.

    Raises:
        LeaseHeld: Another owner holds it.
    """

    def _take(connection: sa.Connection) -> Lease:
        row = connection.execute(_row(name).with_for_update()).first()
        now = database_now(connection)
        expires = now + timedelta(seconds=ttl_s)
        is_alive = row is not None and row.owner is not None and row.expires_at > now
        if row is not None and is_alive and row.owner != owner:
            raise LeaseHeld(
                f"lease {name!r} is held by {row.owner!r} until {row.expires_at:%H:%M:%S} UTC\n"
                "hint: wait for that run, or until its lease expires"
            )
        fence = 1 if row is None else row.fence + 1
        values = {"owner": owner, "fence": fence, "acquired_at": now, "expires_at": expires}
        if row is None:
            connection.execute(sa.insert(run_leases).values(name=name, **values))
        else:
            connection.execute(sa.update(run_leases).where(run_leases.c.name == name).values(**values))
        died = None if row is None or is_alive else row.owner
        return Lease(name, owner, fence, expires, died)

    try:
        return run_transaction(engine, _take, doing=f"acquire lease {name}")
    except IntegrityError:  # two first comers: the row is there now
        return run_transaction(engine, _take, doing=f"acquire lease {name}")


def renew(engine: sa.Engine, lease: Lease, *, ttl_s: float) -> Lease:
    """Return the lease with its time prolonged.

    Raises:
        LeaseLost: Somebody took it over.
    """

    def _prolong(connection: sa.Connection) -> Lease:
        require_held(connection, lease)
        expires = database_now(connection) + timedelta(seconds=ttl_s)
        ours = run_leases.c.name == lease.name
        connection.execute(sa.update(run_leases).where(ours).values(expires_at=expires))
        return Lease(lease.name, lease.owner, lease.fence, expires, lease.taken_over_from)

    return run_transaction(engine, _prolong, doing=f"renew lease {lease.name}")


def release(engine: sa.Engine, lease: Lease) -> bool:
    """Give the lease back; False when it was no longer ours."""

    def _free(connection: sa.Connection) -> bool:
        ours = (run_leases.c.name == lease.name) & (run_leases.c.fence == lease.fence)
        ours &= run_leases.c.owner == lease.owner
        result = connection.execute(sa.update(run_leases).where(ours).values(owner=None, expires_at=None))
        return result.rowcount == 1

    return run_transaction(engine, _free, doing=f"release lease {lease.name}")


def require_held(connection: sa.Connection, lease: Lease) -> None:
    """Lock the lease's row and require that nobody took it over.

    A lease whose time ran out but that nobody took is still ours: its row is locked until we commit.

    Raises:
        LeaseLost: Another fence or owner is there.
    """
    row = connection.execute(_row(lease.name).with_for_update()).first()
    if row is None or row.fence != lease.fence or row.owner != lease.owner:
        found = "nobody" if row is None or row.owner is None else repr(row.owner)
        fence = 0 if row is None else row.fence
        raise LeaseLost(
            f"lease {lease.name!r} with fence {lease.fence} is held by {found}, fence {fence}\n"
            "hint: a later run has taken over; this one must end"
        )


def holder(engine: sa.Engine, name: str) -> Lease | None:
    """Return who holds a lease now, or None."""
    with reading(engine) as connection:
        row = connection.execute(_row(name)).first()
        if row is None or row.owner is None or row.expires_at <= database_now(connection):
            return None
    return Lease(name, row.owner, row.fence, row.expires_at)


def _row(name: str) -> sa.Select[tuple[str, str, int, datetime, datetime]]:
    return sa.select(run_leases).where(run_leases.c.name == name)
