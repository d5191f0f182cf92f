"""The search's bench: its cases are what they say, its verdicts follow from the rows, a killed run goes on."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from builders import DAY, tiny_instance, tiny_job, tiny_operation

from flows.bench_search import SearchBenchOptions, run_bench_search
from shopfloor.domain.fingerprint import instance_fingerprint
from shopfloor.engine.arrays import compile_instance
from shopfloor.engine.dispatch import completion_minutes, dispatch
from shopfloor.engine.objective import objective_of
from shopfloor.engine.rules import Rule, RuleSpec
from shopfloor.evaluation.search_cases import SearchCase, anchor_case, daily_case, factory_case, size_case
from shopfloor.evaluation.search_goals import BelowBound, Goal, anchor_report, ratio, worse_than_greedy
from shopfloor.evaluation.search_players import (
    best_tuned_player,
    greedy_player,
    sampled_atcs_player,
    tuned_player,
)
from shopfloor.evaluation.search_rows import Arena, RowStore, SearchRow
from shopfloor.policies.exact_arcs import why_not_exact
from shopfloor.policies.exact_axis import shop_on_axis
from shopfloor.twin.fit import fit_twin
from shopfloor.twin.generate import generate_plant
from shopfloor.twin.model import TwinModel
from shopfloor.twin.plant_spec import DEFAULT_AS_OF, TINY_SPEC

SPECS = (RuleSpec(Rule.ATCS), RuleSpec(Rule.EDD))


def row(case: str, player: str, *, bound: float = 0.0, optimal: bool = True, **kpis: float) -> SearchRow:
    names = ("weighted_tardiness", "mean_tardiness_days", "on_time_rate", "overtime_hours", "utilisation_std")
    filled = dict.fromkeys((*names, "avoidable_weighted_tardiness"), 1.0) | kpis
    facts = {"bound": bound, "is_optimal": float(optimal)}
    return SearchRow(
        f"{case}{player}", case, player, 10, 0.1, 0.1, filled["weighted_tardiness"], 0, filled, facts
    )


def small_case() -> SearchCase:
    operations = [tiny_operation(f"{name}-P1", minutes=300 + 60 * k) for k, name in enumerate("ABCDE")]
    jobs = [tiny_job(name, due=400, weight=1.0 + k) for k, name in enumerate("ABCDE")]
    return SearchCase("small", tiny_instance(operations, jobs=jobs))


@pytest.fixture(scope="module")
def twin() -> TwinModel:
    frames = generate_plant(TINY_SPEC, seed=1)
    return fit_twin(frames, as_of=DEFAULT_AS_OF, plant_tz=TINY_SPEC.plant_tz)


def test_a_larger_book_has_its_size_later_due_dates_and_longer_calendars(twin):
    plain, large = daily_case(twin, 0).instance, size_case(twin, 400).instance
    assert len(large.operations) == 400
    assert all(job.known_at is None for job in (*plain.jobs, *large.jobs))
    assert max(job.due for job in large.jobs) > max(job.due for job in plain.jobs)
    for name, open_time in large.open_time.items():
        before = plain.open_time[name]
        assert (open_time.starts[: len(before.starts)] == before.starts).all()
        assert (np.diff(open_time.starts) > 0).all()
        assert open_time.ends[-1] >= before.ends[-1] + 364 * DAY


def test_edd_delivers_sixty_percent_of_a_factory_on_time():
    instance = factory_case(50, 10, 3).instance
    compiled = compile_instance(instance)
    completion = completion_minutes(compiled, dispatch(compiled, RuleSpec(Rule.EDD)))
    on_time = np.mean([done <= job.due for done, job in zip(completion, instance.jobs, strict=True)])
    assert on_time == pytest.approx(0.6, abs=0.05)
    assert len(instance.jobs) == 50 and len(instance.plant.machines) == 10


@pytest.mark.parametrize("number", range(8))
def test_an_anchor_is_small_and_can_be_modelled_exactly(number):
    instance = anchor_case(number).instance
    assert len(instance.operations) <= 60
    assert why_not_exact(shop_on_axis(compile_instance(instance), setup_share=1.0)) is None


def test_a_case_is_drawn_again_from_its_number():
    first, again, other = (instance_fingerprint(factory_case(20, 6, k).instance) for k in (1, 1, 2))
    assert first == again != other


def test_the_best_of_many_is_no_worse_than_its_first():
    compiled = compile_instance(factory_case(50, 10, 0).instance)
    played = sampled_atcs_player(0.2, SPECS).play(compiled, seed=1)
    first = completion_minutes(compiled, dispatch(compiled, SPECS[0]))
    due = compiled.problem.job[:, 1]
    weights = compiled.problem.job_weight
    found = completion_minutes(compiled, played.outcome)
    assert (weights * np.maximum(0, found - due)).sum() <= (weights * np.maximum(0, first - due)).sum()
    assert played.facts["n"] > 1


def test_worse_than_greedy_counts_each_figure_in_its_own_direction():
    rows = {
        "greedy": {"a": row("a", "greedy", on_time_rate=0.5), "b": row("b", "greedy")},
        "search": {
            "a": row("a", "search", on_time_rate=0.4, weighted_tardiness=0.2),
            "b": row("b", "search", utilisation_std=1.2, on_time_rate=1.5),
        },
    }
    found = worse_than_greedy(rows, "search")
    assert found["on_time_rate"] == 1 and found["utilisation_std"] == 1
    assert found["weighted_tardiness"] == found["overtime_hours"] == 0


def test_a_ratio_leaves_cases_without_cost_out_of_the_mean_only():
    kpi = "avoidable_weighted_tardiness"
    rows = {
        "ours": {c: row(c, "ours", **{kpi: v}) for c, v in {"a": 1.0, "b": 0.0, "c": 3.0}.items()},
        "theirs": {c: row(c, "theirs", **{kpi: v}) for c, v in {"a": 2.0, "b": 0.0, "c": 4.0}.items()},
    }
    found = ratio(rows, "ours", "theirs")
    assert found.of_sums == pytest.approx(4 / 6)
    assert found.mean == pytest.approx((0.5 + 0.75) / 2)


def test_nothing_may_cost_less_than_a_proven_bound():
    rows = {
        "exact": {"a": row("a", "CP-SAT", weighted_tardiness=2.0, bound=2.0)},
        "search": {"a": row("a", "search", weighted_tardiness=1.9)},
    }
    with pytest.raises(BelowBound, match="proven is at least 2"):
        anchor_report(rows)
    rows["search"]["a"] = row("a", "search", weighted_tardiness=2.2)
    report = anchor_report(rows)
    assert report.goals[0].value == pytest.approx(0.1)
    assert not report.goals[0].is_met


def test_a_goal_is_met_at_its_limit():
    assert Goal("x", 0.6, 0.6).is_met
    assert not Goal("x", 0.6001, 0.6).is_met
    assert "MISSED" in Goal("x", 0.7, 0.6).text()


def test_a_stored_row_is_not_played_again_and_a_cut_line_does_not_matter(tmp_path):
    path = tmp_path / "rows.jsonl"
    arena = Arena(small_case(), objective_of("balanced"))
    first = RowStore(path).row_of(arena, tuned_player(SPECS), seed=0)
    with path.open("a") as file:
        file.write('{"key": "cut')
    again = RowStore(path)
    assert again.row_of(arena, tuned_player(SPECS), seed=0) == first
    other = again.row_of(arena, greedy_player(), seed=0)
    assert RowStore(path).get(other.key) is not None
    assert sum(_is_json(line) for line in path.read_text().splitlines()) == 2


def test_another_instance_objective_or_setting_is_another_row():
    case = small_case()
    arena = Arena(case, objective_of("balanced"))
    keys = {
        arena.key_of(best_tuned_player(SPECS)),
        arena.key_of(best_tuned_player(SPECS[:1])),
        Arena(case, objective_of("tardiness")).key_of(best_tuned_player(SPECS)),
        Arena(SearchCase("small", replace(case.instance, freeze_until=DAY)), objective_of("balanced")).key_of(
            best_tuned_player(SPECS)
        ),
    }
    assert len(keys) == 4


def test_the_anchor_runs_whole_and_a_second_run_reads_its_rows(tmp_path):
    options = SearchBenchOptions(n_anchors=1, seconds=0.5, proof_seconds=15.0)
    said: list[str] = []
    first = run_bench_search(parts=("anchor",), options=options, say=said.append, home=tmp_path)
    second = run_bench_search(parts=("anchor",), options=options, say=said.append, home=tmp_path)
    assert first.parts == second.parts
    rows = first.parts[0].rows
    assert {row.n_violations for row in rows} == {0}
    assert "optimality anchor" in first.text() and json.dumps(first.as_dict())


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True
