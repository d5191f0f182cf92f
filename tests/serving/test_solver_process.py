"""The search in a real child: it answers, is killed at its deadline, dies, lies, and never outlives us."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from learning_plants import random_instance

from shopfloor.domain.kpis import compute_kpis
from shopfloor.domain.validator import validate
from shopfloor.engine.actor import ActorWeights, zero_weights
from shopfloor.engine.arrays import compile_instance
from shopfloor.engine.dispatch import dispatch, quick_cost, to_schedule
from shopfloor.engine.rules import Rule, RuleSpec
from shopfloor.policies.bundle import save_bundle
from shopfloor.policies.model import DispatchModel
from shopfloor.serving.search_settings import SearchSettings
from shopfloor.serving.solver_process import COMPILING_S, SolverLimits, SolverRequest, solve_in_child
from shopfloor.serving.wire import BadFrame, FrameReader, schedule_from_rows, schedule_rows, send

MODEL = DispatchModel("rule", RuleSpec(Rule.ATCS, k1=2.0, k2=0.5), temperature=0.4)
ORDER = SearchSettings(samples=40, seed=5, iterations=2_000, workers=1)
QUICK = SolverLimits(deadline_s=10.0, startup_s=COMPILING_S)


@pytest.fixture(scope="module")
def instance():
    return random_instance(3, n_jobs=20)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return save_bundle(MODEL, tmp_path_factory.mktemp("bundles") / "champion")


@pytest.fixture
def request_of(instance, bundle):
    def make(**changes):
        known = {name: changes.pop(name) for name in ("bundle_path", "bundle_hash") if name in changes}
        facts = {"bundle_path": bundle.path, "bundle_hash": bundle.bundle_hash} | known
        return SolverRequest(instance, **facts, order=replace(ORDER, **changes))

    return make


def test_the_child_answers_with_a_plan_at_least_as_good_as_its_rule(request_of, instance):
    answer = solve_in_child(request_of(), QUICK)
    assert answer.failure is None and answer.schedule is not None
    assert answer.report is not None and answer.report.samples == 40 and answer.improvements >= 1
    assert not answer.report.is_cut
    compiled = compile_instance(instance)
    assert quick_cost(compiled, dispatch(compiled, MODEL.rule)) >= _weighted_tardiness(instance, answer)
    placed = {item.operation_id for item in answer.schedule.operations}
    assert placed == {operation.operation_id for operation in instance.operations}


def test_an_actor_plans_in_the_child_too(request_of, instance, tmp_path):
    rng = np.random.default_rng(1)
    arrays = {
        name: (array + rng.normal(0, 0.2, array.shape)).astype(np.float32)
        for name, array in zero_weights(16, 8)._asdict().items()
    }
    actor = DispatchModel("actor", MODEL.rule, ActorWeights(**arrays), beta=1.0, temperature=0.5)
    bundle = save_bundle(actor, tmp_path / "actor")
    request = request_of(bundle_path=bundle.path, bundle_hash=bundle.bundle_hash, samples=100)
    answer = solve_in_child(request, QUICK)
    assert answer.failure is None and answer.report.samples == 100
    assert answer.schedule is not None and validate(instance, answer.schedule) == ()
    assert answer.schedule == solve_in_child(request, QUICK).schedule


def test_the_same_request_gives_the_same_plan(request_of):
    first, second = (solve_in_child(request_of(), QUICK) for _ in range(2))
    assert first.schedule == second.schedule


def test_without_a_bundle_the_child_searches_from_the_rules(request_of, instance):
    answer = solve_in_child(request_of(bundle_path=None, bundle_hash=""), QUICK)
    assert answer.failure is None and answer.report.samples == 0 and not answer.report.is_cut
    assert answer.schedule.solver == "search" and validate(instance, answer.schedule) == ()


def test_a_search_without_end_stops_itself_before_the_deadline_and_says_so(request_of):
    limits = SolverLimits(deadline_s=1.0, startup_s=COMPILING_S)
    answer = solve_in_child(request_of(samples=1_000_000, iterations=10**9), limits)
    assert answer.failure is None
    assert answer.search_s < 1.0
    assert answer.report.is_cut and 0 < answer.report.samples < 1_000_000


def test_whoever_watches_hears_of_both_phases_and_of_the_cost(request_of, monkeypatch):
    monkeypatch.setenv("SHOPFLOOR_FAULT", "solver.before_done:sleep=0.5")
    beats = []
    solve_in_child(request_of(), QUICK, watch=beats.append)
    assert [beat.phase for beat in beats] == sorted((beat.phase for beat in beats), reverse=True)
    assert beats[0].cost is None and beats[-1].cost > 0 and 0 < beats[-1].left_s < 10.0


def _weighted_tardiness(instance, answer) -> float:
    return compute_kpis(instance, answer.schedule).weighted_tardiness


def test_a_child_that_hangs_is_killed_at_the_deadline_and_its_best_plan_kept(request_of, monkeypatch):
    monkeypatch.setenv("SHOPFLOOR_FAULT", "solver.before_done:sleep=60")
    answer = solve_in_child(request_of(), SolverLimits(deadline_s=1.0, startup_s=COMPILING_S))
    assert answer.failure is not None and answer.failure.code == "DEADLINE"
    assert answer.failure.context["phase"] == "search"
    assert 1.0 <= answer.search_s < 1.5
    assert answer.schedule is not None


def test_a_child_that_stops_answering_signals_is_killed_too(request_of, monkeypatch):
    monkeypatch.setenv("SHOPFLOOR_FAULT", "solver.ready:stop")
    answer = solve_in_child(request_of(), SolverLimits(deadline_s=0.5, startup_s=COMPILING_S))
    assert answer.failure is not None and answer.failure.code == "DEADLINE"
    assert answer.schedule is None


def test_a_child_that_never_gets_ready_is_killed(request_of, monkeypatch):
    monkeypatch.setenv("SHOPFLOOR_FAULT", "solver.start:sleep=60")
    answer = solve_in_child(request_of(), SolverLimits(deadline_s=1.0, startup_s=2.0))
    assert answer.failure is not None and answer.failure.context["phase"] == "startup"


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("solver.ready:kill9", "SOLVER_DIED"),
        ("solver.before_done:abort", "SOLVER_DIED"),
        ("solver.ready:exit0", "SOLVER_SILENT"),
        ("solver.before_done:exit0", "SOLVER_SILENT"),
        ("solver.ready:oom", "SOLVER_MEMORY"),
        ("solver.ready:raise=boom", "SOLVER_ERROR"),
        ("solver.start:storage", "SOLVER_ERROR"),
    ],
)
def test_every_death_has_its_own_code(request_of, monkeypatch, fault, code):
    monkeypatch.setenv("SHOPFLOOR_FAULT", fault)
    answer = solve_in_child(request_of(), QUICK)
    assert answer.failure is not None
    assert answer.failure.code == code, answer.failure
    if code == "SOLVER_DIED":
        assert answer.failure.context["signal"] in (signal.SIGKILL, signal.SIGABRT)


def test_a_child_without_memory_is_a_failure_and_we_live(request_of):
    answer = solve_in_child(request_of(), SolverLimits(deadline_s=5.0, startup_s=COMPILING_S, memory_mb=64))
    assert answer.failure is not None
    assert answer.failure.code in {"SOLVER_MEMORY", "SOLVER_ERROR", "SOLVER_DIED"}


def test_a_bundle_that_changed_since_it_was_proven_is_refused_by_the_child(request_of):
    answer = solve_in_child(request_of(bundle_hash="0" * 64), QUICK)
    assert answer.failure is not None and answer.failure.code == "HASH_MISMATCH"


def test_the_child_knows_no_secret(request_of, monkeypatch, tmp_path):
    """The child's environment is read from /proc while it sleeps."""
    monkeypatch.setenv("SHOPFLOOR_DATABASE_URL", "mysql+pymysql://u:hunter2@h/d")
    monkeypatch.setenv("SHOPFLOOR_FAULT", "solver.start:sleep=5")
    script = "import sys, pickle; from shopfloor.serving.solver_process import *;"
    script += "solve_in_child(pickle.load(sys.stdin.buffer), SolverLimits(startup_s=400))"
    parent = _start_parent(script, request_of())
    try:
        child = _child_of(parent.pid)
        assert b"hunter2" not in Path(f"/proc/{child}/environ").read_bytes()
    finally:
        parent.kill()
        parent.wait()


def test_the_child_dies_with_its_parent(request_of, monkeypatch):
    monkeypatch.setenv("SHOPFLOOR_FAULT", "solver.ready:sleep=60")
    script = "import sys, pickle; from shopfloor.serving.solver_process import *;"
    script += "solve_in_child(pickle.load(sys.stdin.buffer), SolverLimits(startup_s=400, deadline_s=60))"
    parent = _start_parent(script, request_of())
    child = _child_of(parent.pid)
    time.sleep(1.0)
    parent.kill()
    parent.wait()
    for _ in range(50):
        if not _is_alive(child):
            return
        time.sleep(0.1)
    os.kill(child, signal.SIGKILL)
    raise AssertionError("the solver outlived its run")


def _start_parent(script: str, request: SolverRequest) -> subprocess.Popen:
    import pickle

    parent = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE)
    assert parent.stdin is not None
    parent.stdin.write(pickle.dumps(request))
    parent.stdin.close()
    return parent


def _child_of(parent: int) -> int:
    for _ in range(300):
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        for child in children:
            if b"solver_child" in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
        time.sleep(0.1)
    raise AssertionError("no solver child")


def _is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


def _through_a_pipe(write) -> list[dict]:
    out, into = os.pipe()
    write(into)
    os.close(into)
    reader, frames = FrameReader(), []
    while data := os.read(out, 7):
        frames += list(reader.feed(data))
    os.close(out)
    return frames


def test_frames_survive_being_cut_into_pieces():
    def write(pipe: int) -> None:
        send(pipe, "ready")
        send(pipe, "done", evaluated=3)

    assert _through_a_pipe(write) == [{"kind": "ready"}, {"kind": "done", "evaluated": 3}]


@pytest.mark.parametrize("body", [b"\xff\xff\xff\xff", b"\x00\x00\x00\x02[]", b"\x00\x00\x00\x04nope"])
def test_nonsense_in_the_pipe_is_a_bad_frame(body):
    with pytest.raises(BadFrame):
        list(FrameReader().feed(body))


def test_a_schedule_crosses_unchanged(instance):
    compiled = compile_instance(instance)
    schedule = to_schedule(compiled, dispatch(compiled, MODEL.rule), "x")
    assert schedule_from_rows(schedule_rows(schedule)) == schedule


@pytest.mark.parametrize(
    "rows",
    [
        None,
        {},
        {"operations": [[1]], "unassigned": [], "solver": "x"},
        {"operations": [["a", "a", "m", 1.5, 2, 0, 1, 0, 0, False]], "unassigned": [], "solver": "x"},
        {"operations": [["a", "a", "m", 1, 2, 0, 1, 0, 0, 0]], "unassigned": [], "solver": "x"},
        {"operations": [["a", "a", "m", True, 2, 0, 1, 0, 0, False]], "unassigned": [], "solver": "x"},
        {"operations": [], "unassigned": [["a", "WHY", ""]], "solver": "x"},
        {"operations": [], "unassigned": [], "solver": 3},
    ],
)
def test_rows_of_another_form_are_a_bad_frame(rows):
    with pytest.raises(BadFrame):
        schedule_from_rows(rows)
