"""What a checked plan file says to people."""

from __future__ import annotations

from dataclasses import replace

from tiny_plan import edit, tiny_answer, tiny_problem

from flows.plan_file import sentence_of
from shopfloor.domain.validator import validate


def test_a_violation_is_told_in_the_plants_time():
    instance = replace(tiny_problem(), plant_tz="Europe/Berlin")
    early = edit(tiny_answer(instance), "A-P1", start=480, end=560)
    (sentence,) = [
        sentence_of(violation, instance)
        for violation in validate(instance, early)
        if violation.code == "BEFORE_NOW"
    ]
    # minute 480 of Monday 2 March 2026 UTC is 09:00 in Berlin, now is minute 490
    assert sentence == "BEFORE_NOW A-P1: start Mon 2026-03-02 09:00, now Mon 2026-03-02 09:10"
