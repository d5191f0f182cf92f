"""Arithmetic on open stretches, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopfloor.domain.errors import InvalidCalendar
from shopfloor.domain.open_time import OpenTime

# regular 10-20, overtime 20-30, closed, night 40-50, regular 60-70
SHIFT = OpenTime.of([(10, 20, 0), (20, 30, 1), (40, 50, 2), (60, 70, 0)])


def rows(open_time: OpenTime) -> list[tuple[int, int, int]]:
    return list(
        zip(open_time.starts.tolist(), open_time.ends.tolist(), open_time.kinds.tolist(), strict=True)
    )


@pytest.mark.parametrize(
    ("t", "work", "level", "end"),
    [
        (0, 10, 0, 20),  # fills the first stretch: ends with it, not at the next start
        (0, 11, 0, 61),  # one minute more waits for the next regular stretch
        (0, 11, 1, 21),  # with overtime it goes on
        (15, 20, 2, 45),
        (25, 5, 0, 65),  # closed at its level: begins at 60
        (65, 5, 0, 70),
        (65, 6, 0, -1),
        (70, 1, 2, -1),
        (0, 0, 0, 10),
    ],
)
def test_work_pauses_over_closed_time(t, work, level, end):
    assert SHIFT.advance(t, work, level) == end


@pytest.mark.parametrize(
    ("t", "work", "level", "start"),
    [(0, 10, 0, 10), (0, 11, 0, -1), (0, 20, 1, 10), (11, 20, 1, -1), (12, 10, 0, 60), (0, 21, 2, -1)],
)
def test_a_fit_runs_through_stretches_that_touch_and_never_pauses(t, work, level, start):
    assert SHIFT.fits(t, work, level) == start


def test_minutes_are_counted_by_the_window_they_are_worked_in():
    assert SHIFT.minutes_by_kind(15, 65, 2) == (10, 10, 10)
    assert SHIFT.minutes_by_kind(15, 65, 1) == (10, 10, 0)
    assert SHIFT.minutes_by_kind(15, 65, 0) == (10, 0, 0)


def test_a_level_opens_its_own_and_all_cheaper_windows():
    assert rows(SHIFT.at_level(0)) == [(10, 20, 0), (60, 70, 0)]
    assert rows(SHIFT.at_level(1)) == [(10, 20, 0), (20, 30, 1), (60, 70, 0)]


def test_closures_cut_stretches_and_may_overlap():
    assert rows(SHIFT.without([(25, 45), (12, 14), (40, 48)])) == [
        (10, 12, 0),
        (14, 20, 0),
        (20, 25, 1),
        (48, 50, 2),
        (60, 70, 0),
    ]


def test_closing_everything_leaves_nothing_open():
    closed = SHIFT.without([(0, 100)])
    assert rows(closed) == []
    assert (closed.next_open(0, 2), closed.advance(0, 1, 2), closed.fits(0, 1, 2)) == (-1, -1, -1)
    assert closed.work_between(0, 100, 2) == 0


def test_a_block_ends_where_the_machine_closes():
    assert SHIFT.block_end(12, 1) == 30
    assert SHIFT.block_end(12, 0) == 20
    assert SHIFT.block_end(35, 2) == 35


def test_pieces_are_clipped_to_the_interval():
    assert SHIFT.pieces(15, 45, 2) == ((15, 20, 0), (20, 30, 1), (40, 45, 2))


@pytest.mark.parametrize(
    ("stretches", "message"),
    [
        ([(5, 5, 0)], "ends before it starts: 5-5"),
        ([(0, 10, 0), (9, 12, 0)], "one ends at 10, the next starts at 9"),
    ],
)
def test_impossible_stretches_are_refused(stretches, message):
    with pytest.raises(InvalidCalendar, match=message):
        OpenTime.of(stretches)


@given(st.lists(st.tuples(st.integers(-20, 100), st.integers(0, 60)), max_size=5))
def test_what_closures_take_away_and_what_they_leave_are_together_the_whole(spans):
    closures = [(start, start + length) for start, length in spans]
    left, taken = SHIFT.without(closures), SHIFT.within(closures)
    assert rows(left.and_also(taken)) == rows(SHIFT)
    for minute in range(120):
        is_closed = any(start <= minute < end for start, end in closures)
        assert taken.is_open(minute, 2) == (is_closed and SHIFT.is_open(minute, 2))


def test_a_closure_that_ends_before_it_starts_is_refused():
    with pytest.raises(InvalidCalendar, match="20-10"):
        SHIFT.without([(20, 10)])


@given(
    st.lists(st.integers(1, 50), min_size=2, max_size=40),
    st.integers(0, 500),
    st.integers(1, 300),
    st.integers(0, 2),
)
def test_advance_gives_back_exactly_the_work_it_was_given(gaps, t, work, level):
    edges = np.cumsum(gaps[: len(gaps) // 2 * 2])
    open_time = OpenTime.of((int(a), int(b), k % 3) for k, (a, b) in enumerate(edges.reshape(-1, 2)))
    end = open_time.advance(t, work, level)
    if end != -1:
        assert open_time.work_between(t, end, level) == work
        assert open_time.work_between(t, end - 1, level) == work - 1
