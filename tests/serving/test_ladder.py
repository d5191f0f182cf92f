"""The ladder over real rungs: whatever the champion does, there is a valid plan and one incident says why."""

from dataclasses import replace

import pytest
from learning_plants import random_instance

from shopfloor.domain.instance import PlannedStart
from shopfloor.domain.kpis import compute_kpis
from shopfloor.domain.schedule import Schedule
from shopfloor.domain.validator import validate
from shopfloor.engine.arrays import compile_instance
from shopfloor.engine.dispatch import dispatch, greedy_list, quick_cost, to_schedule
from shopfloor.engine.rules import Rule, RuleSpec
from shopfloor.policies.bundle import load_bundle, save_bundle
from shopfloor.policies.model import DispatchModel
from shopfloor.serving import ladder
from shopfloor.serving.champion import Champion
from shopfloor.serving.ladder import LadderRequest, climb, stale_operations
from shopfloor.serving.rungs import Attempt, Rung, worse_figures
from shopfloor.serving.search_settings import SearchReport, SearchSettings
from shopfloor.serving.solver_process import COMPILING_S, Failure, SolverAnswer, SolverLimits, solve_in_child

LIMITS = SolverLimits(deadline_s=5.0, startup_s=COMPILING_S)
ORDER = SearchSettings(samples=40, iterations=2_000, workers=1)
REPORT = SearchReport("balanced", 10, (10,), 3, False, 0.1, "given", 2.0, 1.0, False, True, 16)
GOOD = DispatchModel("rule", RuleSpec(Rule.ATCS, k1=2.0, k2=0.5), temperature=0.4)
WORST = DispatchModel("rule", RuleSpec(Rule.SPT))


@pytest.fixture(scope="module")
def instance():
    return random_instance(0, n_jobs=25)


def _champion(model: DispatchModel, directory) -> Champion:
    bundle = save_bundle(model, directory)
    proven = load_bundle(bundle.path, expected_hash=bundle.bundle_hash)
    return Champion(proven, "1", bundle.bundle_hash, bundle.path, "ledger", 1)


@pytest.fixture(scope="module")
def champion(tmp_path_factory):
    return _champion(GOOD, tmp_path_factory.mktemp("models") / "good")


def _codes(result) -> list[str]:
    return [incident.code for incident in result.incidents]


def _answers(schedule):
    """A solver whose champion answers with `schedule`; the bare search is the real one."""

    def solve(request, limits) -> SolverAnswer:
        if request.bundle_path is None:
            return solve_in_child(request, limits)
        return SolverAnswer(schedule, REPORT, 3, 0.1, 0.1, None)

    return solve


def _dies(_request, _limits) -> SolverAnswer:
    return SolverAnswer(None, None, 0, 0.1, 0.1, Failure("SOLVER_DIED", "it died"))


def test_a_good_champion_makes_the_plan(instance, champion):
    result = climb(LadderRequest(instance, champion, LIMITS, order=ORDER))
    assert result.rung is Rung.CHAMPION and result.incidents == () and result.champion_was_bad is False
    assert result.schedule is not None and validate(instance, result.schedule) == ()
    assert result.kpis.weighted_tardiness <= result.greedy_kpis.weighted_tardiness
    assert result.search is not None and result.search.samples == 40
    assert result.timings["schedule_seconds"] < 30


def test_the_same_request_gives_the_same_plan(instance, champion):
    first, second = (climb(LadderRequest(instance, champion, LIMITS, order=ORDER)) for _ in range(2))
    assert first.schedule == second.schedule


def test_without_a_champion_a_lower_rung_makes_a_valid_plan(instance):
    result = climb(LadderRequest(instance, None, LIMITS, order=ORDER))
    assert result.rung is Rung.SEARCH and result.incidents == ()
    assert result.schedule is not None and validate(instance, result.schedule) == ()
    assert result.schedule.solver == "search"
    assert result.champion_was_bad is None


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("solver.model:kill9", "SOLVER_DIED"),
        ("solver.model:abort", "SOLVER_DIED"),
        ("solver.model:exit0", "SOLVER_SILENT"),
        ("solver.model:oom", "SOLVER_MEMORY"),
        ("solver.model:raise", "SOLVER_ERROR"),
    ],
)
def test_a_champion_that_dies_costs_one_rung_and_one_incident(instance, champion, monkeypatch, fault, code):
    monkeypatch.setenv("SHOPFLOOR_FAULT", fault)
    result = climb(LadderRequest(instance, champion, LIMITS, order=ORDER))
    assert result.rung is Rung.SEARCH and _codes(result) == [code]
    assert result.champion_was_bad is True
    assert result.schedule is not None and validate(instance, result.schedule) == ()
    assert result.incidents[0].context["version"] == "1"


def test_when_every_search_dies_a_rule_makes_the_plan_and_each_death_is_told(instance, champion, monkeypatch):
    monkeypatch.setenv("SHOPFLOOR_FAULT", "solver.ready:kill9")
    result = climb(LadderRequest(instance, champion, LIMITS, order=ORDER))
    assert result.rung in (Rung.RULE, Rung.GREEDY) and result.search is None
    assert [(found.code, found.context["rung"]) for found in result.incidents] == [
        ("SOLVER_DIED", "champion"),
        ("SOLVER_DIED", "search"),
    ]
    assert result.schedule is not None and validate(instance, result.schedule) == ()


def test_a_search_that_hangs_is_cut_off_at_its_deadline(instance, champion, monkeypatch):
    monkeypatch.setenv("SHOPFLOOR_FAULT", "solver.ready:sleep=60")
    limits = SolverLimits(deadline_s=0.5, startup_s=COMPILING_S)
    result = climb(LadderRequest(instance, champion, limits, order=ORDER))
    assert result.rung in (Rung.RULE, Rung.GREEDY) and _codes(result) == ["DEADLINE", "DEADLINE"]
    assert result.timings["champion_search_s"] < 1.5


def test_the_best_plan_before_the_deadline_counts(instance, champion, monkeypatch):
    monkeypatch.setenv("SHOPFLOOR_FAULT", "solver.improved#1:sleep=60")
    limits = SolverLimits(deadline_s=2.0, startup_s=COMPILING_S)
    result = climb(LadderRequest(instance, champion, limits, order=ORDER))
    assert _codes(result) == ["DEADLINE"] and result.rung is Rung.CHAMPION
    assert result.champion_was_bad is True and result.search is None
    assert result.schedule is not None and validate(instance, result.schedule) == ()


def test_a_bundle_that_changed_after_its_proof_is_refused_in_the_child(instance, champion):
    result = climb(LadderRequest(instance, replace(champion, bundle_hash="0" * 64), LIMITS, order=ORDER))
    assert _codes(result) == ["HASH_MISMATCH"] and result.rung is Rung.SEARCH


def test_a_plan_with_two_operations_on_one_machine_at_once_is_refused(instance, champion):
    compiled = compile_instance(instance)
    good = to_schedule(compiled, dispatch(compiled, GOOD.rule), "policy")
    first, second, *rest = good.operations
    overlapping = replace(
        second, machine_id=first.machine_id, slot=first.slot, start=first.start, end=first.end
    )
    broken = replace(good, operations=(first, overlapping, *rest))
    result = climb(LadderRequest(instance, champion, LIMITS, order=ORDER), solve=_answers(broken))
    assert result.rung is Rung.SEARCH and _codes(result) == ["PLAN_INVALID"]
    assert result.incidents[0].context["violations"]
    assert result.schedule is not None and validate(instance, result.schedule) == ()


def test_a_plan_that_loses_an_operation_is_refused(instance, champion):
    compiled = compile_instance(instance)
    good = to_schedule(compiled, dispatch(compiled, GOOD.rule), "policy")
    result = climb(
        LadderRequest(instance, champion, LIMITS, order=ORDER),
        solve=_answers(replace(good, operations=good.operations[:-1])),
    )
    assert _codes(result) == ["PLAN_INVALID"] and result.rung is not Rung.CHAMPION


def test_a_champion_worse_than_greedy_steps_down(instance, tmp_path):
    compiled = compile_instance(instance)
    worst = to_schedule(compiled, dispatch(compiled, WORST.rule), "policy")
    champion = _champion(WORST, tmp_path / "worst")
    result = climb(LadderRequest(instance, champion, LIMITS, order=ORDER), solve=_answers(worst))
    assert "PLAN_WORSE" in _codes(result) and result.rung is not Rung.CHAMPION
    assert result.kpis.weighted_tardiness <= result.greedy_kpis.weighted_tardiness
    context = result.incidents[0].context
    assert "weighted_tardiness" in result.incidents[0].summary
    assert context["weighted_tardiness"] > context["greedy_weighted_tardiness"]


def test_an_open_breaker_leaves_the_champion_alone(instance, champion):
    result = climb(LadderRequest(instance, champion, LIMITS, may_use_champion=False, order=ORDER))
    assert _codes(result) == ["BREAKER_OPEN"] and result.champion_was_bad is None
    assert result.rung is Rung.SEARCH


def test_a_rule_that_is_worse_than_greedy_leaves_the_plan_to_greedy(instance, tmp_path):
    compiled = compile_instance(instance)
    assert quick_cost(compiled, dispatch(compiled, WORST.rule)) > quick_cost(compiled, greedy_list(compiled))
    champion = _champion(WORST, tmp_path / "worst")
    result = climb(LadderRequest(instance, champion, LIMITS, may_use_champion=False), solve=_dies)
    assert result.rung is Rung.GREEDY and result.schedule == result.greedy


def test_when_nothing_is_valid_the_plan_in_force_stays_and_says_what_is_stale(
    instance, champion, monkeypatch
):
    """No honest engine makes three invalid plans, so here the rungs' builder is broken on purpose."""

    def broken(compiled, outcome, solver):
        return replace(to_schedule(compiled, outcome, solver), operations=())

    monkeypatch.setattr(ladder, "to_schedule", broken)
    result = climb(LadderRequest(instance, champion, LIMITS, may_use_champion=False), solve=_dies)
    assert result.rung is Rung.LAST_GOOD and result.schedule is None
    assert _codes(result) == [
        "GREEDY_INVALID",
        "PLAN_INVALID",
        "BREAKER_OPEN",
        "SOLVER_DIED",
        "NO_VALID_PLAN",
        "STALE_PLAN",
    ]
    assert len(result.stale_operations) == len(instance.operations)


def test_an_operation_is_stale_when_its_machine_left_or_its_start_passed(instance):
    first, second, third = (operation for operation in instance.operations[:3])
    machine = {op.operation_id: instance.eligible_machines(op)[0].machine_id for op in (first, second, third)}
    plan = {
        first.operation_id: PlannedStart(machine[first.operation_id], 400),
        second.operation_id: PlannedStart("gone", 400),
        third.operation_id: PlannedStart(machine[third.operation_id], -5),
    }
    stale = stale_operations(replace(instance, active_plan=plan))
    assert first.operation_id not in stale
    assert {second.operation_id, third.operation_id} <= set(stale)


def _kpis_attempt(rung, **changes):
    """A valid attempt whose figures are greedy's but for `changes`."""
    schedule = Schedule((), (), "x")
    return Attempt(
        rung, schedule, (), replace(compute_kpis(random_instance(0, n_jobs=1), schedule), **changes)
    )


@pytest.mark.parametrize(
    ("figure", "worse"),
    [
        ("weighted_tardiness", 1e9),
        ("mean_tardiness_days", 1e9),
        ("on_time_rate", -0.1),
        ("overtime_hours", 0.6),
        ("utilisation_std", 1.0),
    ],
)
def test_a_searched_plan_may_be_worse_than_greedy_in_none_of_five_figures(figure, worse):
    greedy = _kpis_attempt(Rung.GREEDY)
    attempt = _kpis_attempt(Rung.SEARCH, **{figure: worse})
    assert worse_figures(greedy, greedy, overtime_hours=0.0) == ()
    assert worse_figures(attempt, greedy, overtime_hours=0.5) == (figure,)
    as_rule = replace(attempt, rung=Rung.RULE)
    assert worse_figures(as_rule, greedy, overtime_hours=0.5) == (
        (figure,) if figure == "weighted_tardiness" else ()
    )


def test_overtime_that_was_allowed_is_not_worse_than_greedy():
    greedy = _kpis_attempt(Rung.GREEDY)
    assert worse_figures(_kpis_attempt(Rung.SEARCH, overtime_hours=0.6), greedy, overtime_hours=1.0) == ()


@pytest.fixture(scope="module")
def calm_instance(instance):
    """The instance on the day after: greedy's plan is in force."""
    compiled = compile_instance(instance)
    plan = to_schedule(compiled, greedy_list(compiled), "greedy")
    starts = {item.operation_id: PlannedStart(item.machine_id, item.start) for item in plan.operations}
    return replace(instance, active_plan=starts)


def test_a_plan_within_the_cap_on_moves_is_preferred_to_a_better_one_beyond_it(calm_instance):
    order = replace(ORDER, max_moved=0)
    result = climb(LadderRequest(calm_instance, None, LIMITS, order=order), solve=solve_in_child)
    assert result.kpis.moved_operations == 0
    assert "MOVED_TOO_MUCH" not in _codes(result)


def test_a_better_plan_that_moves_too_much_is_named_when_a_calmer_rung_is_taken(calm_instance, champion):
    compiled = compile_instance(calm_instance)
    other = to_schedule(compiled, dispatch(compiled, GOOD.rule), "policy")
    attempt = Attempt(Rung.CHAMPION, other, (), compute_kpis(calm_instance, other))
    greedy = to_schedule(compiled, greedy_list(compiled), "greedy")
    beside = Attempt(Rung.GREEDY, greedy, (), compute_kpis(calm_instance, greedy))
    assert worse_figures(attempt, beside, overtime_hours=0.0) == ()
    order = replace(ORDER, max_moved=0)
    result = climb(LadderRequest(calm_instance, champion, LIMITS, order=order), solve=_answers(other))
    assert result.rung is Rung.GREEDY and _codes(result) == ["CALMER_PLAN"]
    assert result.incidents[0].context["moved_operations"] == attempt.kpis.moved_operations > 0
    assert result.champion_was_bad is False


def test_without_a_plan_within_the_cap_the_plan_is_made_and_people_are_told(instance):
    """The plan in force has every operation on a machine that is not there any more."""
    gone = {operation.operation_id: PlannedStart("gone", 400) for operation in instance.operations}
    order = replace(ORDER, max_moved=3)
    result = climb(LadderRequest(replace(instance, active_plan=gone), None, LIMITS, order=order))
    assert result.rung is Rung.SEARCH and _codes(result) == ["MOVED_TOO_MUCH"]
    context = result.incidents[0].context
    assert context["moved_operations"] == result.kpis.moved_operations > 3 == context["max_moved"]
