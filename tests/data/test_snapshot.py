"""A snapshot is one picture, proven by hashes, on both engines."""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from shopfloor.data.connection import open_readonly
from shopfloor.data.durable import folder_in_one_step
from shopfloor.data.frames import FRAME_DTYPES, SNAPSHOT_TABLES
from shopfloor.data.seed import load_frames
from shopfloor.data.snapshot import extract, open_snapshot, retain_snapshots
from shopfloor.data.tables import job_schedules, machines, production_jobs
from shopfloor.domain.errors import SchemaMismatch, SnapshotCorrupt

AS_OF = datetime(2026, 6, 1, 3, 30, tzinfo=UTC)


def plant() -> dict[str, pd.DataFrame]:
    return {
        "machines": pd.DataFrame(
            {
                "machine_id": ["M2", "M1"],
                "machine_type": "MILL",
                "capacity": 1,
                "setup_time_same": 5.0,
                "setup_time_different": 30.0,
                "status": "ACTIVE",
            }
        ),
        "production_jobs": pd.DataFrame(
            {
                "job_id": ["O1_P01", "O1_P02"],
                "family_name": ["Fé", None],
                "processing_time": [1.0000000001, None],
                "priority": [5, None],
                "lcd_date": ["2026-06-10", None],
                "is_interruptible": [True, None],
                "created_at": [pd.Timestamp(2026, 5, 1, 12, 0, 0, 123456), None],
            }
        ),
    }


def test_what_is_read_back_is_what_was_written_with_exact_dtypes(database, database_url, tmp_path: Path):
    load_frames(database, plant())
    snapshot = extract(open_readonly(database_url), root=tmp_path / "s", as_of=AS_OF)
    frames = snapshot.frames()
    assert set(frames) == set(SNAPSHOT_TABLES)
    for name, frame in frames.items():
        assert {column: str(dtype) for column, dtype in frame.dtypes.items()} == dict(FRAME_DTYPES[name])
    assert snapshot.row_counts["machines"] == 2
    jobs = frames["production_jobs"]
    assert jobs["family_name"].tolist()[0] == "Fé"
    assert jobs["created_at"].tolist()[0] == pd.Timestamp(2026, 5, 1, 12, 0, 0, 123456)
    assert jobs["lcd_date"].tolist()[0] == pd.Timestamp(2026, 6, 10)
    assert jobs.drop(columns="job_id").loc[1].isna().all()
    assert frames["machines"]["machine_id"].tolist() == ["M1", "M2"]


def test_the_same_contents_give_the_same_snapshot_and_a_change_gives_another(database, tmp_path: Path):
    load_frames(database, plant())
    first = extract(database, root=tmp_path / "s", as_of=AS_OF)
    again = extract(database, root=tmp_path / "s", as_of=AS_OF)
    assert (first.snapshot_id, first.data_hash) == (again.snapshot_id, again.data_hash)
    with database.begin() as connection:
        connection.execute(sa.update(production_jobs).values(priority=4))
    changed = extract(database, root=tmp_path / "s", as_of=AS_OF)
    assert changed.data_hash != first.data_hash
    assert len(list((tmp_path / "s").iterdir())) == 2


@pytest.mark.mariadb
def test_both_engines_give_the_same_data_hash(sqlite_engine, mariadb_engine, tmp_path: Path):
    hashes = set()
    for number, engine in enumerate((sqlite_engine, mariadb_engine)):
        load_frames(engine, plant())
        hashes.add(extract(engine, root=tmp_path / str(number), as_of=AS_OF).data_hash)
    assert len(hashes) == 1


def test_a_snapshot_is_one_picture_while_a_writer_keeps_an_invariant(database, database_url, tmp_path: Path):
    """The writer adds a job and its row of history together: a picture never has one without the other."""
    load_frames(database, plant())
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            with database.begin() as connection:
                connection.execute(sa.insert(production_jobs).values(job_id=f"W{number}_P01"))
                connection.execute(
                    sa.insert(job_schedules).values(
                        schedule_id=number,
                        job_id=f"W{number}_P01",
                        machine_id="M1",
                        scheduled_date=AS_OF.date(),
                        start_time=AS_OF.replace(tzinfo=None),
                    )
                )

    writer = threading.Thread(target=write)
    writer.start()
    reader = open_readonly(database_url)
    try:
        seen = []
        for number in range(12):
            snapshot = extract(reader, root=tmp_path / str(number), as_of=AS_OF)
            seen.append(snapshot.row_counts["job_schedules"])
            assert snapshot.row_counts["production_jobs"] - 2 == snapshot.row_counts["job_schedules"]
    finally:
        stop.set()
        writer.join()
    assert seen[-1] > seen[0]


def test_a_changed_file_is_refused_and_extracting_again_repairs_it(database, tmp_path: Path):
    load_frames(database, plant())
    snapshot = extract(database, root=tmp_path, as_of=AS_OF)
    path = snapshot.directory / "machines.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(SnapshotCorrupt, match=r"machines\.parquet"):
        open_snapshot(snapshot.directory)
    assert extract(database, root=tmp_path, as_of=AS_OF).snapshot_id == snapshot.snapshot_id
    assert open_snapshot(snapshot.directory).row_counts["machines"] == 2


def test_a_missing_manifest_is_refused(tmp_path: Path):
    with pytest.raises(SnapshotCorrupt, match="hint: extract again"):
        open_snapshot(tmp_path)


def test_a_failed_extraction_leaves_nothing_behind(tmp_path: Path):
    with pytest.raises(RuntimeError), folder_in_one_step(tmp_path, "x") as folder:
        (folder / "half.parquet").write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_only_the_newest_snapshots_are_kept(database, tmp_path: Path):
    for day in (1, 3, 2):
        extract(database, root=tmp_path / "s", as_of=AS_OF.replace(day=day))
    (tmp_path / "s" / ".tmp-999999999-x").mkdir()
    removed = retain_snapshots(tmp_path / "s", keep=2)
    assert len(removed) == 2
    assert [path.name[:8] for path in sorted((tmp_path / "s").iterdir())] == ["20260602", "20260603"]


def test_spared_and_young_snapshots_stay_however_many_there_are(database, tmp_path: Path):
    root = tmp_path / "s"
    names = [extract(database, root=root, as_of=AS_OF.replace(day=day)).snapshot_id for day in (1, 2, 3, 4)]
    a_day_ago, in_an_hour = time.time() - 86_400, datetime.now(UTC) + timedelta(hours=1)
    assert retain_snapshots(root, 1, before=datetime.now(UTC) - timedelta(hours=1)) == []
    os.utime(root / names[2] / "manifest.json", (a_day_ago, a_day_ago))
    assert retain_snapshots(root, 1, before=datetime.now(UTC) - timedelta(hours=1)) == [names[2]]
    assert retain_snapshots(root, 1, spared={names[0]}, before=in_an_hour) == [names[1]]
    assert sorted(path.name for path in root.iterdir()) == [names[0], names[3]]


def test_a_plants_own_column_names_are_mapped_while_reading(database, tmp_path: Path):
    with database.begin() as connection:
        connection.execute(sa.insert(machines), plant()["machines"].to_dict("records"))
        connection.exec_driver_sql("ALTER TABLE machines RENAME COLUMN machine_type TO arbeitsplatz")
        connection.exec_driver_sql("ALTER TABLE machines DROP COLUMN speed_factor")
    with pytest.raises(SchemaMismatch, match=r"machines\.machine_type"):
        extract(database, root=tmp_path, as_of=AS_OF)
    toml = tmp_path / "columns.toml"
    toml.write_text('[machines]\narbeitsplatz = "machine_type"\n')
    frame = extract(database, root=tmp_path / "s", as_of=AS_OF, column_map=toml).frame("machines")
    assert frame["machine_type"].tolist() == ["MILL", "MILL"]
    assert frame["speed_factor"].isna().all()


def test_a_column_map_to_an_unknown_column_is_refused(database, tmp_path: Path):
    with pytest.raises(SchemaMismatch, match="machine_kind"):
        extract(database, root=tmp_path, as_of=AS_OF, column_map={"machines": {"x": "machine_kind"}})


@pytest.mark.mariadb
def test_a_zero_date_is_missing_and_reported(mariadb_engine, tmp_path: Path):
    with mariadb_engine.begin() as connection:
        connection.exec_driver_sql("SET SESSION sql_mode=''")
        connection.exec_driver_sql(
            "INSERT INTO production_jobs (job_id, lcd_date, created_at) "
            "VALUES ('O1_P01', '0000-00-00', '2026-00-10 00:00:00')"
        )
    snapshot = extract(mariadb_engine, root=tmp_path, as_of=AS_OF)
    assert snapshot.frame("production_jobs")["lcd_date"].isna().all()
    assert {(value.row_key, value.column_name) for value in snapshot.unreadable} == {
        ("O1_P01", "lcd_date"),
        ("O1_P01", "created_at"),
    }
    assert {value.value[:7] for value in snapshot.unreadable} == {"0000-00", "2026-00"}
