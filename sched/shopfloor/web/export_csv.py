"""The plan as CSV: one row per operation, plant-local ISO 8601 with offset, safe to open in a spreadsheet.

RFC 4180 with CRLF, UTF-8 with a byte order mark so that spreadsheets read umlauts. Ids are data: a cell that a
spreadsheet would take for a formula gets an apostrophe in front, and `plain_cell` takes it off again.

References:
    OWASP, CSV Injection.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import datetime

from shopfloor.domain.open_time import WindowKind
from shopfloor.web.plan_export import PlanExport, PlanLine

COLUMNS = (
    "machine",
    "slot",
    "work_centre",
    "job",
    "operation",
    "family",
    "setup_start",
    "setup_end",
    "run_start",
    "run_end",
    "setup_minutes",
    "run_minutes",
    "overtime_level",
    "overtime_minutes",
    "due",
    "job_end",
    "job_late_minutes",
    "status",
    "changed",
    "previous_machine",
    "previous_start",
    "left_out_because",
)
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
GUARD = "'"


def plan_csv(export: PlanExport) -> bytes:
    """Return the plan as CSV, a header and a row per operation."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows([_cell(value) for value in cells_of(line)] for line in export.lines)
    return b"\xef\xbb\xbf" + text.getvalue().encode("utf-8")


def read_plan_csv(data: bytes) -> list[dict[str, str]]:
    """Return the rows of `plan_csv` as they went in, by column."""
    reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    return [{name: plain_cell(value) for name, value in row.items()} for row in reader]


def cells_of(line: PlanLine) -> Iterable[str | int | datetime | None]:
    """Return the values of one line, in the order of `COLUMNS`."""
    has_place = bool(line.machine_id)
    return (
        line.machine_id,
        line.slot if has_place else None,
        line.work_centre,
        line.job_id,
        line.operation_id,
        line.family,
        line.setup_start,
        line.setup_end,
        line.run_start,
        line.run_end,
        line.setup_minutes if has_place else None,
        line.run_minutes if has_place else None,
        level_name(line.level) if has_place else "",
        line.overtime_minutes if has_place else None,
        line.due,
        line.job_end,
        line.job_late_minutes,
        line.status,
        line.changed,
        line.previous_machine,
        line.previous_start,
        line.left_out_because,
    )


def level_name(level: int) -> str:
    """Return regular, overtime or night: the latest windows that an operation may work through."""
    return WindowKind(level).name.lower() if 0 <= level <= max(WindowKind) else str(level)


def guarded_cell(text: str) -> str:
    """Return text that no spreadsheet takes for a formula; `plain_cell` undoes it."""
    return GUARD + text if text.startswith((*FORMULA_SIGNS, GUARD)) else text


def plain_cell(cell: str) -> str:
    """Return what `guarded_cell` was given."""
    return cell.removeprefix(GUARD)


def _cell(value: str | int | datetime | None) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, int) else guarded_cell(value)
