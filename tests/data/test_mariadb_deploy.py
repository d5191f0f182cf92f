"""What `deploy/mariadb` holds is what the code needs, and its users can do that and no more."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from mariadb_server import administer, drop_database, fresh_database
from sqlalchemy.exc import OperationalError, ProgrammingError
from tiny_plant import AS_OF, record, small_frames

from shopfloor.data.connection import check_schema, create_tables, open_database, open_readonly
from shopfloor.data.ddl import grants_sql, schema_sql
from shopfloor.data.leases import acquire
from shopfloor.data.seed import load_frames
from shopfloor.data.snapshot import extract
from shopfloor.data.writeback import write_plan
from shopfloor.domain.errors import SchemaMismatch

DEPLOY = Path(__file__).resolve().parents[2] / "deploy" / "mariadb"
USERS = ("extract_ro", "sched_rw", "shadow_ro", "migrate")


def statements_of(text: str) -> list[str]:
    code = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    return [statement.strip() for statement in code.split(";\n") if statement.strip()]


def test_the_kept_files_are_what_the_metadata_generates():
    assert (DEPLOY / "schema.sql").read_text() == schema_sql()
    assert (DEPLOY / "grants.sql").read_text() == grants_sql()


@pytest.fixture
def granted(mariadb_server_url: str) -> Iterator[dict[str, str]]:
    """Yield the URL of each user on a database made from the two files; `root` is the administrator."""
    url = fresh_database(mariadb_server_url)
    root = open_database(url)
    mark, word = secrets.token_hex(4), secrets.token_hex(8)
    names = {user: f"{user}_{mark}" for user in USERS}
    with root.begin() as connection:
        for statement in statements_of((DEPLOY / "schema.sql").read_text()):
            connection.exec_driver_sql(statement)
    database = str(sa.make_url(url).database)
    grants = (DEPLOY / "grants.sql").read_text().replace("`plant`", f"`{database}`")
    for user, name in names.items():
        grants = grants.replace(f"'{user}'", f"'{name}'")
    unlock = [f"ALTER USER '{name}'@'%' IDENTIFIED BY '{word}' ACCOUNT UNLOCK" for name in names.values()]
    administer(url, *statements_of(grants), *unlock)
    as_user = {
        user: sa.make_url(url).set(username=name, password=word).render_as_string(hide_password=False)
        for user, name in names.items()
    }
    load_frames(root, small_frames())
    root.dispose()
    yield as_user | {"root": url}
    administer(url, *(f"DROP USER '{name}'@'%'" for name in names.values()))
    drop_database(url)


def refusal(url: str, statement: str) -> int:
    """Return the error code with which a statement is refused."""
    engine = open_database(url)
    try:
        with pytest.raises((OperationalError, ProgrammingError)) as caught, engine.begin() as connection:
            connection.exec_driver_sql(statement)
        return int(caught.value.orig.args[0])
    finally:
        engine.dispose()


@pytest.mark.mariadb
def test_the_deployed_schema_is_the_one_that_the_code_checks(granted):
    engine = open_database(granted["root"])
    check_schema(engine)
    create_tables(engine)
    engine.dispose()


@pytest.mark.mariadb
def test_the_extracting_user_reads_everything_it_needs_and_writes_nothing(granted, tmp_path: Path):
    engine = open_readonly(granted["extract_ro"])
    snapshot = extract(engine, root=tmp_path, as_of=AS_OF)
    assert snapshot.row_counts["production_jobs"] == 4
    engine.dispose()
    for statement in (
        "INSERT INTO schedule_pins (operation_id, pinned_by, reason, created_at) VALUES ('x','x','x',NOW())",
        "UPDATE production_jobs SET priority = 1",
        "DELETE FROM scheduled_jobs",
        "SELECT * FROM model_ledger",
        "DROP TABLE machines",
    ):
        assert refusal(granted["extract_ro"], statement) == 1142


@pytest.mark.mariadb
def test_the_scheduling_user_writes_plans_and_cannot_touch_the_plants_tables(granted):
    engine = open_database(granted["sched_rw"])
    check_schema(engine)
    create_tables(engine)
    lease = acquire(engine, "daily", owner="me", ttl_s=60)
    assert write_plan(engine, record("k1"), lease=lease).status == "written"
    engine.dispose()
    for statement in (
        "INSERT INTO machines (machine_id) VALUES ('x')",
        "UPDATE production_jobs SET priority = 1",
        "DELETE FROM job_schedules",
        "UPDATE model_ledger SET champion_version = 'mine'",
        "DELETE FROM model_ledger",
        "UPDATE schema_version SET version = 9",
        "ALTER TABLE scheduled_jobs ADD COLUMN x INT",
        "CREATE TABLE x (y INT)",
    ):
        assert refusal(granted["sched_rw"], statement) == 1142
    with pytest.raises(SchemaMismatch, match="RIGHTS"):
        load_frames(open_database(granted["sched_rw"]), small_frames())


@pytest.mark.mariadb
def test_the_shadow_user_writes_nothing(granted):
    for statement in (
        "DELETE FROM schedule_runs",
        "UPDATE schedule_active SET fence = 9",
        "DELETE FROM incidents",
    ):
        assert refusal(granted["shadow_ro"], statement) == 1142


@pytest.mark.mariadb
def test_a_readonly_session_cannot_write_whoever_it_is(granted):
    engine = open_readonly(granted["root"])
    with pytest.raises(OperationalError) as caught, engine.begin() as connection:
        connection.exec_driver_sql("UPDATE production_jobs SET priority = 1")
    assert caught.value.orig.args[0] == 1792
    engine.dispose()
