"""A plant's own column names: a TOML file that renames them to ours while they are read.

    [production_jobs]
    artikelgruppe = "family_name"

Only names change: units and meanings are the plant's to give as `tables.py` says.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from shopfloor.data.tables import PLANT_TABLES
from shopfloor.domain.errors import SchemaMismatch

ColumnMap = Mapping[str, Mapping[str, str]]


def read_column_map(path: Path | None) -> ColumnMap:
    """Return per plant table: plant's column -> our column; empty without a file.

    Raises:
        SchemaMismatch: The file cannot be read, or names a table or column that we do not have.
    """
    if path is None:
        return {}
    try:
        with path.open("rb") as file:
            document = tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise SchemaMismatch(f"cannot read the column map: {path}: {error}\nhint: a TOML file") from error
    return checked_column_map(document)


def checked_column_map(document: Mapping[str, object]) -> ColumnMap:
    """Return the map when every table and every column on our side exists, each at most once.

    Raises:
        SchemaMismatch: Otherwise.
    """
    for table, renames in document.items():
        if table not in PLANT_TABLES or not isinstance(renames, Mapping):
            known = ", ".join(PLANT_TABLES)
            raise SchemaMismatch(f"the column map names an unknown table: {table!r}\nhint: one of {known}")
        ours = list(renames.values())
        for column in ours:
            if column not in PLANT_TABLES[table].columns:
                raise SchemaMismatch(
                    f"the column map names an unknown column of {table}: {column!r}\n"
                    f"hint: one of {', '.join(PLANT_TABLES[table].columns.keys())}"
                )
        if len(set(ours)) != len(ours):
            raise SchemaMismatch(f"the column map gives two columns of {table} one name: {sorted(ours)}")
    return document  # type: ignore[return-value]
