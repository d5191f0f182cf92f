"""The MariaDB schema and its least-privilege grants as SQL text, generated from the one metadata.

`python -m shopfloor.data.ddl schema|grants` prints what `deploy/mariadb/` keeps; a test compares them.
Nothing is executed here: a person or a migration job applies the text.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

from sqlalchemy.dialects.mysql import pymysql
from sqlalchemy.schema import CreateIndex, CreateTable

from shopfloor.data.tables import OUR_TABLES, PLANT_TABLES, SCHEMA_VERSION, metadata

DATABASE = "plant"
HOST = "%"

APPEND_ONLY = frozenset({"model_ledger"})
READ_ONLY = frozenset({"schema_version"})
EXTRACTED = ("schedule_pins", "schedule_active", "schedule_runs", "scheduled_jobs", "schema_version")

MARIADB_UPGRADES = ("ALTER TABLE schedule_runs ADD COLUMN IF NOT EXISTS solver_facts LONGTEXT AFTER kpis;",)
"""From an earlier schema version to this one; safe to repeat."""


def schema_sql() -> str:
    """Return the statements that make every table and the rows that must exist; safe to repeat."""
    dialect = pymysql.dialect()
    statements = ["-- Generated: python -m shopfloor.data.ddl schema", "SET NAMES utf8mb4;"]
    for table in metadata.sorted_tables:
        text = str(CreateTable(table, if_not_exists=True).compile(dialect=dialect)).strip()
        statements.append("\n".join(line.rstrip() for line in text.replace("\t", "  ").splitlines()) + ";")
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            statements.append(f"{CreateIndex(index, if_not_exists=True).compile(dialect=dialect)};")
    statements += MARIADB_UPGRADES
    statements.append("INSERT IGNORE INTO schedule_active (id, fence) VALUES (1, 0);")
    version = "INSERT IGNORE INTO schema_version (version, applied_at) VALUES ({}, UTC_TIMESTAMP(6));"
    statements.append(version.format(SCHEMA_VERSION))
    return "\n\n".join(statements) + "\n"


def grants_sql() -> str:
    """Return the statements that make four users, locked and without a password, and their rights."""
    lines = [
        "-- Generated: python -m shopfloor.data.ddl grants",
        f"-- The database is called {DATABASE}. Users are made locked; for each one in use:",
        "--   ALTER USER 'sched_rw'@'%' IDENTIFIED BY '...' ACCOUNT UNLOCK;",
        "",
    ]
    rights: dict[str, list[tuple[str, str]]] = {
        "extract_ro": _each("SELECT", (*PLANT_TABLES, *EXTRACTED)),
        "sched_rw": [*_each("SELECT", PLANT_TABLES), *((_ours(name), name) for name in OUR_TABLES)],
        "shadow_ro": _each("SELECT", (*PLANT_TABLES, *OUR_TABLES)),
        "migrate": [("SELECT, INSERT, CREATE, ALTER, DROP, INDEX, REFERENCES", "*")],
    }
    for user, grants in rights.items():
        lines.append(f"CREATE USER IF NOT EXISTS '{user}'@'{HOST}' ACCOUNT LOCK;")
        for privileges, table in grants:
            place = "*" if table == "*" else f"`{table}`"
            lines.append(f"GRANT {privileges} ON `{DATABASE}`.{place} TO '{user}'@'{HOST}';")
        lines.append("")
    return "\n".join(lines)


def _each(privileges: str, tables: Iterable[str]) -> list[tuple[str, str]]:
    return [(privileges, name) for name in tables]


def _ours(name: str) -> str:
    if name in READ_ONLY:
        return "SELECT"
    return "SELECT, INSERT" if name in APPEND_ONLY else "SELECT, INSERT, UPDATE, DELETE"


def main(arguments: list[str]) -> int:
    """Print one of the texts; return the exit code."""
    texts = {"schema": schema_sql, "grants": grants_sql}
    if len(arguments) != 1 or arguments[0] not in texts:
        sys.stderr.write("usage: python -m shopfloor.data.ddl schema|grants\n")
        return 64
    sys.stdout.write(texts[arguments[0]]())
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
