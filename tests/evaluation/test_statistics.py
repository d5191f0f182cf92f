"""The paired bootstrap: hand values, coverage, degenerate cases."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shopfloor.evaluation.statistics import bootstrap_interval, compare, compare_by_case, ratio_of_sums


def test_ratio_difference_and_wins_are_the_hand_values() -> None:
    result = compare([1.0, 2.0, 3.0, 4.0], [2.0, 2.0, 2.0, 14.0])
    assert result.n == 4
    assert result.ratio == pytest.approx(10 / 20)
    assert result.difference == pytest.approx((-1 + 0 + 1 - 10) / 4)
    assert result.wins == 0.5
    assert result.losses == 0.25
    assert result.ratio in result.ratio_interval
    assert result.difference in result.difference_interval


def test_a_constant_factor_has_an_interval_of_no_width() -> None:
    theirs = np.array([3.0, 5.0, 8.0, 13.0])
    result = compare(0.5 * theirs, theirs)
    assert (result.ratio_interval.low, result.ratio_interval.high) == pytest.approx((0.5, 0.5))


def test_equal_contestants_have_ratio_one_and_no_wins() -> None:
    result = compare([1.0, 4.0, 0.0], [1.0, 4.0, 0.0])
    assert (result.ratio, result.wins, result.losses, result.difference) == (1.0, 0.0, 0.0, 0.0)
    assert (result.ratio_interval.low, result.ratio_interval.high) == (1.0, 1.0)


def test_two_zero_sums_are_equal_and_a_zero_baseline_is_infinitely_worse() -> None:
    assert compare([0.0, 0.0, 0.0], [0.0, 0.0, 0.0]).ratio == 1.0
    worse = compare([0.0, 1.0, 0.0], [0.0, 0.0, 0.0])
    assert worse.ratio == math.inf
    assert worse.ratio_interval.high == math.inf
    assert not math.isnan(worse.ratio_interval.low)
    assert compare([-1.0, 0.0], [0.0, 0.0]).ratio == 0.0


def test_a_comparison_of_infinite_ratio_is_still_json() -> None:
    values = compare([0.0, 1.0, 0.0], [0.0, 0.0, 0.0]).as_dict()
    assert values["ratio"] is None
    assert json.loads(json.dumps(values, allow_nan=False)) == values


def test_one_case_gives_the_point_as_interval() -> None:
    result = compare([2.0], [4.0])
    assert (result.ratio, result.ratio_interval.low, result.ratio_interval.high) == (0.5, 0.5, 0.5)


def test_the_same_seed_gives_the_same_interval_and_another_nearly_the_same() -> None:
    rng = np.random.default_rng(3)
    theirs = rng.lognormal(3, 0.5, 30)
    ours = theirs * rng.lognormal(-0.05, 0.1, 30)
    first, again, other = (compare(ours, theirs, seed=seed).ratio_interval for seed in (1, 1, 2))
    assert first == again
    assert other.low == pytest.approx(first.low, abs=0.01)
    assert other.high == pytest.approx(first.high, abs=0.01)


@pytest.mark.parametrize(("ours", "theirs"), [([], []), ([1.0], [1.0, 2.0]), ([math.nan], [1.0])])
def test_unpaired_empty_or_broken_numbers_are_refused(ours: list[float], theirs: list[float]) -> None:
    with pytest.raises(ValueError, match="hint:"):
        compare(ours, theirs)


def test_only_shared_cases_are_compared() -> None:
    result = compare_by_case({"a": 1.0, "b": 2.0, "x": 100.0}, {"b": 2.0, "a": 3.0, "y": 1.0})
    assert (result.n, result.ratio) == (2, 0.6)


@pytest.mark.parametrize(("method", "least"), [("bca", 0.90), ("percentile", 0.88)])
def test_the_interval_covers_the_true_ratio_about_as_often_as_it_says(method: str, least: float) -> None:
    rng = np.random.default_rng(11)
    true_ratio = 0.9  # E[ours] / E[theirs]: the factor has mean 0.9 and is independent of theirs
    hits = 0
    trials = 300
    for _ in range(trials):
        theirs = rng.lognormal(4.0, 0.6, 24)
        ours = theirs * 0.9 * rng.lognormal(-0.5 * 0.15**2, 0.15, 24)
        interval = bootstrap_interval(ratio_of_sums, (ours, theirs), rng=rng, method=method)  # type: ignore[arg-type]
        hits += true_ratio in interval
    assert least <= hits / trials <= 0.985


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(0, 1e4, allow_nan=False), st.floats(0, 1e4, allow_nan=False)),
        min_size=1,
        max_size=12,
    )
)
def test_intervals_are_ordered_and_never_nan(pairs: list[tuple[float, float]]) -> None:
    result = compare([a for a, _ in pairs], [b for _, b in pairs])
    for interval in (result.ratio_interval, result.difference_interval):
        assert interval.low <= interval.high


def test_a_ratio_of_any_size_has_an_interval() -> None:
    # Jackknife ratios of 1e276: their squares are beyond what a float holds.
    result = compare([0.0, 0.0, 1.0], [0.0, 0.0, 9.071115858563716e-277])
    assert result.ratio_interval.low <= result.ratio_interval.high
