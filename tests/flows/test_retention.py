"""Old snapshots and reports go; what a run, the active plan or the champion still needs stays."""

import os
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from flows import retention
from flows.context import RunContext
from flows.retention import tidy_home
from shopfloor.data.seed import load_frames
from shopfloor.data.snapshot import extract
from shopfloor.data.tables import schedule_active, schedule_runs
from shopfloor.engine.rules import RuleSpec
from shopfloor.policies.bundle import save_bundle
from shopfloor.policies.model import DispatchModel
from shopfloor.serving.promotion import Decision, promote
from shopfloor.settings import Settings
from shopfloor.twin.generate import generate_plant
from shopfloor.twin.plant_spec import TINY_SPEC

AS_OF = datetime(2026, 6, 8, 4, 0, tzinfo=UTC)
ACTIVE, TRAINING, LATER, NEWEST = range(4)


def _run_row(run_id: str, snapshot_id: str) -> dict[str, object]:
    naive = AS_OF.replace(tzinfo=None)
    return {
        "run_id": run_id, "run_key": run_id, "as_of": naive, "plant_tz": "UTC", "solver": "greedy",
        "snapshot_id": snapshot_id, "plan_hash": "0" * 64, "status": "written", "row_count": 0, "kpis": "{}",
        "created_at": naive,
    }  # fmt: skip


@pytest.fixture
def home_of_four_days(sqlite_engine, sqlite_url, tmp_path, monkeypatch):
    """Four snapshots: of the active plan, of the champion's training, and two of nobody; pages likewise."""
    monkeypatch.setattr(retention, "KEPT_SNAPSHOTS", 1)
    settings = Settings(home=tmp_path / "home", database_url=sqlite_url)
    run = RunContext(settings, as_of=AS_OF)
    load_frames(sqlite_engine, generate_plant(TINY_SPEC, seed=1, as_of=AS_OF))
    snapshots = [
        extract(run.source, root=run.folders.snapshots, as_of=AS_OF + timedelta(days=day)).snapshot_id
        for day in range(4)
    ]
    with sqlite_engine.begin() as connection:
        connection.execute(sa.insert(schedule_runs).values(_run_row("run-a", snapshots[ACTIVE])))
        connection.execute(sa.update(schedule_active).values(run_id="run-a"))
    model = DispatchModel("rule", RuleSpec(), metadata={"snapshot_id": snapshots[TRAINING]})
    bundle = save_bundle(model, tmp_path / "bundle")
    promote(sqlite_engine, bundle.path, Decision("1", bundle.bundle_hash, 0), home=settings.home_dir)
    run.folders.reports.mkdir(parents=True)
    for name in ("plan-run-a.html", "plan-run-z.html", "drift-run-z.html", "evaluation-1.html"):
        (run.folders.reports / name).write_text("x")
    return run, snapshots


def test_nothing_goes_before_its_time(home_of_four_days):
    run, _ = home_of_four_days
    assert tidy_home(run, at=datetime.now(UTC)) == retention.TidiedUp((), ())


def test_what_is_old_and_needed_by_nobody_goes(home_of_four_days):
    run, snapshots = home_of_four_days
    gone = tidy_home(run, at=datetime.now(UTC) + timedelta(days=run.settings.keep_days + 1))
    assert gone.snapshots == (snapshots[LATER],)
    assert gone.pages == ("drift-run-z.html", "plan-run-z.html")
    left = sorted(path.name for path in run.folders.snapshots.iterdir())
    assert left == sorted(snapshots[i] for i in (ACTIVE, TRAINING, NEWEST))


def test_a_report_that_was_written_yesterday_stays(home_of_four_days):
    run, _ = home_of_four_days
    old = datetime.now(UTC) - timedelta(days=run.settings.keep_days + 1)
    os.utime(run.folders.reports / "plan-run-z.html", (old.timestamp(), old.timestamp()))
    assert tidy_home(run, at=datetime.now(UTC)).pages == ("plan-run-z.html",)
