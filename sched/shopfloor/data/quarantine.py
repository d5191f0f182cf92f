"""Quarantine: rows that were set aside, whole, with what was wrong. Nothing is lost, nothing judged here."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from shopfloor.data.connection import reading
from shopfloor.data.errors import run_transaction
from shopfloor.data.instants import database_now
from shopfloor.data.tables import quarantine


@dataclass(frozen=True, slots=True)
class QuarantinedRow:
    """One row that was set aside.

    Attributes:
        snapshot_id: Snapshot it came in with.
        table_name: Plant table.
        row_key: Value of the row's key.
        column_name: Column that broke the rule.
        value: What stood there, escaped, at most 200 characters.
        rule: Which expectation.
        row_json: The whole row as JSON.
    """

    snapshot_id: str
    table_name: str
    row_key: str
    column_name: str
    value: str
    rule: str
    row_json: str

    @property
    def quarantine_id(self) -> str:
        """Content address: the same finding in the same snapshot has one row."""
        text = "\x1f".join(
            (self.snapshot_id, self.table_name, self.row_key, self.column_name, self.rule, self.row_json)
        )
        return hashlib.sha256(text.encode()).hexdigest()[:40]


def store(engine: sa.Engine, rows: Sequence[QuarantinedRow]) -> int:
    """Store rows and return how many were new; storing them again changes nothing."""
    by_id = {row.quarantine_id: row for row in rows}

    def work(connection: sa.Connection) -> int:
        known = set(
            connection.execute(
                sa.select(quarantine.c.quarantine_id).where(quarantine.c.quarantine_id.in_(list(by_id)))
            ).scalars()
        )
        now = database_now(connection)
        fresh = [
            {
                "quarantine_id": key, "snapshot_id": row.snapshot_id, "table_name": row.table_name,
                "row_key": row.row_key[:255], "column_name": row.column_name, "value": row.value[:255],
                "rule": row.rule[:128], "row_json": row.row_json, "created_at": now,
            }
            for key, row in by_id.items()
            if key not in known
        ]  # fmt: skip
        if fresh:
            connection.execute(sa.insert(quarantine), fresh)
        return len(fresh)

    return run_transaction(engine, work, doing="store quarantine") if by_id else 0


def count_by_snapshot(engine: sa.Engine, snapshot_id: str) -> int:
    """Return how many findings of a snapshot are in quarantine."""
    query = sa.select(sa.func.count()).select_from(quarantine).where(quarantine.c.snapshot_id == snapshot_id)
    with reading(engine) as connection:
        return int(connection.execute(query).scalar_one())
