"""Column types that mean the same on MariaDB and on SQLite's STRICT tables.

Ids compare byte by byte on both engines; instants keep microseconds. Which table has which column is
`tables.py`'s.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import TypeCompiler

Id = sa.String(64).with_variant(
    mysql.VARCHAR(64, charset="utf8mb4", collation="utf8mb4_nopad_bin"), "mysql", "mariadb"
)
Name = sa.String(128).with_variant(
    mysql.VARCHAR(128, charset="utf8mb4", collation="utf8mb4_nopad_bin"), "mysql", "mariadb"
)
Instant = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
LongText = sa.Text().with_variant(mysql.LONGTEXT(charset="utf8mb4"), "mysql", "mariadb")
Minutes = sa.Integer()


@compiles(sa.String, "sqlite")
@compiles(sa.Text, "sqlite")
@compiles(sa.DateTime, "sqlite")
@compiles(sa.Date, "sqlite")
def _as_strict_text(_type: sa.types.TypeEngine[object], _compiler: TypeCompiler, **_: object) -> str:
    """Name the SQLite type that a STRICT table accepts for text and ISO times."""
    return "TEXT"


@compiles(sa.Float, "sqlite")
def _as_strict_real(_type: sa.types.TypeEngine[object], _compiler: TypeCompiler, **_: object) -> str:
    return "REAL"


@compiles(sa.Float, "mysql", "mariadb")
def _as_double(_type: sa.types.TypeEngine[object], _compiler: TypeCompiler, **_: object) -> str:
    """Keep all digits: FLOAT is single precision there, and a rounded duration is another minute."""
    return "DOUBLE"


@compiles(sa.Boolean, "sqlite")
@compiles(sa.BigInteger, "sqlite")
def _as_strict_integer(_type: sa.types.TypeEngine[object], _compiler: TypeCompiler, **_: object) -> str:
    return "INTEGER"
