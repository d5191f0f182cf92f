"""The promotion ledger: who is champion, since when and why. Rows are only added, by compare-and-set.

The last row is the truth about the champion; registry aliases are a mirror of it. It judges nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from shopfloor.data.connection import reading
from shopfloor.data.errors import run_transaction
from shopfloor.data.instants import database_now
from shopfloor.data.tables import model_ledger
from shopfloor.domain.errors import StalePromotion


@dataclass(frozen=True)
class LedgerEntry:
    """A decision to be written.

    Attributes:
        action: `promote`, `rollback` or `keep`.
        champion_version: Champion after this decision.
        bundle_hash: Of the champion's bundle.
        bundle_path: Its verified local copy.
        challenger_version: Who was judged, if anybody.
        previous_version: Champion before this decision.
        verdict: The gate's criteria and numbers, or the reason of a rollback.
        decided_by: `gate` or a person.
    """

    action: str
    champion_version: str
    bundle_hash: str
    bundle_path: str
    challenger_version: str | None = None
    previous_version: str | None = None
    verdict: Mapping[str, Any] | None = None
    decided_by: str = "gate"


@dataclass(frozen=True)
class LedgerRow(LedgerEntry):
    """A decision as written.

    Attributes:
        epoch: 1, 2, 3 ... without gaps.
        decided_at: Database time, naive UTC.
    """

    epoch: int = 0
    decided_at: datetime | None = None


def current_champion(engine: sa.Engine) -> LedgerRow | None:
    """Return the last row, or None when nothing was ever promoted."""
    rows = history(engine, limit=1)
    return rows[0] if rows else None


def history(engine: sa.Engine, *, limit: int = 100) -> tuple[LedgerRow, ...]:
    """Return the last rows, newest first."""
    with reading(engine) as connection:
        rows = connection.execute(
            sa.select(model_ledger).order_by(model_ledger.c.epoch.desc()).limit(limit)
        ).all()
    return tuple(_as_row(row) for row in rows)


def append(engine: sa.Engine, entry: LedgerEntry, *, expected_epoch: int) -> LedgerRow:
    """Write a decision that was taken while `expected_epoch` was the last one.

    Args:
        expected_epoch: Epoch of the champion that the decision compared with; 0 = none.

    Raises:
        StalePromotion: The ledger moved on meanwhile; nothing was written.
    """

    def work(connection: sa.Connection) -> LedgerRow:
        last = connection.execute(sa.select(sa.func.max(model_ledger.c.epoch))).scalar() or 0
        if last != expected_epoch:
            raise _stale(expected_epoch, last)
        now = database_now(connection)
        values = {
            "epoch": expected_epoch + 1, "action": entry.action, "champion_version": entry.champion_version,
            "challenger_version": entry.challenger_version, "previous_version": entry.previous_version,
            "bundle_hash": entry.bundle_hash, "bundle_path": entry.bundle_path,
            "verdict": json.dumps(dict(entry.verdict or {}), sort_keys=True), "decided_by": entry.decided_by,
            "decided_at": now,
        }  # fmt: skip
        connection.execute(sa.insert(model_ledger).values(**values))
        return LedgerRow(**{**entry.__dict__, "epoch": expected_epoch + 1, "decided_at": now})

    try:
        return run_transaction(engine, work, doing="append to the ledger")
    except IntegrityError as error:
        # The epoch is the primary key: two racers both inserted it and the other one won.
        raise _stale(expected_epoch, expected_epoch + 1) from error


def _stale(expected: int, found: int) -> StalePromotion:
    return StalePromotion(
        f"the ledger moved on since the decision: epoch {found}, it compared with epoch {expected}\n"
        "hint: evaluate the candidate again, against today's champion"
    )


def _as_row(row: sa.Row[Any]) -> LedgerRow:
    values = dict(row._mapping)
    return LedgerRow(**{**values, "verdict": json.loads(values["verdict"])})
