"""Bounds in the search's bench: proved once, refused by any plan below them, shown beside what was reached."""

from __future__ import annotations

import pytest
from builders import tiny_instance, tiny_job, tiny_machine, tiny_operation, tiny_plant

from shopfloor.evaluation.search_bounds import BoundRow, bound_lines, bound_row, prove_bounds
from shopfloor.evaluation.search_cases import SearchCase
from shopfloor.evaluation.search_goals import AVOIDABLE, BelowBound
from shopfloor.evaluation.search_rows import RowStore, SearchRow


def row(case: str, player: str, value: float, *, overtime: float = 0.0) -> SearchRow:
    kpis = {AVOIDABLE: value, "overtime_hours": overtime}
    return SearchRow("key", case, player, 10, 1.0, 1.0, value, 0, kpis)


def rows_of(rule: float, search: float, *, overtime: float = 0.0) -> dict[str, dict[str, SearchRow]]:
    return {
        "best_tuned": {"a": row("a", "rule", rule)},
        "search": {"a": row("a", "search", search, overtime=overtime)},
    }


def three_jobs() -> SearchCase:
    operations = [tiny_operation(f"{name}-P1", minutes=60) for name in "ABC"]
    jobs = [tiny_job(name, due=60) for name in "ABC"]
    plant = tiny_plant([tiny_machine()])
    return SearchCase("a", tiny_instance(operations, jobs=jobs, plant=plant))


def two(case: SearchCase, target: float) -> BoundRow:
    return BoundRow("key", case.name, 2.0, {"MILL": 2.0}, 1.0)


def test_a_bound_is_proved_once_and_read_from_the_store_after(tmp_path):
    path = tmp_path / "rows.jsonl"
    first = bound_row(RowStore(path), three_jobs(), 180 / 1440)
    assert bound_row(RowStore(path), three_jobs(), 1.0) == first
    assert first.value == pytest.approx(180 / 1440, rel=0.01)
    assert list(first.by_centre) == ["MILL"]


def test_a_plan_below_a_bound_stops_the_bench_unless_it_worked_overtime():
    with pytest.raises(BelowBound, match="proved is at least 2"):
        prove_bounds(rows_of(4.0, 1.9), [three_jobs()], two)
    assert prove_bounds(rows_of(4.0, 1.9, overtime=1.0), [three_jobs()], two)[0].value == 2.0


def test_the_best_known_plan_is_the_target():
    seen: list[float] = []

    def prove(case: SearchCase, target: float) -> BoundRow:
        seen.append(target)
        return two(case, target)

    prove_bounds(rows_of(4.0, 3.0), [three_jobs()], prove)
    assert seen == [3.0]


def test_the_table_says_what_could_at_most_be_won():
    lines = bound_lines(rows_of(4.0, 3.0), [BoundRow("key", "a", 2.0, {"MILL": 2.0}, 1.0)])
    assert "1.500" in lines[2] and "MILL 2" in lines[2]
    assert "less than 0.500" in lines[-1] and "at most 50.0%" in lines[-1]
    assert bound_lines(rows_of(4.0, 3.0), []) == []
