"""Which tables and columns this code needs, and which of them a database lacks.

A plant's own tables may have more columns than we read, and may lack the optional ones. Nothing is altered
here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import sqlalchemy as sa

from shopfloor.data.tables import OUR_TABLES, PLANT_TABLES, metadata

OPTIONAL_COLUMNS: dict[str, frozenset[str]] = {
    "machines": frozenset({"capacity", "calendar_id", "speed_factor", "current_setup_family"}),
    "production_jobs": frozenset(
        {
            "order_id",
            "quantity",
            "lot_size",
            "material_ready_at",
            "actual_start",
            "remaining_minutes",
            "is_interruptible",
        }
    ),
    "job_schedules": frozenset({"setup_minutes", "processing_time", "overtime_minutes"}),
    "calendar_exceptions": frozenset({"start_time", "end_time", "kind", "reason"}),
    "machine_downtime": frozenset({"reason"}),
    "setup_rules": frozenset({"machine_type"}),
    "machine_restrictions": frozenset({"process_order", "reason"}),
}
"""Columns that a plant need not have; they read as NULL."""


def missing(
    columns: Mapping[str, set[str]],
    renamed: Mapping[str, Mapping[str, str]],
    *,
    ours: Iterable[str] = tuple(OUR_TABLES),
) -> list[str]:
    """Return what the database lacks, as words.

    Args:
        columns: Columns of each table that is there.
        renamed: Per plant table, plant's column name -> our name.
        ours: Those of our own tables that are needed.
    """
    return [*_missing_of_ours(columns, ours), *_missing_of_the_plant(columns, renamed)]


def table_columns(connection: sa.Connection) -> dict[str, set[str]]:
    """Return the columns of each table that is there."""
    inspector = sa.inspect(connection)
    names = set(inspector.get_table_names()) | set(inspector.get_view_names())
    return {
        name: {column["name"] for column in inspector.get_columns(name)}
        for name in metadata.tables
        if name in names
    }


def _missing_of_ours(columns: Mapping[str, set[str]], ours: Iterable[str]) -> list[str]:
    problems = []
    for name in ours:
        table = OUR_TABLES[name]
        if name not in columns:
            problems.append(f"table {name}")
            continue
        problems += [
            f"column {name}.{column.name}" for column in table.columns if column.name not in columns[name]
        ]
    return problems


def _missing_of_the_plant(
    columns: Mapping[str, set[str]], renamed: Mapping[str, Mapping[str, str]]
) -> list[str]:
    problems = []
    for name, table in PLANT_TABLES.items():
        if name not in columns:
            problems.append(f"table {name}")
            continue
        ours = {renamed.get(name, {}).get(column, column) for column in columns[name]}
        needed = {column.name for column in table.columns} - OPTIONAL_COLUMNS.get(name, frozenset())
        problems += [f"column {name}.{column}" for column in sorted(needed - ours)]
    return problems
