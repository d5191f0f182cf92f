"""The plan as a workbook: plan, by machine, late jobs, key figures, what was left out.

Real dates on the plant's clock (a spreadsheet knows no zones: the sheet of figures names it), frozen headers,
filters, lateness and changes in colour. Ids are written as text, never as a formula or a link. The same plan
gives the same bytes.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

import xlsxwriter

from shopfloor.domain.bounds import earliest_completions
from shopfloor.domain.kpis import Kpis
from shopfloor.web.export_csv import COLUMNS, cells_of
from shopfloor.web.plan_export import PlanExport, PlanLine

MINUTES_PER_DAY = 1440
DATE = "ddd yyyy-mm-dd hh:mm"
WIDTHS = {"job": 18, "operation": 22, "family": 14, "machine": 14, "work_centre": 14, "left_out_because": 40}
LATE_COLUMNS = (
    "job",
    "family",
    "weight",
    "due",
    "completion",
    "days late",
    "of it unavoidable",
    "newly late",
)
MACHINE_COLUMNS = (
    "machine", "slot", "job", "operation", "family", "setup_start", "run_start", "run_end",
    "setup_minutes", "run_minutes", "overtime_minutes", "due", "job_late_minutes", "status",
)  # fmt: skip


def plan_xlsx(export: PlanExport, kpis: Kpis) -> bytes:
    """Return the plan as an Excel workbook.

    Args:
        kpis: Of the whole plan, also when one machine is exported.
    """
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as workbook:
        workbook.set_properties({"title": f"Plan {export.run_id}", "created": _naive(export.instance.as_of)})
        book = _Book(workbook)
        _plan_sheet(book, export)
        _machine_sheet(book, export)
        _late_sheet(book, export)
        _kpi_sheet(book, export, kpis)
        _left_out_sheet(book, export)
    return buffer.getvalue()


class _Book:
    """A workbook with its formats."""

    def __init__(self, workbook: Any) -> None:
        self.workbook = workbook
        self.head = workbook.add_format(
            {"bold": True, "font_color": "#FFFFFF", "bg_color": "#1C2430", "text_wrap": True, "valign": "top"}
        )
        looks: dict[str, dict[str, Any]] = {
            "plain": {},
            "late": {"font_color": "#B3261E", "bold": True},
            "changed": {"font_color": "#1F5FBF"},
            "overtime": {"bg_color": "#FDF0CC"},
            "group": {"bold": True, "bg_color": "#EEF1F5"},
        }
        self.text = {name: workbook.add_format(look) for name, look in looks.items()}
        self.date = {name: workbook.add_format(look | {"num_format": DATE}) for name, look in looks.items()}
        self.days = {name: workbook.add_format(look | {"num_format": "0.00"}) for name, look in looks.items()}

    def sheet(self, name: str, columns: Sequence[str], *, frozen: int = 0) -> Any:
        """Return a new sheet with its header frozen.

        Args:
            frozen: Columns on the left that stay.
        """
        sheet = self.workbook.add_worksheet(name)
        sheet.freeze_panes(1, frozen)
        sheet.set_row(0, 30)
        for position, column in enumerate(columns):
            is_date = column.endswith(("_start", "_end")) or column in ("due", "completion")
            sheet.set_column(position, position, 20 if is_date else WIDTHS.get(column, 11))
            sheet.write_string(0, position, column.replace("_", " "), self.head)
        return sheet

    def row(
        self, sheet: Any, number: int, values: Iterable[Any], look: Sequence[str] | str = "plain"
    ) -> None:
        """Write one row.

        Args:
            look: Name of a format for all cells, or one for each.
        """
        for position, value in enumerate(values):
            name = look if isinstance(look, str) else look[position]
            if value is None or value == "":
                sheet.write_blank(number, position, None, self.text[name])
            elif isinstance(value, datetime):
                sheet.write_datetime(number, position, _naive(value), self.date[name])
            elif isinstance(value, float):
                sheet.write_number(number, position, value, self.days[name])
            elif isinstance(value, int):
                sheet.write_number(number, position, value, self.text[name])
            else:
                sheet.write_string(number, position, value, self.text[name])


def _plan_sheet(book: _Book, export: PlanExport) -> None:
    sheet = book.sheet("Plan", COLUMNS, frozen=5)
    for number, line in enumerate(export.lines, start=1):
        book.row(sheet, number, cells_of(line), [_look(line, column) for column in COLUMNS])
    sheet.autofilter(0, 0, max(1, len(export.lines)), len(COLUMNS) - 1)


def _machine_sheet(book: _Book, export: PlanExport) -> None:
    """Write a line of sums per machine with its sequence below it, as an outline that folds."""
    sheet = book.sheet("By machine", MACHINE_COLUMNS, frozen=2)
    sheet.outline_settings(symbols_below=False)
    number = 1
    placed = [line for line in export.lines if line.machine_id]
    for machine_id, group in groupby(placed, key=lambda line: line.machine_id):
        lines = list(group)
        book.row(sheet, number, _sums(machine_id, lines), "group")
        for offset, line in enumerate(lines, start=1):
            cells = dict(zip(COLUMNS, cells_of(line), strict=True))
            looks = [_look(line, column) for column in MACHINE_COLUMNS]
            book.row(sheet, number + offset, [cells[column] for column in MACHINE_COLUMNS], looks)
            sheet.set_row(number + offset, None, None, {"level": 1})
        number += len(lines) + 1


def _sums(machine_id: str, lines: Sequence[PlanLine]) -> list[Any]:
    starts = [line.setup_start or line.run_start for line in lines]
    late = {line.job_id for line in lines if line.job_late_minutes}
    return [
        machine_id, None, f"{len({line.job_id for line in lines})} jobs", f"{len(lines)} operations",
        lines[0].work_centre, min(start for start in starts if start), None,
        max(line.run_end for line in lines if line.run_end), sum(line.setup_minutes for line in lines),
        sum(line.run_minutes for line in lines), sum(line.overtime_minutes for line in lines),
        None, None, f"{len(late)} late jobs" if late else "",
    ]  # fmt: skip


def _late_sheet(book: _Book, export: PlanExport) -> None:
    instance, alone = export.instance, earliest_completions(export.instance)
    newly = set() if export.changes is None else set(export.changes.newly_late)
    shown = {line.job_id for line in export.lines}
    late = [
        (job, export.job_end[job.job_id])
        for job in instance.jobs
        if job.job_id in shown and export.job_end.get(job.job_id, job.due) > job.due
    ]
    late.sort(key=lambda pair: (-pair[0].weight * (pair[1] - pair[0].due), pair[0].job_id))
    sheet = book.sheet("Late jobs", LATE_COLUMNS, frozen=1)
    for number, (job, end) in enumerate(late, start=1):
        sunk = max(0, min(end, alone[job.job_id]) - job.due)
        values = (
            job.job_id, job.family, float(job.weight), export.local(job.due), export.local(end),
            (end - job.due) / MINUTES_PER_DAY, sunk / MINUTES_PER_DAY, "yes" if job.job_id in newly else "",
        )  # fmt: skip
        book.row(sheet, number, values)
    sheet.autofilter(0, 0, max(1, len(late)), len(LATE_COLUMNS) - 1)


def _kpi_sheet(book: _Book, export: PlanExport, kpis: Kpis) -> None:
    sheet = book.sheet("KPIs", ("key figure", "value"))
    sheet.set_column(0, 0, 36)
    sheet.set_column(1, 1, 34)
    facts: list[tuple[str, Any]] = [
        ("run", export.run_id),
        ("made by", export.schedule.solver),
        ("as of", export.local(export.instance.now)),
        ("all times are plant-local", export.instance.plant_tz),
        ("compared with run", export.before_name),
        ("operations", len(export.schedule.operations)),
    ]
    facts += [(name.replace("_", " "), value) for name, value in kpis.as_dict().items()]
    for number, row in enumerate(facts, start=1):
        book.row(sheet, number, row)


def _left_out_sheet(book: _Book, export: PlanExport) -> None:
    sheet = book.sheet("Left out", ("operation", "code", "detail"))
    sheet.set_column(1, 2, 40)
    for number, row in enumerate(export.left_out, start=1):
        book.row(sheet, number, (row.operation_id, row.code.value, row.detail))


def _look(line: PlanLine, column: str) -> str:
    if column in ("job_late_minutes", "job_end") and line.job_late_minutes:
        return "late"
    if column in ("overtime_level", "overtime_minutes") and line.overtime_minutes:
        return "overtime"
    is_about_change = column in ("changed", "previous_machine", "previous_start")
    return "changed" if is_about_change and line.changed else "plain"


def _naive(instant: datetime) -> datetime:
    """Return the wall-clock time; spreadsheets know no offsets."""
    return instant.replace(tzinfo=None)
