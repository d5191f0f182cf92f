"""Weekly calendars: windows that exist, end after they start, and do not overlap."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from expectations.facts import WINDOW_KINDS, PlantFacts, TableShape
from expectations.vocabulary import column_suite, holds, is_first_of_its_key, quarantine, warn

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

SHAPE = TableShape(
    table="machine_calendars",
    key=("calendar_id", "weekday", "start_time"),
    needed=("calendar_id", "weekday", "start_time", "end_time", "kind"),
    numbers=("weekday",),
)
CLOCK = r"^([01]\d|2[0-3]):[0-5]\d(:00)?$|^24:00(:00)?$"


def prepare(facts: PlantFacts) -> pd.DataFrame:
    """Return the windows with the columns that the rules across rows need."""
    windows = facts.frames[SHAPE.table].copy()
    starts, ends = clock_minutes(windows["start_time"]), clock_minutes(windows["end_time"])
    windows["_is_unique"] = is_first_of_its_key(windows, SHAPE.key)
    windows["_ends_after_start"] = ~(ends <= starts)
    windows["_is_apart"] = ~overlaps_earlier(windows, ["calendar_id", "weekday"], starts=starts, ends=ends)
    has_regular = windows["calendar_id"].isin(windows.loc[windows["kind"] == "regular", "calendar_id"])
    windows["_has_regular"] = has_regular | windows["calendar_id"].isna()
    return windows


def suite(facts: PlantFacts) -> list[Expectation]:
    """Return the rules."""
    import great_expectations.expectations as gxe

    return [
        *column_suite(SHAPE),
        holds("_is_unique", quarantine("window_duplicate", "one window per start", column="start_time")),
        gxe.ExpectColumnValuesToBeInSet(
            column="weekday",
            value_set=[float(day) for day in range(7)],
            **quarantine("weekday_out_of_range", "0 = Monday to 6 = Sunday"),
        ),
        *clock_rules("start_time", "end_time"),
        gxe.ExpectColumnValuesToBeInSet(
            column="kind",
            value_set=list(WINDOW_KINDS),
            **quarantine("window_kind_unknown", f"one of {', '.join(WINDOW_KINDS)}"),
        ),
        holds(
            "_ends_after_start",
            quarantine(
                "window_ends_before_start",
                "past midnight is two windows, to 24:00 and from 00:00",
                column="end_time",
            ),
        ),
        holds(
            "_is_apart",
            quarantine("window_overlap", "windows of a weekday do not overlap", column="start_time"),
        ),
        holds(
            "_has_regular",
            warn("calendar_without_regular_time", "a calendar has regular time", column="kind"),
        ),
    ]


def clock_rules(*columns: str) -> list[Expectation]:
    """Return the rule that each column is a time of day."""
    import great_expectations.expectations as gxe

    return [
        gxe.ExpectColumnValuesToMatchRegex(
            column=column,
            regex=CLOCK,
            **quarantine(f"{column}_not_a_clock_time", "HH:MM from 00:00 to 24:00"),
        )
        for column in columns
    ]


def clock_minutes(clock: pd.Series) -> pd.Series:
    """Return HH:MM as minutes of the day; missing where it is not a time of day."""
    text = clock.where(clock.astype(str).str.match(CLOCK)).astype("str")
    return pd.to_numeric(text.str[:2], errors="coerce") * 60 + pd.to_numeric(text.str[3:5], errors="coerce")


def overlaps_earlier(
    frame: pd.DataFrame, group: list[str], *, starts: pd.Series, ends: pd.Series
) -> pd.Series:
    """Return per row whether it starts before an earlier row of its group has ended; touching is apart."""
    work = frame[group].assign(start=starts, end=ends).dropna().sort_values(["start", "end"], kind="stable")
    latest = work.groupby(group)["end"].transform(lambda end: end.cummax().shift())
    return (work["start"] < latest).reindex(frame.index, fill_value=False)
