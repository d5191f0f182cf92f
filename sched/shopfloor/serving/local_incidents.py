"""Incidents that the database could not take: kept in a file of ours until it can.

A run that finds the database gone must still leave a trace; the next run that reaches it brings the trace in.
"""

from __future__ import annotations

import json
import logging
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shopfloor.data.incidents import Incident, record_incidents

if TYPE_CHECKING:
    import sqlalchemy as sa

log = logging.getLogger(__name__)

FILE = "incidents-waiting.jsonl"


def keep_locally(home: Path, incident: Incident, *, as_of: datetime, at: datetime) -> None:
    """Append an incident to the file, durably; a disk that refuses is logged and no more."""
    row = {
        "code": incident.code,
        "severity": incident.severity,
        "summary": incident.summary,
        "context": dict(incident.context),
        "as_of": as_of.astimezone(UTC).isoformat(),
        "at": at.astimezone(UTC).isoformat(),
    }
    try:
        home.mkdir(parents=True, exist_ok=True)
        with (home / FILE).open("a") as file:
            file.write(json.dumps(row, default=str) + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        log.error("incident_lost code=%s cause=%s", incident.code, error)


def bring_in(engine: sa.Engine, home: Path) -> int:
    """Write waiting incidents to the database and remove the file; return how many.

    A crash in between brings them in twice rather than never.
    """
    path = home / FILE
    if not path.exists():
        return 0
    count = 0
    for line in path.read_text(errors="replace").splitlines():
        row = _parse(line)
        if row is None:
            log.warning("waiting_incident_unreadable line=%r", line[:80])
            continue
        incident = Incident(row["code"], row["severity"], row["summary"], row["context"])
        record_incidents(engine, [incident], as_of=row["as_of"], at=row["at"])
        count += 1
    path.unlink()
    log.info("waiting_incidents_brought_in count=%d", count)
    return count


def _parse(line: str) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
        return {
            "code": str(row["code"])[:48],
            "severity": str(row["severity"]),
            "summary": str(row["summary"]),
            "context": dict(row["context"]),
            "as_of": datetime.fromisoformat(row["as_of"]),
            "at": datetime.fromisoformat(row["at"]),
        }
    except (ValueError, KeyError, TypeError):
        return None
