"""One consistent picture of the database, kept as parquet files with a manifest that proves them.

All tables are read in one read-only snapshot transaction. A snapshot is never changed after it is published,
and never read without checking its hashes.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from shopfloor.data.column_map import ColumnMap, checked_column_map, read_column_map
from shopfloor.data.durable import folder_in_one_step, publish, sha256_of, sweep_left_over
from shopfloor.data.errors import ErrorClass, as_own_error, classify
from shopfloor.data.extraction import read_table
from shopfloor.data.frames import (
    FRAME_DTYPES,
    SNAPSHOT_TABLES,
    TEXT,
    TIME,
    TRUTH,
    WHOLE,
    UnreadableValue,
    cast,
)
from shopfloor.data.instants import to_utc_aware, to_utc_naive
from shopfloor.data.schema import missing, table_columns
from shopfloor.data.tables import schedule_active
from shopfloor.domain.errors import SchemaMismatch, SnapshotCorrupt
from shopfloor.faults import fault_point

logger = logging.getLogger(__name__)

MANIFEST = "manifest.json"
FORMAT = 1
OWN_PLAN = "scheduled_jobs"
OWN_TABLES = ("schedule_active", "schedule_pins", OWN_PLAN)
TRIES = 2


@dataclass(frozen=True)
class Snapshot:
    """A published snapshot.

    Attributes:
        snapshot_id: From `as_of` and the contents.
        as_of: Aware UTC.
        data_hash: SHA-256 over the contents of the plant's tables and the pins, not over files.
        row_counts: Rows per table.
        active_run_id: Whose plan is in `scheduled_jobs`; None when there is none.
        unreadable: Values that were not of their column's type, and are missing in the frames.
    """

    snapshot_id: str
    directory: Path
    as_of: datetime
    data_hash: str
    row_counts: Mapping[str, int]
    active_run_id: str | None = None
    unreadable: tuple[UnreadableValue, ...] = ()

    def frames(self) -> dict[str, pd.DataFrame]:
        """Return table -> frame with exact dtypes."""
        return {name: self.frame(name) for name in SNAPSHOT_TABLES}

    def frame(self, table: str) -> pd.DataFrame:
        """Return one table."""
        return cast(pd.read_parquet(self.directory / f"{table}.parquet"), table)


def extract(
    engine: sa.Engine, *, root: Path, as_of: datetime, column_map: ColumnMap | Path | None = None
) -> Snapshot:
    """Read all tables in one consistent snapshot and publish them below `root`.

    A connection that is lost half-way leaves nothing behind; it is tried once more in a new snapshot. The
    same contents at the same `as_of` give the same folder.

    Args:
        engine: Best a read-only one; a writer works too.
        as_of: Part of the name; all rows are kept, `assemble` leaves out what was not known.
        column_map: A map, a TOML file, or None.

    Raises:
        DatabaseUnavailable: The database failed twice.
        SchemaMismatch: Tables, columns or rights are missing.
        SnapshotCorrupt: Rows went missing on the way.
    """
    renamed = (
        checked_column_map(column_map or {})
        if not isinstance(column_map, Path)
        else read_column_map(column_map)
    )
    for attempt in range(1, TRIES + 1):
        try:
            with folder_in_one_step(root, f"{as_of:%Y%m%dT%H%M%S}") as folder:
                manifest = _write_tables(engine, folder, as_of, renamed)
                return _publish(folder, root, manifest)
        except DBAPIError as error:
            is_lost = classify(error) in (ErrorClass.LOST, ErrorClass.RETRY_TX, ErrorClass.TIMEOUT)
            if is_lost and attempt < TRIES:
                logger.warning("extract_cut attempt=%d class=%s", attempt, classify(error))
                continue
            own = as_own_error(error, doing="extract")
            if own is None:
                raise
            raise own from error
    raise AssertionError("unreachable")


def _write_tables(engine: sa.Engine, folder: Path, as_of: datetime, renamed: ColumnMap) -> dict[str, Any]:
    tables: dict[str, dict[str, Any]] = {}
    unreadable: list[UnreadableValue] = []
    with _one_picture(engine) as connection:
        columns = table_columns(connection)
        lacking = missing(columns, renamed, ours=OWN_TABLES)
        if lacking:
            raise SchemaMismatch(
                f"the database lacks: {'; '.join(lacking[:6])}{' ...' if len(lacking) > 6 else ''}\n"
                "hint: name the plant's own columns in the column map, or apply deploy/mariadb/schema.sql"
            )
        run_id = connection.execute(sa.select(schedule_active.c.run_id)).scalar()
        for name in SNAPSHOT_TABLES:
            where = sa.column("run_id") == run_id if name == OWN_PLAN else None
            chunks = read_table(
                connection, name, columns=columns[name], renamed=renamed.get(name, {}), where=where
            )
            content = hashlib.sha256()
            rows = 0
            path = folder / f"{name}.parquet"
            with pa.parquet.ParquetWriter(path, arrow_schema(name)) as writer:
                for frame, bad in chunks:
                    table = pa.Table.from_pandas(frame, schema=arrow_schema(name), preserve_index=False)
                    writer.write_table(table)
                    _hash_rows(content, table)
                    rows += table.num_rows
                    unreadable += bad
            tables[name] = {"rows": rows, "content": content.hexdigest(), "sha256": sha256_of(path)}
            fault_point("extract.after_table")
    return {
        "format": FORMAT,
        "as_of": to_utc_aware(as_of).isoformat(),
        "active_run_id": run_id,
        "tables": tables,
        "unreadable": [asdict(value) for value in unreadable],
    }


@contextmanager
def _one_picture(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Yield a connection whose every read sees the database as it is now."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            reader = connection.execution_options(shopfloor_read=True)
            with reader.begin():
                reader.execute(sa.select(schedule_active.c.id))  # a deferred BEGIN takes its snapshot here
                yield reader
        else:
            connection.exec_driver_sql("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
            yield connection


def _publish(folder: Path, root: Path, manifest: dict[str, Any]) -> Snapshot:
    plant = {name: entry["content"] for name, entry in manifest["tables"].items() if name != OWN_PLAN}
    manifest["data_hash"] = _hash_of(plant)
    contents = {name: entry["content"] for name, entry in manifest["tables"].items()}
    identity = _hash_of({"data": contents, "active_run_id": manifest["active_run_id"]})
    as_of = to_utc_naive(datetime.fromisoformat(manifest["as_of"]))
    manifest["snapshot_id"] = f"{as_of:%Y%m%dT%H%M%S}-{identity[:12]}"
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True))
    target = root / manifest["snapshot_id"]
    fault_point("extract.before_publish")
    if target.exists():
        try:
            return open_snapshot(target)
        except SnapshotCorrupt as error:
            logger.warning("snapshot_replaced id=%s reason=%s", target.name, str(error).splitlines()[0])
            shutil.rmtree(target)
    publish(folder, target)
    return open_snapshot(target)


def open_snapshot(directory: Path) -> Snapshot:
    """Return a published snapshot after checking every file against the manifest.

    Raises:
        SnapshotCorrupt: The manifest or a file is missing, changed, or of another format.
    """
    try:
        manifest = json.loads((directory / MANIFEST).read_text())
        if manifest["format"] != FORMAT:
            raise SnapshotCorrupt(f"snapshot {directory.name} has format {manifest['format']}, not {FORMAT}")
        for name in SNAPSHOT_TABLES:
            expected = manifest["tables"][name]["sha256"]
            found = sha256_of(directory / f"{name}.parquet")
            if found != expected:
                raise SnapshotCorrupt(
                    f"snapshot {directory.name}: {name}.parquet is not what was written: {found[:12]}, "
                    f"manifest {expected[:12]}\nhint: extract again"
                )
        return Snapshot(
            snapshot_id=manifest["snapshot_id"],
            directory=directory,
            as_of=datetime.fromisoformat(manifest["as_of"]),
            data_hash=manifest["data_hash"],
            row_counts={name: manifest["tables"][name]["rows"] for name in SNAPSHOT_TABLES},
            active_run_id=manifest["active_run_id"],
            unreadable=tuple(UnreadableValue(**value) for value in manifest["unreadable"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, SnapshotCorrupt):
            raise
        raise SnapshotCorrupt(
            f"snapshot {directory} cannot be read: {error!r}\nhint: extract again"
        ) from error


def retain_snapshots(
    root: Path, keep: int, *, spared: Collection[str] = (), before: datetime | None = None
) -> list[str]:
    """Remove all but the newest `keep` snapshots and what dead runs left over; return the names that went.

    Args:
        spared: Names that stay, however old.
        before: Only what was taken before this instant of the clock goes; None = whatever its age.
    """
    removed = [path.name for path in sweep_left_over(root)]
    published = sorted(path for path in root.glob("*T*-*") if (path / MANIFEST).is_file())
    for path in published[: max(0, len(published) - max(1, keep))]:
        taken_at = (path / MANIFEST).stat().st_mtime
        if path.name in spared or (before is not None and taken_at >= before.timestamp()):
            continue
        shutil.rmtree(path)
        removed.append(path.name)
    return removed


def arrow_schema(table: str) -> pa.Schema:
    """Return the parquet schema of a table."""
    types = {TEXT: pa.string(), WHOLE: pa.int64(), TRUTH: pa.bool_(), TIME: pa.timestamp("us")}
    return pa.schema([(name, types.get(dtype, pa.float64())) for name, dtype in FRAME_DTYPES[table].items()])


def _hash_rows(digest: Any, table: pa.Table) -> None:
    """Feed the rows' values, as text with a header, to a hash: the same contents hash alike in any file."""
    sink = pa.BufferOutputStream()
    pa.csv.write_csv(table, sink)
    digest.update(sink.getvalue())


def _hash_of(parts: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
