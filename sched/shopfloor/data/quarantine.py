"""Quarantine: rows that validation set aside, whole, with the value and the rule that did it.

Storing the same finding again changes nothing. Rows are never dropped: the good ones go on, the others are
here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from shopfloor.data.connection import reading
from shopfloor.data.errors import run_transaction
from shopfloor.data.instants import database_now
from shopfloor.data.tables import quarantine as table

MAX_SHOWN = 200


@dataclass(frozen=True)
class QuarantinedRow:
    """One row and one rule that it breaks.

    Attributes:
        snapshot_id: Where the row was read.
        row_key: Its primary key, parts joined by `|`.
        value: The value at fault, escaped, at most 200 characters.
        rule: Stable name of the rule.
        row: The whole row, JSON-able.
    """

    snapshot_id: str
    table_name: str
    row_key: str
    column_name: str
    value: str
    rule: str
    row: Mapping[str, Any] = field(default_factory=dict)


def store(engine: sa.Engine, rows: Sequence[QuarantinedRow]) -> int:
    """Write the findings that are not there yet and return how many were new."""
    if not rows:
        return 0
    return run_transaction(
        engine, lambda connection: _insert_new(connection, rows), doing="quarantine", read_back=lambda: None
    )


def list_quarantined(
    engine: sa.Engine, *, snapshot_id: str | None = None, limit: int = 200
) -> list[dict[str, Any]]:
    """Return findings, newest first."""
    statement = sa.select(table).order_by(table.c.created_at.desc(), table.c.quarantine_id).limit(limit)
    if snapshot_id is not None:
        statement = statement.where(table.c.snapshot_id == snapshot_id)
    with reading(engine) as connection:
        return [dict(row) for row in connection.execute(statement).mappings()]


def _insert_new(connection: sa.Connection, rows: Sequence[QuarantinedRow]) -> int:
    now = database_now(connection)
    records = {record["quarantine_id"]: record for record in map(_as_row, rows)}
    known: set[str] = set()
    ids = list(records)
    for first in range(0, len(ids), 500):
        part = sa.select(table.c.quarantine_id).where(table.c.quarantine_id.in_(ids[first : first + 500]))
        known |= set(connection.execute(part).scalars())
    new = [record | {"created_at": now} for name, record in records.items() if name not in known]
    if new:
        connection.execute(sa.insert(table), new)
    return len(new)


def _as_row(row: QuarantinedRow) -> dict[str, Any]:
    identity = json.dumps([row.snapshot_id, row.table_name, row.row_key, row.column_name, row.rule])
    return {
        "quarantine_id": hashlib.sha256(identity.encode()).hexdigest()[:32],
        "snapshot_id": row.snapshot_id,
        "table_name": row.table_name,
        "row_key": row.row_key[:255],
        "column_name": row.column_name,
        "value": _escaped(row.value),
        "rule": row.rule[:128],
        "row_json": json.dumps(dict(row.row), sort_keys=True, default=str),
    }


def _escaped(value: object) -> str:
    """Return printable text of at most 200 characters."""
    text = str(value)
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text[:MAX_SHOWN])[:MAX_SHOWN]
