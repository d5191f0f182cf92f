"""Incidents: what went wrong, kept with its context. The same incident told twice is one row."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from shopfloor.data.connection import reading
from shopfloor.data.errors import run_transaction
from shopfloor.data.instants import to_utc_naive
from shopfloor.data.tables import incidents as table


@dataclass(frozen=True)
class Incident:
    """Something that a person should be able to look up.

    Attributes:
        code: Stable name, for example `LEASE_LOST`.
        severity: `info`, `warning`, `error` or `critical`.
        summary: One sentence.
        context: What is needed to understand it, JSON-able; no secrets.
        run_id: The run or flow that raised it.
    """

    code: str
    severity: str
    summary: str
    context: Mapping[str, Any] = field(default_factory=dict)
    run_id: str | None = None


@dataclass(frozen=True)
class RecordedIncident(Incident):
    """An incident in the database; times naive UTC."""

    incident_id: str = ""
    as_of: datetime | None = None
    raised_at: datetime | None = None
    resolved_at: datetime | None = None


def record_incidents(
    engine: sa.Engine, incidents: Iterable[Incident], *, as_of: datetime | None, at: datetime
) -> list[str]:
    """Write incidents in a transaction of their own and return their ids.

    Args:
        as_of: Of the run that met them.
        at: When they were raised.
    """
    given = list(incidents)
    if not given:
        return []
    return run_transaction(
        engine,
        lambda connection: insert_incidents(connection, given, as_of=as_of, at=at),
        doing="record incidents",
        read_back=lambda: None,
    )


def insert_incidents(
    connection: sa.Connection, incidents: Iterable[Incident], *, as_of: datetime | None, at: datetime
) -> list[str]:
    """Write incidents in the caller's transaction; one that is there already stays as it is."""
    ids = []
    for incident in incidents:
        row = _as_row(incident, as_of, at)
        ids.append(row["incident_id"])
        known = sa.select(table.c.incident_id).where(table.c.incident_id == row["incident_id"])
        if connection.execute(known).first() is None:
            connection.execute(sa.insert(table).values(**row))
    return ids


def list_incidents(
    engine: sa.Engine, *, limit: int = 50, run_id: str | None = None, only_open: bool = False
) -> tuple[RecordedIncident, ...]:
    """Return the newest incidents, newest first."""
    statement = sa.select(table).order_by(table.c.raised_at.desc(), table.c.incident_id).limit(limit)
    if run_id is not None:
        statement = statement.where(table.c.run_id == run_id)
    if only_open:
        statement = statement.where(table.c.resolved_at.is_(None))
    with reading(engine) as connection:
        rows = connection.execute(statement).mappings().all()
    return tuple(RecordedIncident(**(dict(row) | {"context": json.loads(row["context"])})) for row in rows)


def resolve_incident(engine: sa.Engine, incident_id: str, *, at: datetime) -> bool:
    """Mark an incident as resolved; False when there is no such open incident."""
    is_open = (table.c.incident_id == incident_id) & table.c.resolved_at.is_(None)

    def _resolve(connection: sa.Connection) -> bool:
        result = connection.execute(sa.update(table).where(is_open).values(resolved_at=to_utc_naive(at)))
        return result.rowcount == 1

    return run_transaction(engine, _resolve, doing="resolve an incident")


def _as_row(incident: Incident, as_of: datetime | None, at: datetime) -> dict[str, Any]:
    context = json.dumps(dict(incident.context), sort_keys=True, default=str)
    moment = None if as_of is None else to_utc_naive(as_of)
    identity = json.dumps([incident.run_id, incident.code, incident.summary, context, str(moment)])
    return {
        "incident_id": hashlib.sha256(identity.encode()).hexdigest()[:32],
        "run_id": incident.run_id,
        "code": incident.code[:48],
        "severity": incident.severity,
        "summary": incident.summary[:512],
        "context": context,
        "as_of": moment,
        "raised_at": to_utc_naive(at),
    }
