"""The promotion ledger: who was champion when, and why; appended by compare-and-set on its epoch.

It is the only truth about the champion; MLflow's aliases follow it. No row is ever changed or removed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from shopfloor.data.connection import reading
from shopfloor.data.errors import run_transaction
from shopfloor.data.instants import database_now
from shopfloor.data.tables import model_ledger
from shopfloor.domain.errors import StalePromotion


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A decision to be written down.

    Attributes:
        action: `promote`, `rollback` or `keep`.
        champion_version: Champion after this decision.
        bundle_hash: Of that champion.
        bundle_path: Where its proven bundle lies.
        challenger_version: Who was judged.
        previous_version: Champion before.
        verdict: Criteria and numbers, JSON-able.
        decided_by: `gate` or a person.
    """

    action: str
    champion_version: str
    bundle_hash: str
    bundle_path: str
    challenger_version: str | None = None
    previous_version: str | None = None
    verdict: Mapping[str, Any] = field(default_factory=dict)
    decided_by: str = "gate"


@dataclass(frozen=True, slots=True)
class LedgerRow(LedgerEntry):
    """A decision that stands.

    Attributes:
        epoch: 1, 2, 3 ...
        decided_at: Naive UTC of the database.
    """

    epoch: int = 0
    decided_at: datetime | None = None


def current_champion(engine: sa.Engine) -> LedgerRow | None:
    """Return the newest row, whose champion is in force; None when nothing was ever decided."""
    rows = history(engine, limit=1)
    return rows[0] if rows else None


def history(engine: sa.Engine, *, limit: int = 100) -> tuple[LedgerRow, ...]:
    """Return the newest rows, newest first."""
    statement = sa.select(model_ledger).order_by(model_ledger.c.epoch.desc()).limit(limit)
    with reading(engine) as connection:
        return tuple(_row_of(dict(row)) for row in connection.execute(statement).mappings())


def append(engine: sa.Engine, entry: LedgerEntry, *, expected_epoch: int) -> LedgerRow:
    """Write the decision as epoch `expected_epoch + 1`.

    Args:
        expected_epoch: Epoch of the newest row when the decision was taken; 0 = the ledger was empty.

    Raises:
        StalePromotion: Another decision came first.
    """
    epoch = expected_epoch + 1

    def _append(connection: sa.Connection) -> LedgerRow:
        newest = connection.execute(sa.select(sa.func.max(model_ledger.c.epoch))).scalar() or 0
        if newest != expected_epoch:
            raise _stale(newest, expected_epoch)
        now = database_now(connection)
        values = {name: getattr(entry, name) for name in LedgerEntry.__dataclass_fields__}
        stored = values | {"verdict": json.dumps(dict(entry.verdict), sort_keys=True, default=str)}
        connection.execute(sa.insert(model_ledger).values(epoch=epoch, decided_at=now, **stored))
        return LedgerRow(**values, epoch=epoch, decided_at=now)

    try:
        return run_transaction(
            engine, _append, doing="append to the ledger", read_back=lambda: _find(engine, epoch, entry)
        )
    except IntegrityError as error:
        raise _stale(epoch, expected_epoch) from error


def _find(engine: sa.Engine, epoch: int, entry: LedgerEntry) -> LedgerRow | None:
    """Return the row of that epoch when it says what we wanted to write."""
    with reading(engine) as connection:
        found = (
            connection.execute(sa.select(model_ledger).where(model_ledger.c.epoch == epoch))
            .mappings()
            .first()
        )
    if found is None:
        return None
    row = _row_of(dict(found))
    mine = asdict(entry) | {"verdict": json.loads(json.dumps(dict(entry.verdict), default=str))}
    is_ours = all(getattr(row, name) == value for name, value in mine.items())
    return row if is_ours else None


def _row_of(row: Mapping[str, Any]) -> LedgerRow:
    return LedgerRow(**(dict(row) | {"verdict": json.loads(row["verdict"])}))


def _stale(newest: int, expected: int) -> StalePromotion:
    return StalePromotion(
        f"the ledger is at epoch {newest}, the decision was taken at {expected}\n"
        "hint: judge again against the champion of now"
    )
