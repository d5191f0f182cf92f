"""What a change does to the plan in force, on a plant of two machines, with values worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from builders import placed, tiny_instance, tiny_job, tiny_machine, tiny_operation, tiny_plant, tiny_schedule

from shopfloor.domain.instance import Instance, PlannedStart
from shopfloor.domain.open_time import OpenTime
from shopfloor.domain.schedule import Schedule
from shopfloor.engine.objective import PRESETS
from shopfloor.engine.optimise import Budget
from shopfloor.serving.what_if import Answer, Question, answer

BUDGET = Budget(iterations=2_000, seconds=1.0)


def plant_of_two() -> Instance:
    """Return jobs A and B of an hour each on one machine, A due at its end."""
    return tiny_instance(
        [tiny_operation("A-P1", minutes=60), tiny_operation("B-P1", minutes=60)],
        jobs=[tiny_job("A", due=60, weight=5.0), tiny_job("B", due=5000)],
        plant=tiny_plant([tiny_machine("M1")]),
    )


def a_then_b(instance: Instance) -> Schedule:
    return tiny_schedule([placed(instance, "A-P1", "M1", start=0), placed(instance, "B-P1", "M1", start=60)])


def asked(after: Instance, **fields) -> Answer:
    before = plant_of_two()
    plan = a_then_b(before)
    in_force = {name: PlannedStart(item.machine_id, item.start) for name, item in plan.by_operation.items()}
    question = Question(
        before=replace(before, active_plan=in_force),
        after=replace(after, active_plan=in_force),
        planned=plan.by_operation,
        objective=PRESETS["balanced"],
        budget=BUDGET,
    )
    return answer(replace(question, **fields))


def test_nothing_asked_moves_nothing():
    found = asked(plant_of_two())
    assert found.is_active_plan
    assert (found.moved, found.new, found.moved_operations, found.slipped) == ((), (), 0, 0)
    assert found.before.schedule == found.after.schedule


def test_downtime_moves_the_jobs_behind_it_and_says_which_becomes_late():
    before = plant_of_two()
    after = replace(before, open_time={"M1": OpenTime.of([(30, 20_000, 0)])})
    found = asked(after)
    assert [(row.job.job_id, row.before, row.after) for row in found.moved] == [
        ("A", 60, 90),
        ("B", 120, 150),
    ]
    assert [row.job.job_id for row in found.newly_late] == ["A"]
    assert found.cost_to_others == pytest.approx(5.0 * 30 / 1440)
    assert found.moved_operations == 0  # half an hour is within the tolerance


def test_a_new_job_is_told_apart_from_those_it_delays():
    before = plant_of_two()
    after = replace(
        before,
        operations=(*before.operations, tiny_operation("N-P1", minutes=30)),
        jobs=(*before.jobs, tiny_job("N", due=5000)),
    )
    found = asked(after, new_jobs=("N",))
    assert [row.job.job_id for row in found.new] == ["N"]
    assert found.new[0].delta_minutes is None
    assert "A" not in {row.job.job_id for row in found.moved}
    assert found.cost_to_others == 0


def test_without_a_plan_in_force_the_optimisers_own_is_the_baseline():
    before = plant_of_two()
    question = Question(before, before, {}, PRESETS["balanced"], BUDGET)
    found = answer(question)
    assert not found.is_active_plan
    assert found.moved == ()


def test_a_plan_that_facts_have_overtaken_slips_before_it_is_compared():
    late = replace(plant_of_two(), open_time={"M1": OpenTime.of([(40, 20_000, 0)])})
    plan = a_then_b(plant_of_two())
    question = Question(late, late, plan.by_operation, PRESETS["balanced"], BUDGET)
    found = answer(question)
    assert found.slipped == 2
    assert found.moved == ()
