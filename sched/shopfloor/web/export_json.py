"""The plan as JSON: everything that the plan decides, so that reading it gives the same plan again.

The fields are described in `docs/plan-export.md`. Times are plant-local ISO 8601 with offset, whole minutes;
`fingerprint` is of the plan as it was exported, so that an edited file shows.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from shopfloor.domain.fingerprint import schedule_fingerprint
from shopfloor.domain.kpis import Kpis
from shopfloor.domain.schedule import ScheduledOperation
from shopfloor.web.plan_export import PlanExport, PlanLine

FORMAT = "shopfloor-plan"
VERSION = 1


def plan_json(export: PlanExport, kpis: Kpis) -> bytes:
    """Return the plan as UTF-8 JSON, operations one per line.

    Args:
        kpis: Of the whole plan, also when one machine is exported.
    """
    items = dict(zip((item.operation_id for item in export.items), export.items, strict=True))
    placed = [_operation(export, line, items[line.operation_id]) for line in export.lines if line.machine_id]
    head = {
        "format": FORMAT,
        "version": VERSION,
        "run_id": export.run_id,
        "solver": export.schedule.solver,
        "as_of": export.instance.as_of.astimezone(export.zone).isoformat(),
        "epoch": export.instance.epoch.astimezone(UTC).isoformat(),
        "plant_tz": export.instance.plant_tz,
        "compared_with": export.before_name,
        "machine_id": export.machine_id,
        "fingerprint": schedule_fingerprint(export.schedule),
        "kpis": kpis.as_dict(),
    }
    left_out = [
        {"operation_id": row.operation_id, "code": row.code.value, "detail": row.detail}
        for row in export.left_out
    ]
    text = json.dumps(head, indent=1, ensure_ascii=False, allow_nan=False)[:-2]
    text += f',\n "operations": {_rows(placed)},\n "unassigned": {_rows(left_out)}\n}}\n'
    return text.encode("utf-8")


def _operation(export: PlanExport, line: PlanLine, item: ScheduledOperation) -> dict[str, Any]:
    return {
        "operation_id": item.operation_id,
        "job_id": item.job_id,
        "family": line.family,
        "machine_id": item.machine_id,
        "slot": item.slot,
        "start": export.local(item.start).isoformat(),
        "run_start": _text(line.run_start),
        "end": export.local(item.end).isoformat(),
        "setup_minutes": item.setup_minutes,
        "run_minutes": item.run_minutes,
        "level": item.level,
        "overtime_minutes": line.overtime_minutes,
        "is_committed": item.is_committed,
        "status": line.status,
        "due": _text(line.due),
        "job_late_minutes": line.job_late_minutes,
        "changed": line.changed,
        "previous_machine": line.previous_machine,
        "previous_start": _text(line.previous_start),
    }


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()


def _rows(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return "[]"
    lines = (json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows)
    return "[\n  " + ",\n  ".join(lines) + "\n ]"
