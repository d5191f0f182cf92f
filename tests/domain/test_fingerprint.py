"""Fingerprints are the same in every process and different for every difference that counts."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from builders import busy_instance, serial_schedule
from tiny_plan import edit, tiny_answer, tiny_problem

from shopfloor.domain.fingerprint import instance_fingerprint, schedule_fingerprint
from shopfloor.domain.instance import PlannedStart
from shopfloor.domain.schedule import Schedule

PROGRAM = """
from builders import busy_instance, serial_schedule
from shopfloor.domain.fingerprint import instance_fingerprint, schedule_fingerprint
instance = busy_instance(60, n_machines=14)
print(instance_fingerprint(instance), schedule_fingerprint(serial_schedule(instance)))
"""


def test_fingerprints_do_not_depend_on_the_hash_seed_of_the_process():
    instance = busy_instance(60, n_machines=14)
    here = f"{instance_fingerprint(instance)} {schedule_fingerprint(serial_schedule(instance))}"
    tests = str(Path(__file__).resolve().parent.parent)
    for seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": tests}
        command = [sys.executable, "-c", PROGRAM]
        other = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        assert other.stdout.strip() == here


def test_the_order_of_rows_and_the_name_of_the_solver_do_not_count():
    plan = tiny_answer(tiny_problem())
    shuffled = Schedule(plan.operations[::-1], plan.unassigned[::-1], "somebody else")
    assert schedule_fingerprint(shuffled) == schedule_fingerprint(plan)


def test_one_minute_makes_another_plan():
    plan = tiny_answer(tiny_problem())
    assert schedule_fingerprint(edit(plan, "E-P3", end=736)) != schedule_fingerprint(plan)


def test_the_order_of_a_mapping_does_not_count_but_its_content_does():
    problem = tiny_problem()
    plan = {"A-P1": PlannedStart("M1", 1), "B-P1": PlannedStart("M1", 2)}
    there = replace(problem, active_plan=plan)
    back = replace(problem, active_plan=dict(reversed(plan.items())))
    other = replace(problem, active_plan=plan | {"B-P1": PlannedStart("M1", 3)})
    assert instance_fingerprint(there) == instance_fingerprint(back) != instance_fingerprint(other)


def test_a_closed_minute_makes_another_instance():
    problem = tiny_problem()
    open_time = dict(problem.open_time) | {"M1": problem.open_time["M1"].without([(500, 501)])}
    assert instance_fingerprint(replace(problem, open_time=open_time)) != instance_fingerprint(problem)
