"""Leases: at most one run of a kind at a time, by the database's clock, with a fence that only grows.

A dead owner's lease expires by itself; whoever takes it over gets a higher fence, and the old owner's later
writes are refused by it. It starts and stops nothing: a run that cannot get its lease has to end itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from shopfloor.data.errors import run_transaction
from shopfloor.data.instants import database_now
from shopfloor.data.tables import run_leases
from shopfloor.domain.errors import LeaseHeld, LeaseLost


@dataclass(frozen=True, slots=True)
class Lease:
    """A held lease.

    Attributes:
        name: What is leased: `daily`, `weekly`.
        owner: Who holds it, unique per run.
        fence: Grows with every take-over; a write with a lower fence is refused.
        took_over: Owner whose expired lease was taken over; None when it was free.
    """

    name: str
    owner: str
    fence: int
    took_over: str | None = None


def acquire(engine: sa.Engine, name: str, *, owner: str, ttl_s: float) -> Lease:
    """Take the lease, also from an owner whose time is over.

    Args:
        ttl_s: Seconds after which it expires unless renewed.

    Raises:
        LeaseHeld: Somebody else holds it.
    """

    def work(connection: sa.Connection) -> Lease:
        now = database_now(connection)
        row = connection.execute(
            sa.select(run_leases).where(run_leases.c.name == name).with_for_update()
        ).one_or_none()
        if row is not None and row.owner not in (None, owner) and row.expires_at > now:
            raise LeaseHeld(
                f"the lease {name!r} is held by {row.owner!r} until {row.expires_at:%Y-%m-%d %H:%M:%S} UTC\n"
                "hint: wait for that run, or until its lease expires"
            )
        fence = 1 if row is None else row.fence + 1
        values = {
            "owner": owner, "fence": fence, "acquired_at": now, "expires_at": now + timedelta(seconds=ttl_s)
        }  # fmt: skip
        if row is None:
            connection.execute(sa.insert(run_leases).values(name=name, **values))
        else:
            connection.execute(sa.update(run_leases).where(run_leases.c.name == name).values(**values))
        return Lease(name, owner, fence, None if row is None or row.owner == owner else row.owner)

    try:
        return run_transaction(engine, work, doing=f"acquire lease {name}")
    except IntegrityError:
        # Two runs met on an empty table: the row is there now, one of them holds it.
        return run_transaction(engine, work, doing=f"acquire lease {name}")


def renew(engine: sa.Engine, lease: Lease, *, ttl_s: float) -> None:
    """Prolong the lease.

    Raises:
        LeaseLost: Somebody took it over, or it was released.
    """

    def work(connection: sa.Connection) -> int:
        now = database_now(connection)
        return connection.execute(
            sa.update(run_leases).where(_is_ours(lease)).values(expires_at=now + timedelta(seconds=ttl_s))
        ).rowcount

    if run_transaction(engine, work, doing=f"renew lease {lease.name}") != 1:
        raise LeaseLost(
            f"the lease {lease.name!r} is no longer ours: owner {lease.owner!r}, fence {lease.fence}"
        )


def release(engine: sa.Engine, lease: Lease) -> None:
    """Give the lease back; nothing happens when it is no longer ours."""

    def work(connection: sa.Connection) -> None:
        connection.execute(sa.update(run_leases).where(_is_ours(lease)).values(owner=None, expires_at=None))

    run_transaction(engine, work, doing=f"release lease {lease.name}")


def require_held(connection: sa.Connection, lease: Lease) -> None:
    """Lock the lease's row inside a write and require that it is still ours and has not expired.

    Raises:
        LeaseLost: It is not.
    """
    row = connection.execute(
        sa.select(run_leases).where(run_leases.c.name == lease.name).with_for_update()
    ).one_or_none()
    now: datetime = database_now(connection)
    if row is None or row.owner != lease.owner or row.fence != lease.fence or row.expires_at <= now:
        raise LeaseLost(
            f"the lease {lease.name!r} is no longer ours: owner {lease.owner!r}, fence {lease.fence}\n"
            "hint: a newer run took over; this one wrote nothing"
        )


def _is_ours(lease: Lease) -> sa.ColumnElement[bool]:
    return sa.and_(
        run_leases.c.name == lease.name,
        run_leases.c.owner == lease.owner,
        run_leases.c.fence == lease.fence,
    )
