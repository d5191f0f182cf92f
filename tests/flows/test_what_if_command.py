"""The command `what-if` on a real plant: what it answers, what it refuses, and that it writes nothing at all."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from shopfloor_command import shopfloor
from tiny_day import AS_OF, TinyPlant

from flows.what_if import Changes, DownWish, OvertimeWish, RushWish, ask_what_if
from shopfloor.data.tables import metadata
from shopfloor.serving.exit_codes import ExitCode

MONDAY = "2026-06-01T05:30:00"


@pytest.fixture
def plant(database: sa.Engine, database_url: str, tmp_path: Path) -> TinyPlant:
    """A tiny plant with a plan in force."""
    found = TinyPlant(database, database_url, tmp_path / "home")
    found.run_day()
    return found


@pytest.fixture(scope="module")
def unplanned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a tiny plant without a plan."""
    home = tmp_path_factory.mktemp("home")
    assert shopfloor("seed", "--plant", "tiny", "--as-of", MONDAY, home=home).returncode == 0
    return home


def facts(plant: TinyPlant) -> tuple[str, str, str, str, int]:
    """Return a family, a machine, its type, and an open order with its priority."""
    row = max(plant.plan().values(), key=lambda row: (row.start_time, row.operation_id))
    jobs, machines = metadata.tables["production_jobs"], metadata.tables["machines"]
    with plant.engine.connect() as connection:
        family, priority = connection.execute(
            sa.select(jobs.c.family_name, jobs.c.priority).where(jobs.c.order_id == row.job_id)
        ).first()
        kind = connection.execute(
            sa.select(machines.c.machine_type).where(machines.c.machine_id == row.machine_id)
        ).scalar_one()
    return family, row.machine_id, kind, row.job_id, priority


def test_all_changes_at_once_are_answered_and_nothing_is_written(plant, tmp_path):
    family, machine, kind, job, _ = facts(plant)
    before = plant.every_row()
    changes = Changes(
        rush=(RushWish(family, 10, date(2026, 6, 12), 4),),
        down=(DownWish(machine, AS_OF + timedelta(hours=2), AS_OF + timedelta(days=1)),),
        overtime=(OvertimeWish(kind, 3),),
        priorities={job: 5},
    )
    report = ask_what_if(
        changes, as_of=AS_OF, seconds=0.5, gantt=tmp_path / "what-if.html", settings=plant.settings
    )
    assert plant.every_row() == before
    assert len(report.asked) == 4
    assert report.active_run_id is not None
    assert [(row.job_id, row.priority) for row in report.new_jobs] == [("RUSH1", 4)]
    assert all(row.before != row.after for row in report.jobs)
    assert report.kpis_after["unassigned_operations"] == 0
    assert "nothing was written" in report.text()
    assert (tmp_path / "what-if.html").stat().st_size > 10_000


def test_a_change_that_changes_nothing_moves_nothing(plant):
    _, _, _, job, priority = facts(plant)
    report = ask_what_if(Changes(priorities={job: priority}), as_of=AS_OF, settings=plant.settings)
    assert (report.jobs, report.new_jobs, report.moved_operations) == ((), (), 0)
    assert report.kpis_before == report.kpis_after


@pytest.mark.slow
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
