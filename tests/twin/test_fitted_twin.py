"""The fit beside the truth of a synthetic plant, and what is sampled from it."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest

from shopfloor.data.frames import empty_frame
from shopfloor.data.tables import PLANT_TABLES
from shopfloor.domain.errors import InvalidInstance, RefusedInput
from shopfloor.domain.fingerprint import instance_fingerprint
from shopfloor.domain.validator import require_valid
from shopfloor.engine.arrays import compile_instance
from shopfloor.engine.dispatch import greedy_list, to_schedule
from shopfloor.twin.bank import SuiteCase, frozen_suite, sample_instance, suite_hash, training_bank
from shopfloor.twin.calibration import measure_book
from shopfloor.twin.fit import fit_twin
from shopfloor.twin.generate import STREAMS, draw_plant, generate_plant
from shopfloor.twin.model import Estimate, TwinModel
from shopfloor.twin.plant_spec import DEFAULT_AS_OF, DEFAULT_SPEC, TINY_SPEC
from shopfloor.twin.suite import SUITE_SEEDS


@pytest.fixture(scope="module")
def twin() -> TwinModel:
    frames = generate_plant(DEFAULT_SPEC, seed=0)
    return fit_twin(frames, as_of=DEFAULT_AS_OF, plant_tz=DEFAULT_SPEC.plant_tz)


@pytest.fixture(scope="module")
def tiny_twin() -> TwinModel:
    frames = generate_plant(TINY_SPEC, seed=0)
    return fit_twin(frames, as_of=DEFAULT_AS_OF, plant_tz=TINY_SPEC.plant_tz)


def standard_errors_off(estimate: Estimate, truth: float) -> float:
    return abs(estimate.value - truth) / estimate.se


def test_due_dates_are_fitted_within_their_errors(twin: TwinModel) -> None:
    spec = DEFAULT_SPEC
    assert standard_errors_off(twin.due_dates.base_days, spec.slack_mean_days) < 4
    assert standard_errors_off(twin.due_dates.days_per_hour, spec.flow_allowance * 0.14) < 4
    assert standard_errors_off(twin.due_dates.urgency_days, spec.urgency_days) < 4
    assert standard_errors_off(twin.due_dates.sd_days, spec.slack_sd_days) < 4


def test_spreads_of_work_and_realised_durations_are_fitted(twin: TwinModel) -> None:
    assert twin.duration_sigma.value == pytest.approx(DEFAULT_SPEC.duration_sigma, rel=0.05)
    assert twin.step_sigma.value == pytest.approx(DEFAULT_SPEC.quantity_sigma, rel=0.05)
    assert standard_errors_off(twin.quantity, DEFAULT_SPEC.quantity_mean) < 4


def test_arrivals_and_priorities_are_fitted(twin: TwinModel) -> None:
    surge = 1 + (DEFAULT_SPEC.surge_factor - 1) * DEFAULT_SPEC.surge_days / DEFAULT_SPEC.history_days
    rate = DEFAULT_SPEC.orders_per_week
    assert rate * 0.9 < twin.arrivals_per_week.value < rate * surge * 1.1
    assert np.allclose(twin.priority_shares, DEFAULT_SPEC.priority_shares, atol=0.05)
    assert sum(twin.priority_shares) == pytest.approx(1.0)


def test_breakdowns_are_fitted_per_machine_type(twin: TwinModel) -> None:
    truth = {centre.machine_type: centre for centre in DEFAULT_SPEC.work_centres}
    assert {item.machine_type for item in twin.breakdowns} == set(truth)
    for item in twin.breakdowns:
        centre = truth[item.machine_type]
        for estimate, value in ((item.mtbf_h, centre.mtbf_h), (item.mttr_h, centre.mttr_h)):
            error_of_an_exponential_mean = value / estimate.n**0.5
            assert abs(estimate.value - value) < 3.5 * error_of_an_exponential_mean


def test_routes_and_processing_times_are_those_of_the_families(twin: TwinModel) -> None:
    streams = {name: np.random.default_rng([0, number]) for number, name in enumerate(STREAMS)}
    _, families = draw_plant(DEFAULT_SPEC, streams=streams, as_of=DEFAULT_AS_OF)
    fitted = {family.name: family for family in twin.families}
    errors = []
    for family in families:
        model = fitted[family.name]
        assert [step.machine_type for step in model.steps] == [step.machine_type for step in family.steps]
        for step, true_step in zip(model.steps, family.steps, strict=True):
            error = np.log(step.minutes / (60 * true_step.hours))
            errors.append(error / (DEFAULT_SPEC.quantity_sigma / step.n**0.5))
    assert np.mean(np.abs(errors) < 3) > 0.95


def test_a_model_survives_json(tiny_twin: TwinModel) -> None:
    text = tiny_twin.to_json()
    again = TwinModel.from_json(text)
    assert again.to_json() == text
    assert again.book == tiny_twin.book
    first, second = sample_instance(tiny_twin, seed=3), sample_instance(again, seed=3)
    assert instance_fingerprint(first) == instance_fingerprint(second)


def test_tables_without_a_past_are_refused() -> None:
    frames = {name: empty_frame(name) for name in PLANT_TABLES}
    with pytest.raises(RefusedInput, match="no history"):
        fit_twin(frames, as_of=datetime(2026, 6, 1), plant_tz="Europe/Berlin")  # noqa: DTZ001


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("size", [1, 17, 40, 120])
def test_samples_have_the_asked_size_and_a_valid_greedy_plan(
    tiny_twin: TwinModel, size: int, dynamic: bool
) -> None:
    instance = sample_instance(tiny_twin, seed=size, n_operations=size, dynamic=dynamic)
    assert len(instance.operations) == size
    compiled = compile_instance(instance)
    require_valid(instance, to_schedule(compiled, greedy_list(compiled), "greedy"))


def test_load_stretches_work_and_tightness_pulls_due_dates(tiny_twin: TwinModel) -> None:
    base = sample_instance(tiny_twin, seed=5)
    heavy = sample_instance(tiny_twin, seed=5, load=2.0)
    tight = sample_instance(tiny_twin, seed=5, tightness=1.0)
    assert sum(o.processing_minutes for o in heavy.operations) > 1.5 * sum(
        o.processing_minutes for o in base.operations
    )
    earlier = {a.due - b.due for a, b in zip(base.jobs, tight.jobs, strict=True)}
    assert earlier == {round(tiny_twin.due_dates.sd_days.value * 1440)}


def test_samples_are_as_hard_as_the_open_book(twin: TwinModel) -> None:
    books = [measure_book(sample_instance(twin, seed=seed), {})["greedy"] for seed in range(8)]
    assert np.mean([book.on_time_rate for book in books]) == pytest.approx(0.60, abs=0.08)
    assert np.mean([book.avg_days_late for book in books]) == pytest.approx(25.9, rel=0.25)
    assert np.mean([book.unavoidable_share for book in books]) < 0.40


def test_a_suite_is_the_same_every_time_and_mixes_static_and_dynamic(tiny_twin: TwinModel) -> None:
    suite = frozen_suite(tiny_twin, n=6)
    assert suite_hash(suite) == suite_hash(frozen_suite(tiny_twin, n=6))
    assert suite_hash(suite) != suite_hash(frozen_suite(tiny_twin, n=6, seed=1))
    assert [case.disturbances is None for case in suite] == [True, True, False, True, True, False]
    assert all(isinstance(case, SuiteCase) for case in suite)
    assert len({case.name for case in suite}) == 6
    assert all(case.scenario_seed >= SUITE_SEEDS for case in suite)


def test_training_banks_refuse_the_seeds_of_suites(tiny_twin: TwinModel) -> None:
    with pytest.raises(InvalidInstance, match="not a training seed"):
        training_bank(tiny_twin, [SUITE_SEEDS])
    bank = training_bank(tiny_twin, range(6))
    held_out = frozen_suite(tiny_twin, n=6)
    prints = {instance_fingerprint(instance) for instance in bank}
    assert len(prints) == 6
    assert not prints & {instance_fingerprint(case.instance) for case in held_out}
