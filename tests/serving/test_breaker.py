"""The breaker's life, run by run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopfloor.serving.breaker import (
    OPEN_RUNS,
    Breaker,
    BreakerPosition,
    after_champion_run,
    after_promotion,
    after_run_without_champion,
    from_text,
    to_text,
)


def _live(breaker: Breaker, runs: str) -> Breaker:
    for letter in runs:
        breaker = after_champion_run(breaker, is_bad=letter == "1")
    return breaker


@pytest.mark.parametrize("runs", ["11", "10101"[:4], "0000", "110001", "100100"])
def test_two_bad_runs_in_five_leave_it_closed(runs):
    assert _live(Breaker(), runs).position is BreakerPosition.CLOSED


@pytest.mark.parametrize("runs", ["111", "11001", "10101", "00111", "0000111"])
def test_three_bad_runs_in_five_open_it(runs):
    breaker = _live(Breaker(), runs)
    assert breaker == Breaker(BreakerPosition.OPEN, OPEN_RUNS)
    assert not breaker.lets_champion_run


def test_an_open_breaker_counts_runs_down_to_one_try():
    breaker = _live(Breaker(), "111")
    for _ in range(OPEN_RUNS - 1):
        breaker = after_run_without_champion(breaker)
        assert not breaker.lets_champion_run
    breaker = after_run_without_champion(breaker)
    assert breaker.position is BreakerPosition.HALF_OPEN and breaker.lets_champion_run


def test_the_one_try_decides():
    half_open = Breaker(BreakerPosition.HALF_OPEN)
    assert after_champion_run(half_open, is_bad=False) == Breaker()
    assert after_champion_run(half_open, is_bad=True) == Breaker(BreakerPosition.OPEN, OPEN_RUNS)


def test_a_run_without_a_champion_leaves_a_closed_breaker_alone():
    breaker = _live(Breaker(), "01")
    assert after_run_without_champion(breaker) == breaker


def test_a_new_champion_starts_clean():
    assert after_promotion() == Breaker()


@given(st.lists(st.booleans(), max_size=40))
def test_it_is_open_exactly_when_the_window_says_so(runs):
    breaker, window = Breaker(), []
    for bad in runs:
        if breaker.position is not BreakerPosition.CLOSED:
            break
        breaker = after_champion_run(breaker, is_bad=bad)
        window = [*window, bad][-5:]
        assert (breaker.position is BreakerPosition.OPEN) == (sum(window) >= 3)
        assert len(breaker.recent) <= 5


@given(st.lists(st.booleans(), max_size=5).map(tuple))
def test_the_stored_form_comes_back(recent):
    assert from_text(to_text(recent)) == recent
