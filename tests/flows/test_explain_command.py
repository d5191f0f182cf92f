"""The commands `late` and `explain` on stored plans: what they answer, what they refuse, that the sums are whole."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from shopfloor_command import shopfloor

from shopfloor.data.assembly import assemble
from shopfloor.data.connection import create_tables, open_database
from shopfloor.data.leases import acquire
from shopfloor.data.plan_rows import PlanRecord
from shopfloor.data.plans import list_runs, read_plan
from shopfloor.data.seed import load_frames
from shopfloor.data.snapshot import extract
from shopfloor.data.writeback import write_plan
from shopfloor.engine.arrays import compile_instance
from shopfloor.engine.dispatch import dispatch, greedy_list, to_schedule
from shopfloor.engine.rules import Rule, RuleSpec
from shopfloor.serving.exit_codes import ExitCode
from shopfloor.twin.generate import generate_plant
from shopfloor.twin.plant_spec import TINY_SPEC

AS_OF = datetime(2026, 6, 8, 4, 0, tzinfo=UTC)
ZONE = "Europe/Berlin"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny plant with a plan by the rule EDD, and by greedy an hour later."""
    home = tmp_path_factory.mktemp("home")
    engine = open_database(f"sqlite:///{home / 'plant.db'}")
    create_tables(engine)
    load_frames(engine, generate_plant(TINY_SPEC, seed=1, as_of=AS_OF))
    lease = acquire(engine, "daily", owner="test", ttl_s=600)
    for hours, name in ((0, "EDD"), (1, "greedy")):
        as_of = AS_OF + timedelta(hours=hours)
        snapshot = extract(engine, root=home / "snapshots", as_of=as_of)
        instance = assemble(snapshot.frames(), as_of=as_of, plant_tz=ZONE)
        compiled = compile_instance(instance)
        outcome = greedy_list(compiled) if name == "greedy" else dispatch(compiled, RuleSpec(Rule.EDD))
        schedule = to_schedule(compiled, outcome, name)
        record = PlanRecord(
            instance=instance,
            schedule=schedule,
            kpis={},
            run_key=name,
            as_of=as_of,
            solver=name,
            snapshot_id=snapshot.snapshot_id,
        )
        write_plan(engine, record, lease=lease)
    engine.dispose()
    return home


def minutes_late(home: Path, solver: str) -> dict[str, int]:
    """Return the lateness of each job of a stored plan, by its rows alone."""
    engine = open_database(f"sqlite:///{home / 'plant.db'}")
    run = next(run for run in list_runs(engine) if run.solver == solver)
    late = {}
    for row in read_plan(engine, run.run_id).operations:
        assert row.lcd_date is not None and row.completion_date is not None
        due = datetime.combine(row.lcd_date + timedelta(days=1), datetime.min.time(), ZoneInfo(ZONE))
        late[row.job_id] = int((row.completion_date.replace(tzinfo=UTC) - due) // timedelta(minutes=1))
    engine.dispose()
    return late


def answer(home: Path, *words: str) -> dict[str, Any]:
    done = shopfloor(*words, "--json", home=home)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def test_late_jobs_are_listed_with_causes_that_add_up_and_with_what_changed(home: Path) -> None:
    found = answer(home, "late", "--limit", "500")
    now, before = minutes_late(home, "greedy"), minutes_late(home, "EDD")
    late = {job["job_id"]: job for job in found["jobs"]}
    assert set(late) == {name for name, minutes in now.items() if minutes > 0} != set()
    for name, job in late.items():
        assert job["lateness_minutes"] == now[name] == sum(part["minutes"] for part in job["causes"])
    assert set(found["newly_late"]) == {name for name in now if now[name] > 0 >= before[name]}
    assert set(found["no_longer_late"]) == {name for name in now if now[name] <= 0 < before[name]}
    costs = [job["weight"] * job["lateness_minutes"] for job in found["jobs"]]
    assert costs == sorted(costs, reverse=True)


def test_a_late_job_is_explained_in_words_and_an_operation_stands_for_its_job(home: Path) -> None:
    listed = answer(home, "late", "--limit", "500")["jobs"]
    job = next(job for job in listed if any(part["cause"] == "queue" for part in job["causes"]))
    found = answer(home, "explain", job["job_id"])
    assert {part["cause"]: part["minutes"] for part in found["causes"]} == {
        part["cause"]: part["minutes"] for part in job["causes"]
    }
    chain = found["chain"]
    assert chain[-1]["end"] == found["completion"]
    assert [step["end"] for step in chain[:-1]] == [step["ready"] for step in chain[1:]]
    done = shopfloor("explain", chain[-1]["operation_id"], home=home)
    assert done.returncode == 0, done.stderr
    assert f"{job['job_id']} is " in done.stdout.splitlines()[0]
    due = datetime.fromisoformat(found["due"]) - timedelta(minutes=1)
    assert f"due {due:%a %Y-%m-%d} 24:00" in done.stdout.splitlines()[0]
    for part in found["causes"]:
        assert part["words"] in done.stdout


def test_an_earlier_run_can_be_asked_and_has_nothing_to_compare_with(home: Path) -> None:
    run_id = next(run_id for run_id in runs(home) if run_id.startswith("20260608T0400"))
    found = answer(home, "late", "--run", run_id)
    assert (found["run_id"], found["newly_late"]) == (run_id, None)
    done = shopfloor("late", "--run", run_id, "--limit", "1", home=home)
    assert "there is no plan before this one" in done.stdout


def test_an_unknown_job_or_run_is_refused_with_near_matches(home: Path) -> None:
    job_id = answer(home, "late")["jobs"][0]["job_id"]
    done = shopfloor("explain", job_id + "9", home=home)
    assert done.returncode == ExitCode.REFUSED
    assert f"hint: did you mean {job_id}" in done.stderr
    done = shopfloor("explain", job_id, "--run", "nothing", home=home)
    assert done.returncode == ExitCode.REFUSED
    assert f"hint: the last runs are {runs(home)[0]}" in done.stderr


def runs(home: Path) -> list[str]:
    engine = open_database(f"sqlite:///{home / 'plant.db'}")
    found = [run.run_id for run in list_runs(engine)]
    engine.dispose()
    return found
