"""The story of the README on a tiny plant: seed, weekly cycle, plan, the same again, status, picture, monitor."""

import json
from pathlib import Path

import pytest
from shopfloor_command import shopfloor

from shopfloor.serving.exit_codes import ExitCode

pytestmark = pytest.mark.slow

MONDAY = "2026-06-01T05:30:00"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny plant after one weekly cycle."""
    home = tmp_path_factory.mktemp("home")
    assert shopfloor("seed", "--plant", "tiny", "--as-of", MONDAY, home=home).returncode == 0
    done = shopfloor("weekly", "--preset", "tiny", "--as-of", MONDAY, "--json", home=home)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["verdict"]["criteria"]
    assert Path(report["links"]["evaluation report"]).exists()
    assert report["champion_version"] is not None
    return home


def test_the_plan_is_made_once_and_the_same_request_changes_nothing(home: Path) -> None:
    first = shopfloor("daily", "--as-of", MONDAY, "--json", home=home)
    assert first.returncode == ExitCode.CHAMPION, first.stderr
    report = json.loads(first.stdout)
    assert (report["status"], report["n_operations"], report["n_unassigned"]) == ("written", 40, 0)
    assert report["kpis"]["weighted_tardiness"] <= report["greedy_kpis"]["weighted_tardiness"]
    again = json.loads(shopfloor("daily", "--as-of", MONDAY, "--json", home=home).stdout)
    assert (again["status"], again["run_id"]) == ("already_there", report["run_id"])


def test_status_monitor_and_gantt_tell_of_the_plan(home: Path, tmp_path: Path) -> None:
    shopfloor("daily", "--as-of", MONDAY, home=home)
    status = json.loads(shopfloor("status", "--json", home=home).stdout)
    assert status["plan"]["operations"] == 40
    assert status["champion"]["epoch"] >= 1
    watched = json.loads(shopfloor("monitor", "--as-of", MONDAY, "--end-of-day", "--json", home=home).stdout)
    assert watched["run_id"] == status["plan"]["run_id"]
    assert watched["kpis_stored"] > 0
    page = tmp_path / "plan.html"
    drawn = shopfloor("gantt", "-o", str(page), home=home)
    assert drawn.returncode == 0, drawn.stderr
    assert page.stat().st_size > 10_000


def test_the_bench_prints_every_contestant_with_an_interval(home: Path) -> None:
    done = shopfloor("bench", "--cases", "6", "--samples", "4", "--json", home=home)
    assert done.returncode == 0, done.stderr
    names = {row["contestant"] for row in json.loads(done.stdout)["rows"]}
    assert {"greedy", "candidate", "tuned ATC", "tuned EDD"} <= names


def test_there_is_nothing_to_roll_back_to_after_the_first_champion(home: Path) -> None:
    done = shopfloor("rollback", home=home)
    assert done.returncode == ExitCode.REFUSED
    assert "hint:" in done.stderr


def test_an_empty_plant_is_refused_and_the_plan_in_force_stays(home: Path) -> None:
    import sqlite3

    before = json.loads(shopfloor("status", "--json", home=home).stdout)["plan"]["run_id"]
    with sqlite3.connect(home / "plant.db") as connection:
        machines = connection.execute("SELECT * FROM machines").fetchall()
        connection.execute("DELETE FROM machines")
    done = shopfloor("daily", "--as-of", "2026-06-01T06:00:00", home=home)
    with sqlite3.connect(home / "plant.db") as connection:
        connection.executemany(f"INSERT INTO machines VALUES ({','.join('?' * len(machines[0]))})", machines)
    assert done.returncode == ExitCode.REFUSED, done.stderr
    assert "Traceback" not in done.stderr
    assert json.loads(shopfloor("status", "--json", home=home).stdout)["plan"]["run_id"] == before
