"""Calendars become minutes: hand-worked days, and a brute-force grid over both clock changes."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.minute_grid import CLOSED, MinuteGrid, kinds_of_minutes, wall_clock

from shopfloor.domain.calendar import (
    DayWindow,
    OpenTime,
    WindowKind,
    WorkCalendar,
    expand,
    plant_default_calendar,
)
from shopfloor.domain.errors import InvalidCalendar

ZONE = "Europe/Berlin"
SPRING = datetime(2026, 3, 27, tzinfo=UTC)  # a Friday; the clock jumps on Sunday 29
AUTUMN = datetime(2026, 10, 23, tzinfo=UTC)  # a Friday; the clock is set back on Sunday 25
DAYS = 3
MINUTES = DAYS * 1440
REGULAR, OVERTIME, NIGHT = WindowKind.REGULAR, WindowKind.OVERTIME, WindowKind.NIGHT


def every_day(*windows: DayWindow) -> WorkCalendar:
    return WorkCalendar("test", dict.fromkeys(range(7), windows))


def stretches(open_time: OpenTime, epoch: datetime) -> list[str]:
    rows = zip(open_time.starts.tolist(), open_time.ends.tolist(), open_time.kinds.tolist(), strict=True)
    show = lambda minute: (epoch + timedelta(minutes=minute)).strftime("%d %H:%M")  # noqa: E731
    return [f"{show(a)}-{show(b)} {WindowKind(kind).name}" for a, b, kind in rows]


def on_days(calendar: WorkCalendar, epoch: datetime, days: int = 3, zone: str = ZONE) -> list[str]:
    return stretches(expand(calendar, zone=zone, epoch=epoch, start=0, end=days * 1440), epoch)


def test_a_0630_shift_starts_at_0630_local_before_on_and_after_the_spring_change():
    shift = every_day(DayWindow(390, 480))
    assert on_days(shift, SPRING) == [
        "27 05:30-27 07:00 REGULAR",
        "28 05:30-28 07:00 REGULAR",
        "29 04:30-29 06:00 REGULAR",
    ]


def test_a_0630_shift_starts_at_0630_local_before_on_and_after_the_autumn_change():
    shift = every_day(DayWindow(390, 480))
    assert on_days(shift, AUTUMN) == [
        "23 04:30-23 06:00 REGULAR",
        "24 04:30-24 06:00 REGULAR",
        "25 05:30-25 07:00 REGULAR",
    ]


@pytest.mark.parametrize(("epoch", "hours"), [(SPRING, 7), (AUTUMN, 9)])
def test_a_night_shift_over_the_change_has_its_true_length(epoch, hours):
    night = every_day(DayWindow(22 * 60, 1440), DayWindow(0, 6 * 60))
    open_time = expand(night, zone=ZONE, epoch=epoch, start=0, end=MINUTES)
    assert int(open_time.ends[2] - open_time.starts[2]) == hours * 60


def test_a_window_inside_the_missing_hour_does_not_exist():
    assert on_days(every_day(DayWindow(120, 180)), SPRING) == [
        "27 01:00-27 02:00 REGULAR",
        "28 01:00-28 02:00 REGULAR",
    ]


def test_a_window_that_begins_in_the_missing_hour_begins_after_it():
    assert on_days(every_day(DayWindow(150, 240)), SPRING)[-1] == "29 01:00-29 02:00 REGULAR"


def test_windows_that_touch_inside_the_repeated_hour_touch_in_time():
    two = every_day(DayWindow(60, 150, NIGHT), DayWindow(150, 240))
    assert on_days(two, AUTUMN)[-2:] == ["24 23:00-25 00:30 NIGHT", "25 00:30-25 03:00 REGULAR"]


def test_the_cheapest_kind_wins_where_windows_overlap():
    overlap = every_day(DayWindow(360, 840), DayWindow(720, 1080, OVERTIME))
    assert on_days(overlap, AUTUMN, 1, "UTC") == ["23 06:00-23 14:00 REGULAR", "23 14:00-23 18:00 OVERTIME"]


def test_stretches_of_one_kind_merge_over_midnight():
    around = every_day(DayWindow(0, 120, NIGHT), DayWindow(1320, 1440, NIGHT))
    assert on_days(around, AUTUMN, 2, "UTC") == [
        "23 00:00-23 02:00 NIGHT",
        "23 22:00-24 02:00 NIGHT",
        "24 22:00-25 00:00 NIGHT",
    ]


def test_an_exception_replaces_its_whole_date():
    calendar = WorkCalendar(
        "test",
        dict.fromkeys(range(7), (DayWindow(480, 960),)),
        {date(2026, 10, 23): (), date(2026, 10, 24): (DayWindow(600, 660),)},
    )
    assert on_days(calendar, AUTUMN, 2, "UTC") == ["24 10:00-24 11:00 REGULAR"]


def test_the_default_week_has_a_break_overtime_and_a_night_that_ends_on_saturday():
    monday = datetime(2026, 3, 2, tzinfo=UTC)
    rows = on_days(plant_default_calendar(), monday, 7, "UTC")
    assert rows[:5] == [
        "02 06:30-02 12:00 REGULAR",
        "02 13:00-02 17:30 REGULAR",
        "02 17:30-02 22:00 OVERTIME",
        "02 22:00-03 02:00 NIGHT",
        "03 06:30-03 12:00 REGULAR",
    ]
    assert rows[-1] == "06 22:00-07 02:00 NIGHT"
    assert len(rows) == 5 * 4


def test_expansion_is_clipped_to_the_minutes_asked_for():
    open_time = expand(every_day(DayWindow(480, 960)), zone="UTC", epoch=AUTUMN, start=500, end=520)
    assert (open_time.starts.tolist(), open_time.ends.tolist()) == ([500], [520])


def test_a_zone_that_skipped_a_whole_date_has_no_shift_on_it():
    samoa = datetime(2011, 12, 29, tzinfo=UTC)
    rows = on_days(every_day(DayWindow(480, 540)), samoa, 3, "Pacific/Apia")
    assert rows == ["29 18:00-29 19:00 REGULAR", "30 18:00-30 19:00 REGULAR", "31 18:00-31 19:00 REGULAR"]


def test_a_naive_epoch_is_refused():
    with pytest.raises(InvalidCalendar, match="no time zone"):
        expand(every_day(), zone="UTC", epoch=datetime(2026, 1, 1), start=0, end=10)  # noqa: DTZ001


def test_a_window_past_midnight_is_refused_with_a_hint():
    with pytest.raises(InvalidCalendar, match="two rows"):
        DayWindow(1320, 120)


@cache
def walls(epoch: datetime) -> list[datetime]:
    return wall_clock(ZONE, epoch, MINUTES)


def windows() -> st.SearchStrategy[tuple[DayWindow, ...]]:
    edge = st.one_of(st.sampled_from([0, 60, 120, 150, 180, 390, 1320, 1440]), st.integers(0, 1440))
    window = st.tuples(edge, edge, st.sampled_from(list(WindowKind))).filter(lambda w: w[0] < w[1])
    return st.lists(window.map(lambda w: DayWindow(*w)), max_size=4).map(tuple)


@st.composite
def calendars(draw: st.DrawFn) -> WorkCalendar:
    weekly = draw(st.dictionaries(st.integers(0, 6), windows(), max_size=7))
    days = st.sampled_from([date(2026, 3, 28), date(2026, 3, 29), date(2026, 10, 25), date(2026, 10, 26)])
    return WorkCalendar("any", weekly, draw(st.dictionaries(days, windows(), max_size=2)))


@settings(max_examples=170)
@given(
    calendar=calendars(),
    epoch=st.sampled_from([SPRING, AUTUMN]),
    closures=st.lists(st.tuples(st.integers(-100, MINUTES), st.integers(0, 900)), max_size=4),
    seed=st.integers(0, 2**31),
)
def test_open_time_agrees_with_a_grid_of_minutes(calendar, epoch, closures, seed):
    kinds = kinds_of_minutes(calendar, walls(epoch))
    downtime = [(start, start + length) for start, length in closures]
    for start, end in downtime:
        kinds[max(start, 0) : max(end, 0)] = [CLOSED] * (min(end, MINUTES) - max(start, 0) if end > 0 else 0)
    grid = MinuteGrid(kinds)
    open_time = expand(calendar, zone=ZONE, epoch=epoch, start=0, end=MINUTES).without(downtime)
    dice = random.Random(seed)
    for _ in range(12):
        level, work = dice.randrange(3), dice.choice((1, dice.randrange(1, 200), dice.randrange(1, 3000)))
        edges = [*open_time.starts.tolist(), *open_time.ends.tolist(), 0, MINUTES]
        t = dice.choice((dice.randrange(-200, MINUTES + 200), dice.choice(edges) + dice.randrange(-1, 2)))
        b = t + dice.randrange(-50, 3000)
        assert open_time.next_open(t, level) == grid.next_open(t, level)
        assert open_time.is_open(t, level) == grid.is_open(t, level)
        assert open_time.advance(t, work, level) == grid.advance(t, work, level)
        assert open_time.work_between(t, b, level) == grid.work_between(t, b, level)
        assert open_time.fits(t, work, level) == grid.fits(t, work, level)
