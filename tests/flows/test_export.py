"""Stored plans as files through the command: every format, the check of a file, and nothing written by it."""

from __future__ import annotations

import json
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from icalendar import Calendar
from openpyxl import load_workbook
from shopfloor_command import shopfloor

from shopfloor.data.connection import open_readonly
from shopfloor.data.tables import metadata
from shopfloor.serving.exit_codes import ExitCode
from shopfloor.web.export_csv import read_plan_csv
from shopfloor.web.import_json import read_plan_json

pytestmark = pytest.mark.slow

MONDAY, TUESDAY = "2026-06-01T05:30:00", "2026-06-02T05:30:00"


class Plant:
    """A tiny plant with a plan of each day."""

    def __init__(self, home: Path, url: str, *, days: tuple[str, ...] = (MONDAY, TUESDAY)) -> None:
        self.home, self.url = home, url
        assert self("seed", "--plant", "tiny", "--as-of", MONDAY).returncode == 0
        for day in days:
            done = self("daily", "--as-of", day, "--deadline", "1")
            assert done.returncode == ExitCode.FALLBACK, done.stderr

    def __call__(self, *arguments: str) -> Any:
        return shopfloor(*arguments, home=self.home, SHOPFLOOR_DATABASE_URL=self.url)

    def rows(self) -> dict[str, list[Any]]:
        """Return every row of every table."""
        with open_readonly(self.url).connect() as connection:
            return {
                name: sorted(map(repr, connection.execute(sa.select(table)).all()))
                for name, table in metadata.tables.items()
            }


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Plant:
    home = tmp_path_factory.mktemp("home")
    return Plant(home, f"sqlite:///{home}/plant.db")


@pytest.fixture(scope="module")
def plant_on_mariadb(tmp_path_factory: pytest.TempPathFactory, mariadb_url: str) -> Plant:
    return Plant(tmp_path_factory.mktemp("home"), mariadb_url, days=(TUESDAY,))


on_both = pytest.mark.parametrize(
    "where", ["plant", pytest.param("plant_on_mariadb", marks=pytest.mark.mariadb)]
)


def test_every_format_holds_the_active_plan(plant: Plant, tmp_path: Path) -> None:
    written = {}
    for name, file in (
        ("csv", "p.csv"),
        ("xlsx", "p.xlsx"),
        ("json", "p.json"),
        ("ics", "p.zip"),
        ("ics", "folder"),
    ):
        done = plant("export", "--format", name, "-o", str(tmp_path / file), "--json")
        assert done.returncode == 0, done.stderr
        facts = json.loads(done.stdout)
        assert facts["operations"] + facts["unassigned"] == 40
        written[file] = facts["bytes"]
    assert len(read_plan_csv((tmp_path / "p.csv").read_bytes())) == 40
    book = load_workbook(tmp_path / "p.xlsx")
    assert book["Plan"].max_row == 41
    archive = zipfile.ZipFile(BytesIO((tmp_path / "p.zip").read_bytes()))
    folder = sorted(path.name for path in (tmp_path / "folder").iterdir())
    assert folder == archive.namelist() and len(folder) == 8
    for name in folder:
        assert archive.read(name) == (tmp_path / "folder" / name).read_bytes()
        Calendar.from_ical(archive.read(name))


def test_the_second_plan_says_what_it_changed(plant: Plant) -> None:
    done = plant("export", "--format", "json", "-o", "-")
    top = json.loads(done.stdout)
    status = json.loads(plant("status", "--json").stdout)
    assert top["run_id"] == status["plan"]["run_id"]
    assert top["compared_with"] not in ("", top["run_id"])
    first = json.loads(plant("export", "--format", "json", "--run", top["compared_with"], "-o", "-").stdout)
    assert first["compared_with"] == ""
    assert {row["changed"] for row in first["operations"]} == {""}


@on_both
def test_an_exported_plan_is_the_stored_one_and_valid_and_nothing_is_written(
    where: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    plant: Plant = request.getfixturevalue(where)
    file = tmp_path / "plan.json"
    assert plant("export", "--format", "json", "-o", str(file)).returncode == 0
    before = plant.rows()
    done = plant("import-plan", str(file), "--check", "--as-of", TUESDAY, "--json")
    assert done.returncode == 0, done.stderr + done.stdout
    checked = json.loads(done.stdout)
    assert (checked["is_valid"], checked["is_edited"], checked["operations"]) == (True, False, 40)
    stored = {row[0] for row in _plan_hashes(plant)}
    assert read_plan_json(file.read_bytes()).fingerprint in stored
    assert plant.rows() == before


def test_an_edited_plan_is_judged_by_the_validator(plant: Plant, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    plant("export", "--format", "json", "-o", str(file))
    top = json.loads(file.read_text())
    free = next(row for row in top["operations"] if not row["is_committed"])
    free["run_minutes"] += 7
    file.write_text(json.dumps(top))
    done = plant("import-plan", str(file), "--check", "--run", top["run_id"], "--json")
    assert done.returncode == ExitCode.REFUSED
    checked = json.loads(done.stdout)
    assert checked["is_edited"] and free["operation_id"] in {row["where"] for row in checked["violations"]}


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("export", "--format", "pdf"), ExitCode.USAGE, "csv"),
        (("export", "--run", "nobody"), ExitCode.REFUSED, "hint:"),
        (("export", "--machine", "nobody"), ExitCode.REFUSED, "no such machine"),
        (("export", "--format", "ics", "-o", "-"), ExitCode.REFUSED, "--machine"),
        (("export", "-o", "/proc/nowhere/p.csv"), ExitCode.REFUSED, "cannot be written"),
        (("import-plan", "nowhere.json", "--check"), ExitCode.REFUSED, "cannot be read"),
        (("import-plan", "nowhere.json"), ExitCode.USAGE, "--check"),
        (("gantt", "--against", "nobody"), ExitCode.REFUSED, "hint:"),
    ],
)
def test_what_cannot_be_done_is_said_with_a_hint(
    plant: Plant, arguments: tuple[str, ...], code: int, said: str
) -> None:
    done = plant(*arguments)
    assert done.returncode == code
    assert said in done.stderr and "Traceback" not in done.stderr


def test_the_picture_compares_with_the_plan_before_unless_told_not_to(plant: Plant, tmp_path: Path) -> None:
    page = tmp_path / "plan.html"
    assert plant("gantt", "-o", str(page)).returncode == 0
    assert '"changes":{"name":"' in page.read_text()
    assert plant("gantt", "--against", "none", "-o", str(page)).returncode == 0
    assert '"changes":null' in page.read_text()


def _plan_hashes(plant: Plant) -> list[Any]:
    with open_readonly(plant.url).connect() as connection:
        return list(connection.execute(sa.select(metadata.tables["schedule_runs"].c.plan_hash)).all())
