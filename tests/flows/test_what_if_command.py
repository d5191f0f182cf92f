"""The command `what-if` on a real plant: what it answers, what it refuses, and that it writes nothing at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sqlalchemy as sa
from shopfloor_command import shopfloor

from shopfloor.data.connection import open_database, reading
from shopfloor.data.tables import metadata
from shopfloor.serving.exit_codes import ExitCode

pytestmark = pytest.mark.slow

MONDAY = "2026-06-01T05:30:00"


def every_row(url: str) -> dict[str, list[str]]:
    """Return all rows of all tables."""
    engine = open_database(url)
    with reading(engine) as connection:
        rows = {
            name: sorted(map(str, connection.execute(sa.select(table)).all()))
            for name, table in metadata.tables.items()
        }
    engine.dispose()
    return rows


@pytest.fixture
def planned(database_url: str, tmp_path: Path) -> tuple[Path, str]:
    """A tiny plant with a plan in force."""
    home = tmp_path / "home"
    done = shopfloor(
        "seed", "--plant", "tiny", "--as-of", MONDAY, home=home, SHOPFLOOR_DATABASE_URL=database_url
    )
    assert done.returncode == 0, done.stderr
    done = shopfloor("daily", "--as-of", MONDAY, home=home, SHOPFLOOR_DATABASE_URL=database_url)
    assert done.returncode == ExitCode.FALLBACK, done.stderr
    return home, database_url


@pytest.fixture(scope="module")
def unplanned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a tiny plant without a plan."""
    home = tmp_path_factory.mktemp("home")
    assert shopfloor("seed", "--plant", "tiny", "--as-of", MONDAY, home=home).returncode == 0
    return home


def ask(planned: tuple[Path, str], *options: str):
    home, url = planned
    return shopfloor("what-if", "--as-of", MONDAY, *options, home=home, SHOPFLOOR_DATABASE_URL=url)


def facts(url: str) -> tuple[str, str, str, str]:
    """Return a family, a machine, its type and an open order of the plant."""
    engine = open_database(url)
    jobs, plan = metadata.tables["production_jobs"], metadata.tables["scheduled_jobs"]
    machines = metadata.tables["machines"]
    with reading(engine) as connection:
        family = connection.execute(sa.select(sa.func.min(jobs.c.family_name))).scalar_one()
        machine, job = connection.execute(
            sa.select(plan.c.machine_id, plan.c.job_id).order_by(plan.c.start_time.desc())
        ).first()
        kind = connection.execute(
            sa.select(machines.c.machine_type).where(machines.c.machine_id == machine)
        ).scalar_one()
    engine.dispose()
    return family, machine, kind, job


def test_all_changes_at_once_are_answered_and_nothing_is_written(planned, tmp_path):
    family, machine, kind, job = facts(planned[1])
    before = every_row(planned[1])
    done = ask(
        planned, "--rush", family, "--qty", "10", "--due", "2026-06-05", "--down", machine,
        "--from", "2026-06-01 08:00", "--to", "2026-06-02T10:00:00+00:00", "--overtime", kind, "--days", "3",
        "--priority", f"{job}=5", "--priority", "4", "--seconds", "0.5",
        "--gantt", str(tmp_path / "what-if.html"), "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert every_row(planned[1]) == before
    report = json.loads(done.stdout)
    assert len(report["asked"]) == 4
    assert report["active_run_id"] is not None
    assert [row["job_id"] for row in report["new_jobs"]] == ["RUSH1"]
    assert report["new_jobs"][0]["priority"] == 4
    for row in report["jobs"]:
        assert row["before"] != row["after"]
    assert report["kpis_after"]["unassigned_operations"] == 0
    assert (tmp_path / "what-if.html").stat().st_size > 10_000


def test_a_change_that_changes_nothing_moves_nothing(planned):
    _, _, _, job = facts(planned[1])
    engine = open_database(planned[1])
    jobs = metadata.tables["production_jobs"]
    with reading(engine) as connection:
        given = connection.execute(
            sa.select(sa.func.max(jobs.c.priority)).where(jobs.c.order_id == job)
        ).scalar_one()
    engine.dispose()
    report = json.loads(ask(planned, "--priority", f"{job}={given}", "--json").stdout)
    assert (report["jobs"], report["new_jobs"], report["moved_operations"]) == ([], [], 0)
    assert report["kpis_before"] == report["kpis_after"]


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ((), ExitCode.REFUSED, "no change is asked for"),
        (("--rush", "FAM_999", "--qty", "1", "--due", "2026-06-05"), ExitCode.REFUSED, "hint:"),
        (("--rush", "FAM_01", "--qty", "1", "--due", "soon"), ExitCode.REFUSED, "not a date"),
        (("--rush", "FAM_01", "--qty", "1"), ExitCode.USAGE, "--due"),
        (("--down", "X", "--from", "tomorrow 06:30", "--to", "2026-06-05"), ExitCode.REFUSED, "no active"),
        (("--overtime", "LATHES"), ExitCode.REFUSED, "there are"),
        (("--priority", "O1=high"), ExitCode.USAGE, "1..5"),
        (("--priority", "O-none=5"), ExitCode.REFUSED, "no open job"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_words(unplanned, options, code, words):
    done = shopfloor("what-if", "--as-of", MONDAY, *options, home=unplanned)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
    assert words in done.stderr
