"""A plant that is moved by weeks keeps its wall clock, its weekdays and its calibration."""

from datetime import UTC, datetime

import pandas as pd

from shopfloor.twin.shift import shift_weeks, weeks_between

ZONE = "Europe/Berlin"


def test_a_shift_begins_at_the_same_wall_time_on_the_other_side_of_a_clock_change() -> None:
    summer = pd.DataFrame({"start_time": pd.to_datetime(["2026-06-01 04:30", None])})
    winter = shift_weeks({"t": summer}, 24, ZONE)["t"]
    assert winter["start_time"][0] == pd.Timestamp("2026-11-16 05:30")
    assert pd.isna(winter["start_time"][1])


def test_dates_move_by_days_alone() -> None:
    frame = pd.DataFrame({"lcd_date": pd.to_datetime(["2026-10-20"])})
    assert shift_weeks({"t": frame}, 1, ZONE)["t"]["lcd_date"][0] == pd.Timestamp("2026-10-27")


def test_weeks_are_counted_on_the_wall_clock() -> None:
    assert (
        weeks_between(
            datetime(2026, 6, 1, 3, 30, tzinfo=UTC), datetime(2026, 11, 16, 4, 30, tzinfo=UTC), ZONE
        )
        == 24
    )
    assert (
        weeks_between(
            datetime(2026, 6, 1, 3, 30, tzinfo=UTC), datetime(2026, 11, 17, 4, 30, tzinfo=UTC), ZONE
        )
        is None
    )
