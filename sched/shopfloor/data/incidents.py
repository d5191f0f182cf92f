"""Incidents: what went wrong in a run, with its context, kept for good. The outbox tells people."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from shopfloor.data.connection import reading
from shopfloor.data.errors import run_transaction
from shopfloor.data.instants import database_now, to_utc_naive
from shopfloor.data.tables import incidents

SEVERITIES = ("info", "warning", "error", "critical")
LONGEST_SUMMARY = 500


@dataclass(frozen=True)
class Incident:
    """One thing that went wrong.

    Attributes:
        code: Stable reason, for example `DEADLINE`, `PLAN_INVALID`, `DRIFT`.
        severity: info, warning, error or critical.
        summary: One sentence for people.
        context: JSON-able facts: what, where, values.
        run_id: The run that met it.
        incident_id: Unique.
    """

    code: str
    severity: str
    summary: str
    context: Mapping[str, Any] = field(default_factory=dict)
    run_id: str | None = None
    incident_id: str = field(default_factory=lambda: uuid.uuid4().hex)

    def __post_init__(self) -> None:
        if self.severity not in SEVERITIES:
            raise ValueError(f"incident {self.code} has an unknown severity: {self.severity!r}")


@dataclass(frozen=True)
class IncidentRow:
    """A stored incident; times are naive UTC."""

    incident_id: str
    run_id: str | None
    code: str
    severity: str
    summary: str
    context: Mapping[str, Any]
    as_of: datetime | None
    raised_at: datetime
    resolved_at: datetime | None


def insert_incidents(connection: sa.Connection, rows: Sequence[Incident], *, as_of: datetime | None) -> None:
    """Store incidents inside the caller's transaction; one that is there already is left alone."""
    if not rows:
        return
    now = database_now(connection)
    known = set(
        connection.execute(
            sa.select(incidents.c.incident_id).where(
                incidents.c.incident_id.in_([row.incident_id for row in rows])
            )
        ).scalars()
    )
    fresh = [
        {
            "incident_id": row.incident_id, "run_id": row.run_id, "code": row.code, "severity": row.severity,
            "summary": row.summary[:LONGEST_SUMMARY],
            "context": json.dumps(dict(row.context), sort_keys=True, default=str),
            "as_of": None if as_of is None else to_utc_naive(as_of), "raised_at": now,
        }
        for row in rows
        if row.incident_id not in known
    ]  # fmt: skip
    if fresh:
        connection.execute(sa.insert(incidents), fresh)


def record_incidents(engine: sa.Engine, rows: Sequence[Incident], *, as_of: datetime | None) -> None:
    """Store incidents in a transaction of their own."""
    run_transaction(
        engine, lambda connection: insert_incidents(connection, rows, as_of=as_of), doing="record incidents"
    )


def list_incidents(
    engine: sa.Engine, *, is_open_only: bool = False, limit: int = 50
) -> tuple[IncidentRow, ...]:
    """Return the last incidents, newest first."""
    query = sa.select(incidents).order_by(incidents.c.raised_at.desc(), incidents.c.incident_id).limit(limit)
    if is_open_only:
        query = query.where(incidents.c.resolved_at.is_(None))
    with reading(engine) as connection:
        rows = connection.execute(query).all()
    return tuple(IncidentRow(**{**row._mapping, "context": json.loads(row.context)}) for row in rows)


def find_incident(engine: sa.Engine, incident_id: str) -> IncidentRow | None:
    """Return one incident, or None."""
    with reading(engine) as connection:
        row = connection.execute(
            sa.select(incidents).where(incidents.c.incident_id == incident_id)
        ).one_or_none()
    return None if row is None else IncidentRow(**{**row._mapping, "context": json.loads(row.context)})


def resolve_incident(engine: sa.Engine, incident_id: str) -> None:
    """Mark an incident as dealt with; doing it again changes nothing."""

    def work(connection: sa.Connection) -> None:
        connection.execute(
            sa.update(incidents)
            .where(incidents.c.incident_id == incident_id, incidents.c.resolved_at.is_(None))
            .values(resolved_at=database_now(connection))
        )

    run_transaction(engine, work, doing="resolve incident")
