"""Hold a lease for as long as a block runs: taken before it, renewed beside it, given back after it."""

from __future__ import annotations

import logging
import os
import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from shopfloor.data.leases import Lease, acquire, release, renew
from shopfloor.domain.errors import LeaseLost, ShopfloorError

if TYPE_CHECKING:
    import sqlalchemy as sa

log = logging.getLogger(__name__)


def owner_name() -> str:
    """Return a name for this run that no other run has."""
    return f"{socket.gethostname()[:24]}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


@contextmanager
def held_lease(engine: sa.Engine, name: str, *, ttl_s: float) -> Iterator[Lease]:
    """Hold the lease `name`.

    Args:
        ttl_s: A dead owner's lease expires after this; it is renewed three times as often.

    Raises:
        LeaseHeld: Somebody else holds it.
    """
    lease = acquire(engine, name, owner=owner_name(), ttl_s=ttl_s)
    stop = threading.Event()
    keeper = threading.Thread(
        target=_keep, args=(engine, lease, ttl_s, stop), name=f"lease-{name}", daemon=True
    )
    keeper.start()
    try:
        yield lease
    finally:
        stop.set()
        keeper.join(timeout=5.0)
        try:
            release(engine, lease)
        except ShopfloorError as error:
            log.warning("lease_not_released name=%s cause=%s: it expires by itself", name, error)


def _keep(engine: sa.Engine, lease: Lease, ttl_s: float, stop: threading.Event) -> None:
    while not stop.wait(ttl_s / 3):
        try:
            renew(engine, lease, ttl_s=ttl_s)
        except LeaseLost as error:
            # The write-back checks the fence: whatever this run still computes, it cannot write.
            log.error("lease_lost name=%s cause=%s", lease.name, error)
            return
        except ShopfloorError as error:
            log.warning("lease_not_renewed name=%s cause=%s", lease.name, error)
