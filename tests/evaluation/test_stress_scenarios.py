"""Stress scenarios change what they say and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from evaluation_cases import DAY, tiny_instance

from shopfloor.evaluation.stress import (
    SCENARIOS,
    all_urgent,
    bottleneck,
    bottleneck_machine_down,
    overload,
    rush_wave,
)


def rng() -> np.random.Generator:
    return np.random.default_rng(1)


def test_all_urgent_gives_every_job_the_highest_weight_and_less_time() -> None:
    before = tiny_instance()
    after = all_urgent(before, rng())
    assert {job.weight for job in after.jobs} == {5.0}
    assert all(b.due < a.due for a, b in zip(before.jobs, after.jobs, strict=True))
    assert after.jobs[0].due == 480 + round(0.7 * (before.jobs[0].due - 480))
    assert after.operations == before.operations


def test_the_bottleneck_is_the_work_centre_with_most_minutes_per_speed() -> None:
    assert bottleneck(tiny_instance()) == "MILL"


def test_the_machine_that_goes_down_is_the_bottlenecks_and_only_that_one() -> None:
    before = tiny_instance()
    after = bottleneck_machine_down(before, rng())
    assert before.open_time["M1"].work_between(480, 5 * DAY + 480, 0) > 0
    assert after.open_time["M1"].work_between(480, 5 * DAY + 480, 0) == 0
    assert after.open_time["M1"].next_open(480, 0) == 5 * DAY + 480
    assert after.open_time["L1"] is before.open_time["L1"]


def test_a_rush_order_is_known_before_it_may_start_and_is_due_soon() -> None:
    before = tiny_instance()
    after = rush_wave(before, rng(), share=0.25)
    new = after.jobs[len(before.jobs) :]
    assert len(new) == 2
    for job in new:
        assert job.known_at is not None
        assert before.now < job.known_at <= before.now + 2 * DAY
        assert job.release == job.known_at
        assert job.weight == 5.0
    assert len(after.operations) == len(before.operations) + 4


def test_overload_adds_half_of_the_orders_again() -> None:
    before = tiny_instance()
    after = overload(before, rng())
    assert len(after.jobs) == 12
    copies = after.operations[len(before.operations) :]
    assert len(copies) == 8
    assert copies[1].predecessor == copies[0].operation_id


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_the_same_seed_gives_the_same_stress_and_facts_stay_facts(name: str) -> None:
    before = tiny_instance(has_commitment=True)
    first, again = SCENARIOS[name](before, rng()), SCENARIOS[name](before, rng())
    assert first.jobs == again.jobs
    assert first.operations == again.operations
    assert first.commitments == before.commitments
