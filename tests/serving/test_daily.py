"""A whole day on a tiny plant, on both databases, without Prefect and MLflow; and days that go wrong."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from shopfloor.data.connection import create_tables, open_database
from shopfloor.data.incidents import list_incidents
from shopfloor.data.kpi_rows import read_kpis
from shopfloor.data.leases import acquire
from shopfloor.data.outbox import pending
from shopfloor.data.plans import active_run, list_runs, read_plan
from shopfloor.data.rollout import read_rollout
from shopfloor.data.seed import load_frames
from shopfloor.data.tables import OUR_TABLES, production_jobs
from shopfloor.domain.errors import LeaseHeld, LeaseLost, RefusedInput
from shopfloor.engine.rules import Rule, RuleSpec
from shopfloor.policies.bundle import save_bundle
from shopfloor.policies.model import DispatchModel
from shopfloor.serving.champion import models_folder
from shopfloor.serving.daily import (
    assemble_day,
    extract_day,
    find_done,
    key_of,
    make_plan,
    open_day,
    resolve_day,
)
from shopfloor.serving.daily_end import close_day, end_badly
from shopfloor.serving.daily_write import DayDraft, read_back, write_day
from shopfloor.serving.exit_codes import ExitCode
from shopfloor.serving.local_incidents import FILE
from shopfloor.serving.promotion import Decision, promote
from shopfloor.settings import Settings
from shopfloor.twin.generate import generate_plant
from shopfloor.twin.plant_spec import TINY_SPEC

AS_OF = datetime(2026, 6, 8, 4, 0, tzinfo=UTC)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)
NO_MLFLOW = "http://127.0.0.1:1"


@pytest.fixture(scope="module")
def frames():
    return generate_plant(TINY_SPEC, seed=1, as_of=AS_OF)


@pytest.fixture
def plant(database, frames):
    load_frames(database, frames)
    return database


@pytest.fixture
def settings(tmp_path, database_url):
    return _settings(tmp_path, database_url)


def _settings(tmp_path, url, **more) -> Settings:
    facts = {"home": tmp_path / "home", "database_url": url, "MLFLOW_TRACKING_URI": NO_MLFLOW}
    facts |= {"rollouts": 20, "search_iterations": 2_000, "search_workers": 1}
    return Settings(**(facts | more))


def _promote(engine, settings, tmp_path, rule=Rule.ATCS):
    bundle = save_bundle(DispatchModel("rule", RuleSpec(rule), temperature=0.3), tmp_path / "out" / rule.name)
    promote(engine, bundle.path, Decision("1", bundle.bundle_hash, 0), home=settings.home_dir)
    return bundle


def _run_day(engine, settings, as_of=AS_OF, owner=None):
    """One day, as a flow would call it; every error ends in an exit code."""
    day = None
    try:
        day = open_day(engine, settings=settings, as_of=as_of, owner=owner)
        resolution = resolve_day(day)
        snapshot = extract_day(day)
        key = key_of(day, snapshot, resolution.champion)
        done = find_done(day, key)
        if done is not None:
            return close_day(day, done=done).exit_code
        instance = assemble_day(day, snapshot.frames())
        result = make_plan(day, instance, resolution.champion)
        draft = DayDraft(key, snapshot, instance, resolution.champion, result, resolution.incidents)
        outcome = write_day(day, draft)
        if outcome is not None:
            read_back(day, draft, outcome)
        return close_day(day, outcome=outcome, result=result).exit_code
    except Exception as error:
        return end_badly(error, settings=settings, as_of=as_of, day=day, engine=engine)


def _dump(engine) -> dict[str, list]:
    """All our rows but the lease's and the rollout's, which say when a run was here."""
    with engine.connect() as connection:
        return {
            name: sorted(map(str, connection.execute(sa.select(table)).all()))
            for name, table in OUR_TABLES.items()
            if name not in ("run_leases", "rollout_state")
        }


def _codes(engine) -> list[str]:
    return sorted(incident.code for incident in list_incidents(engine))


def test_a_day_with_a_champion_writes_its_plan(plant, settings, tmp_path):
    _promote(plant, settings, tmp_path)
    assert _run_day(plant, settings) is ExitCode.CHAMPION
    active = active_run(plant)
    assert active is not None and active.run.model_version == "1"
    rows = read_plan(plant, active.run_id)
    assert len(rows.operations) == active.run.row_count > 20
    assert _codes(plant) == []
    plan, greedy = (read_kpis(plant, AS_OF.date(), source=source) for source in ("plan", "greedy"))
    assert plan["weighted_tardiness"] <= greedy["weighted_tardiness"]
    assert read_rollout(plant).recent_failures == "0"


def test_the_same_day_twice_changes_nothing(plant, settings, tmp_path):
    _promote(plant, settings, tmp_path)
    assert _run_day(plant, settings) is ExitCode.CHAMPION
    before = _dump(plant)
    assert _run_day(plant, settings) is ExitCode.CHAMPION
    assert _dump(plant) == before
    assert len(list_runs(plant)) == 1


def test_a_day_without_a_champion_writes_a_fallback_plan_and_says_why(plant, settings):
    assert _run_day(plant, settings) is ExitCode.FALLBACK
    active = active_run(plant)
    assert active is not None and active.run.model_version is None
    assert _codes(plant) == ["NO_MODEL"]


def test_why_jobs_are_late_is_stored_with_the_plan_to_the_minute(plant, settings):
    assert _run_day(plant, settings) is ExitCode.FALLBACK
    active = active_run(plant)
    assert active is not None
    rows = read_plan(plant, active.run_id)
    minutes: dict[str, int] = {}
    for row in rows.operations:
        midnight = datetime.combine(row.lcd_date + timedelta(days=1), datetime.min.time())
        due = midnight.replace(tzinfo=ZoneInfo(settings.plant_tz))
        late = (row.completion_date.replace(tzinfo=UTC) - due) // timedelta(minutes=1)
        if late > 0:
            minutes[row.job_id] = late
    stored: dict[str, int] = {}
    for reason in rows.reasons:
        stored[reason["job_id"]] = stored.get(reason["job_id"], 0) + reason["minutes"]
    assert stored == minutes != {}
    jobs = {row.job_id for row in rows.operations}
    blockers = {name for reason in rows.reasons for name in reason["blockers"]}
    assert blockers <= jobs
    assert len(minutes) == active.run.kpis["late_jobs"]


def test_a_plan_stands_without_its_explanation(plant, settings, monkeypatch):
    def fail(*_):
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr("shopfloor.serving.day_reasons.explain_late", fail)
    assert _run_day(plant, settings) is ExitCode.FALLBACK
    active = active_run(plant)
    assert active is not None and read_plan(plant, active.run_id).reasons == ()
    assert "EXPLAIN_ERROR" in _codes(plant)


def test_a_corrupt_champion_costs_a_rung_and_tells_people(plant, settings, tmp_path):
    bundle = _promote(plant, settings, tmp_path)
    path = models_folder(settings.home_dir) / bundle.bundle_hash / "config.json"
    path.write_bytes(path.read_bytes()[:-1])
    assert _run_day(plant, settings) is ExitCode.FALLBACK
    assert _codes(plant) == ["HASH_MISMATCH", "NO_MODEL", "REGISTRY_DOWN"]
    assert {message.dedupe_key for message in pending(plant)} == {
        "incident:HASH_MISMATCH",
        "incident:NO_MODEL",
    }


def test_a_solver_that_dies_costs_a_rung_and_one_incident(plant, settings, tmp_path, monkeypatch):
    _promote(plant, settings, tmp_path)
    monkeypatch.setenv("SHOPFLOOR_FAULT", "solver.model:kill9")
    assert _run_day(plant, settings) is ExitCode.FALLBACK
    assert _codes(plant) == ["SOLVER_DIED"]
    incident = list_incidents(plant)[0]
    assert incident.run_id == active_run(plant).run_id
    assert incident.context["signal"] == signal.SIGKILL


def test_three_bad_days_open_the_breaker_and_the_champion_rests(plant, settings, tmp_path, monkeypatch):
    _promote(plant, settings, tmp_path)
    monkeypatch.setenv("SHOPFLOOR_FAULT", "solver.model:exit0")
    for number in range(3):
        assert _run_day(plant, settings, AS_OF + timedelta(minutes=number)) is ExitCode.FALLBACK
    assert read_rollout(plant).breaker == "open"
    assert _run_day(plant, settings, AS_OF + timedelta(minutes=3)) is ExitCode.FALLBACK
    assert "BREAKER_OPEN" in _codes(plant)
    assert read_rollout(plant).breaker_runs_left == 4


def test_while_another_run_holds_the_lease_nothing_happens(plant, settings):
    acquire(plant, "daily", owner="somebody", ttl_s=60)
    assert _run_day(plant, settings) is ExitCode.LEASE_HELD
    assert active_run(plant) is None


def test_a_run_whose_lease_was_taken_over_cannot_write(plant, settings):
    day = open_day(plant, settings=settings, as_of=AS_OF)
    snapshot = extract_day(day)
    instance = assemble_day(day, snapshot.frames())
    result = make_plan(day, instance, None)
    with plant.begin() as connection:
        connection.execute(sa.update(OUR_TABLES["run_leases"]).values(expires_at=LONG_AGO))
    later = open_day(plant, settings=settings, as_of=AS_OF, owner="later")
    assert [incident.code for incident in later.incidents] == ["RUN_DIED"]
    with pytest.raises(LeaseLost):
        write_day(day, DayDraft("key", snapshot, instance, None, result))
    assert active_run(plant) is None


def test_an_older_day_cannot_replace_a_newer_plan(plant, settings):
    assert _run_day(plant, settings) is ExitCode.FALLBACK
    newest = active_run(plant).run_id
    assert _run_day(plant, settings, AS_OF - timedelta(days=1)) is ExitCode.LEASE_LOST
    assert active_run(plant).run_id == newest


def test_an_error_of_ours_leaves_an_incident_and_the_lease_free(plant, settings, monkeypatch):
    monkeypatch.setenv("SHOPFLOOR_FAULT", "daily.make_plan:raise=boom")
    assert _run_day(plant, settings) is ExitCode.INTERNAL
    assert _codes(plant) == ["RUN_FAILED"]
    monkeypatch.delenv("SHOPFLOOR_FAULT")
    assert _run_day(plant, settings) is ExitCode.FALLBACK


def test_a_full_disk_keeps_the_old_plan(plant, settings, monkeypatch):
    assert _run_day(plant, settings) is ExitCode.FALLBACK
    kept = active_run(plant).run_id
    monkeypatch.setenv("SHOPFLOOR_FAULT", "daily.extract:storage")
    assert _run_day(plant, settings, AS_OF + timedelta(hours=1)) is ExitCode.STORAGE
    assert active_run(plant).run_id == kept
    assert "STORAGE" in _codes(plant)


_ONE_DAY = """
import sys; sys.path.insert(0, {tests!r})
from pathlib import Path
from datetime import timedelta
import test_daily as t
from shopfloor.data.connection import open_database
settings = t._settings(Path({tmp!r}), {url!r}, lease_ttl_s=5)
sys.exit(int(t._run_day(open_database({url!r}), settings)))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "point", ["daily.opened", "daily.before_write", "writeback.before_commit", "daily.after_write"]
)
def test_a_kill_anywhere_leaves_the_old_plan_or_the_new_and_the_next_run_finishes(
    plant, tmp_path, database_url, point
):
    settings = _settings(tmp_path, database_url, lease_ttl_s=5)
    script = _ONE_DAY.format(tests=str(Path(__file__).parent), tmp=str(tmp_path), url=database_url)
    killed = subprocess.run(
        [sys.executable, "-c", script], env=os.environ | {"SHOPFLOOR_FAULT": f"{point}:kill9"}, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    active = active_run(plant)
    if active is not None:
        assert len(read_plan(plant, active.run_id).operations) == active.run.row_count
    assert (active is not None) == (point == "daily.after_write")
    for _ in range(20):
        code = _run_day(plant, settings)
        if code is not ExitCode.LEASE_HELD:
            break
        time.sleep(0.5)
    assert code is ExitCode.FALLBACK
    assert len(list_runs(plant)) == 1
    if point != "daily.after_write":
        assert "RUN_DIED" in _codes(plant)


@pytest.mark.slow
def test_two_days_at_once_write_one_plan(plant, tmp_path, database_url):
    script = _ONE_DAY.format(tests=str(Path(__file__).parent), tmp=str(tmp_path), url=database_url)
    runs = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(2)]
    codes = sorted(run.wait(timeout=120) for run in runs)
    assert ExitCode.FALLBACK in codes
    assert set(codes) <= {ExitCode.FALLBACK, ExitCode.LEASE_HELD}
    assert len(list_runs(plant)) == 1


def test_without_a_database_the_incident_waits_in_a_file_and_is_brought_in(sqlite_url, frames, tmp_path):
    settings = _settings(tmp_path, sqlite_url)
    gone = open_database(f"sqlite:///{tmp_path / 'nowhere' / 'plant.db'}")
    code = _run_day(gone, settings)
    assert code in (ExitCode.LAST_GOOD, ExitCode.CONFIG)
    waiting = (settings.home_dir / FILE).read_text().splitlines()
    assert len(waiting) == 1 and json.loads(waiting[0])["severity"] == "critical"
    engine = open_database(sqlite_url)
    load_frames(engine, frames)
    with (settings.home_dir / FILE).open("a") as file:
        file.write("half a li")
    assert _run_day(engine, settings) is ExitCode.FALLBACK
    assert json.loads(waiting[0])["code"] in _codes(engine)
    assert not (settings.home_dir / FILE).exists()


class _Hook(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.server.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        time.sleep(self.server.delay_s)
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        return


@pytest.fixture
def hook():
    server = HTTPServer(("127.0.0.1", 0), _Hook)
    server.bodies, server.status, server.delay_s = [], 200, 0.0
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(("status", "delay_s", "waiting"), [(200, 0.0, 0), (500, 0.0, 1), (200, 5.0, 1)])
def test_an_alert_goes_out_or_waits_and_the_day_never_fails(
    sqlite_url, frames, tmp_path, monkeypatch, hook, status, delay_s, waiting
):
    hook.status, hook.delay_s = status, delay_s
    settings = _settings(tmp_path, sqlite_url, alert_urls=(f"json://127.0.0.1:{hook.server_port}/alert",))
    engine = open_database(sqlite_url)
    load_frames(engine, frames)
    _promote(engine, settings, tmp_path)
    monkeypatch.setenv("SHOPFLOOR_FAULT", "solver.model:exit0")
    began = time.monotonic()
    assert _run_day(engine, settings) is ExitCode.FALLBACK
    assert time.monotonic() - began < 120
    assert len(pending(engine)) == waiting
    assert [body["title"] for body in hook.bodies] == ["shopfloor error: SOLVER_SILENT"]
    if waiting:
        assert pending(engine)[0].attempts == 1


def test_a_held_lease_is_an_error_by_name(sqlite_engine, tmp_path, sqlite_url):
    create_tables(sqlite_engine)
    acquire(sqlite_engine, "daily", owner="somebody", ttl_s=60)
    with pytest.raises(LeaseHeld):
        open_day(sqlite_engine, settings=_settings(tmp_path, sqlite_url), as_of=AS_OF)


def test_refused_input_leaves_the_old_plan(sqlite_url, frames, tmp_path):
    settings = _settings(tmp_path, sqlite_url, plant_tz="UTC")
    engine = open_database(sqlite_url)
    load_frames(engine, frames)
    assert _run_day(engine, settings) is ExitCode.FALLBACK
    code = end_badly(RefusedInput("no rows\nhint: x"), settings=settings, as_of=AS_OF, engine=engine)
    assert code is ExitCode.REFUSED
    assert "INPUT_REFUSED" in _codes(engine)
    assert active_run(engine) is not None


def test_fewer_orders_are_another_request(plant, settings):
    assert _run_day(plant, settings) is ExitCode.FALLBACK
    with plant.begin() as connection:
        first = connection.execute(
            sa.select(production_jobs.c.job_id).where(production_jobs.c.status == "READY")
        )
        connection.execute(
            sa.update(production_jobs)
            .where(production_jobs.c.job_id == first.scalars().first())
            .values(status="CANCELLED")
        )
    assert _run_day(plant, settings) is ExitCode.FALLBACK
    assert len(list_runs(plant)) == 2


def test_the_daily_path_loads_no_heavy_library():
    code = "import sys, shopfloor.serving.daily, shopfloor.serving.daily_write, shopfloor.serving.daily_end;"
    code += "import shopfloor.serving.promotion, shopfloor.serving.solver_child;"
    code += "heavy = {'torch', 'mlflow', 'prefect', 'great_expectations', 'evidently', 'ortools', 'apprise'};"
    code += "found = heavy & set(sys.modules); print(found); sys.exit(bool(found))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
