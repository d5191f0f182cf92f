"""A day as the flow runs it, then the same plan again: on both databases, and after things went wrong."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from flows.reproduce import reproduce_run
from flows.run import DailyOptions, run_daily
from shopfloor.data.connection import open_database
from shopfloor.data.plans import active_run, list_runs
from shopfloor.data.seed import load_frames
from shopfloor.data.tables import schedule_runs
from shopfloor.domain.errors import RefusedInput
from shopfloor.engine.rules import Rule, RuleSpec
from shopfloor.policies.bundle import save_bundle
from shopfloor.policies.model import DispatchModel
from shopfloor.serving.exit_codes import ExitCode
from shopfloor.serving.promotion import Decision, promote
from shopfloor.settings import read_settings
from shopfloor.twin.generate import generate_plant
from shopfloor.twin.plant_spec import TINY_SPEC

AS_OF = datetime(2026, 6, 8, 4, 0, tzinfo=UTC)
OPTIONS = DailyOptions(search_iterations=3_000, search_workers=2, seed=3, freeze_hours=4.0, deadline_s=60.0)
MODEL = DispatchModel("rule", RuleSpec(Rule.ATCS, k1=1.5), temperature=0.3)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def frames():
    return generate_plant(TINY_SPEC, seed=1, as_of=AS_OF)


@pytest.fixture
def use(monkeypatch):
    """Return a function that makes a home and a database this process's installation."""

    def point(home: Path, url: str) -> None:
        monkeypatch.setenv("SHOPFLOOR_HOME", str(home))
        monkeypatch.setenv("SHOPFLOOR_DATABASE_URL", url)
        monkeypatch.setenv("SHOPFLOOR_ROLLOUTS", "20")
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
        read_settings.cache_clear()

    yield point
    monkeypatch.undo()
    read_settings.cache_clear()


def _plant(engine, frames, home, tmp_path):
    load_frames(engine, frames)
    bundle = save_bundle(MODEL, tmp_path / "bundle")
    promote(engine, bundle.path, Decision("1", bundle.bundle_hash, 0), home=home)


def _daily(options=OPTIONS, as_of=AS_OF):
    report = run_daily(as_of=as_of, options=options)
    assert report.exit_code is ExitCode.CHAMPION, report.text()
    return report


def _change_run(engine, **values):
    with engine.begin() as connection:
        connection.execute(sa.update(schedule_runs).values(**values))


def test_a_run_gives_its_plan_again(database, database_url, frames, use, tmp_path):
    """Also the second day, whose plan depends on the first one's, and after the champion has changed."""
    home = tmp_path / "home"
    use(home, database_url)
    _plant(database, frames, home, tmp_path)
    first = _daily()
    second = _daily(as_of=AS_OF.replace(hour=5))
    other = save_bundle(DispatchModel("rule", RuleSpec(Rule.SPT)), tmp_path / "other")
    promote(database, other.path, Decision("2", other.bundle_hash, 1), home=home)
    for report in (first, second):
        found = reproduce_run(report.run_id)
        assert found.is_identical, found.text()
        assert found.causes == () and found.rung == "champion"
    assert reproduce_run().run_id == second.run_id


@pytest.mark.mariadb
def test_the_same_data_in_two_databases_gives_the_same_plan_and_each_keeps_one(
    sqlite_url, fresh_mariadb_url, frames, use, tmp_path
):
    hashes = []
    for name, url in (("here", sqlite_url), ("there", fresh_mariadb_url)):
        home, engine = tmp_path / name, open_database(url)
        use(home, url)
        _plant(engine, frames, home, tmp_path)
        report = _daily()
        again = _daily()
        assert (report.status, again.status) == ("written", "already_there")
        assert again.run_id == report.run_id and len(list_runs(engine)) == 1
        run = active_run(engine).run
        hashes.append((run.data_hash, run.plan_hash, run.run_key))
        engine.dispose()
    assert hashes[0] == hashes[1]


@pytest.fixture
def day(sqlite_engine, sqlite_url, frames, use, tmp_path):
    """One day on SQLite; its database, home and run."""
    home = tmp_path / "home"
    use(home, sqlite_url)
    _plant(sqlite_engine, frames, home, tmp_path)
    return sqlite_engine, home, _daily().run_id


def test_what_is_missing_or_changed_is_said(day):
    """In one test, because a day takes seconds."""
    engine, home, run_id = day
    run = active_run(engine).run

    _change_run(engine, solver_facts=json.dumps(dict(run.solver_facts) | {"engine": "0" * 16}))
    found = reproduce_run(run_id)
    assert found.is_identical and "although the engine is of another version: 0000" in found.text()

    _change_run(engine, plan_hash="f" * 64)
    found = reproduce_run(run_id)
    assert not found.is_identical and found.n_differences == 0
    assert "the stored rows are not the plan that was written" in found.text()

    _change_run(engine, solver_facts=None)
    with pytest.raises(RefusedInput, match="without what its plan depends on"):
        reproduce_run(run_id)
    _change_run(engine, solver_facts=json.dumps(dict(run.solver_facts)))

    bundle = home / "models" / run.solver_facts["bundle_hash"]
    bundle.rename(home / "hidden")
    promoted = home.parent / "bundle"
    promoted.rename(home / "hidden too")
    with pytest.raises(RefusedInput, match=r"the model of run .* is gone"):
        reproduce_run(run_id)
    (home / "hidden").rename(bundle)

    snapshot = home / "snapshots" / str(run.snapshot_id)
    machines = snapshot / "machines.parquet"
    whole = machines.read_bytes()
    machines.write_bytes(whole[:-1])
    with pytest.raises(RefusedInput, match=r"damaged: .*machines\.parquet"):
        reproduce_run(run_id)
    shutil.rmtree(snapshot)
    with pytest.raises(RefusedInput, match="is gone"):
        reproduce_run(run_id)
    with pytest.raises(RefusedInput, match="no run of that name"):
        reproduce_run("nobody")


def test_a_plan_of_a_lower_rung_is_made_again_on_that_rung(day, monkeypatch):
    engine, _home, _run_id = day
    monkeypatch.setenv("SHOPFLOOR_FAULT", "solver.ready:kill9")
    report = run_daily(as_of=AS_OF.replace(hour=6), options=OPTIONS)
    monkeypatch.delenv("SHOPFLOOR_FAULT")
    assert report.exit_code is ExitCode.FALLBACK and report.rung in ("rule", "greedy")
    found = reproduce_run(report.run_id)
    assert found.is_identical and found.rung == report.rung, found.text()
    assert active_run(engine).run_id == report.run_id


def test_a_killed_search_is_named_as_what_cannot_be_done_again(day, monkeypatch):
    engine, _home, _run_id = day
    monkeypatch.setenv("SHOPFLOOR_FAULT", "solver.improved#1:sleep=60")
    report = run_daily(
        as_of=AS_OF.replace(hour=6), options=DailyOptions(search_iterations=3_000, deadline_s=1.0)
    )
    monkeypatch.delenv("SHOPFLOOR_FAULT")
    assert report.rung == "champion" and active_run(engine).run.solver_facts["search"] is None
    assert any("killed at its deadline" in cause for cause in reproduce_run(report.run_id).causes)


def test_a_search_that_its_deadline_cut_is_done_again_move_by_move(day):
    engine, _home, _run_id = day
    options = DailyOptions(search_iterations=10**9, search_workers=2, deadline_s=1.5)
    report = run_daily(as_of=AS_OF.replace(hour=6), options=options)
    assert report.exit_code is ExitCode.CHAMPION and report.search["is_cut"], report.text()
    found = reproduce_run(report.run_id)
    assert found.is_identical, found.text()
    assert any("the deadline cut the search then" in cause for cause in found.causes)
    assert active_run(engine).run_id == report.run_id
