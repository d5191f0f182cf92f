"""Calendar exceptions: a real date of a calendar that exists, closed all day or open with its own window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from expectations.facts import WINDOW_KINDS, PlantFacts, TableShape
from expectations.machine_calendars import clock_minutes, clock_rules, overlaps_earlier
from expectations.vocabulary import column_suite, holds, is_first_of_its_key, quarantine

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

SHAPE = TableShape(
    table="calendar_exceptions",
    key=("exception_id",),
    needed=("exception_id", "calendar_id", "exception_date"),
    expected=("start_time", "end_time", "kind"),
    optional=("reason",),
    numbers=("exception_id",),
    instants=("exception_date",),
)


def prepare(facts: PlantFacts) -> pd.DataFrame:
    """Return the exceptions with the columns that the rules across rows need."""
    days = facts.frames[SHAPE.table].copy()
    starts, ends = clock_minutes(days["start_time"]), clock_minutes(days["end_time"])
    has_window = days["start_time"].notna()
    # A calendar may be a machine's, a type's or the default, also one without weekly windows of its own.
    calendars = facts.calendar_ids | facts.machine_types | facts.known("machines", "calendar_id")
    days["_is_unique"] = is_first_of_its_key(days, SHAPE.key)
    days["_is_whole"] = (has_window == days["end_time"].notna()) & (~has_window | days["kind"].notna())
    days["_ends_after_start"] = ~(ends <= starts)
    days["_is_apart"] = ~overlaps_earlier(days, ["calendar_id", "exception_date"], starts=starts, ends=ends)
    days["_has_calendar"] = days["calendar_id"].isna() | days["calendar_id"].isin(calendars)
    return days


def suite(facts: PlantFacts) -> list[Expectation]:
    """Return the rules."""
    import great_expectations.expectations as gxe

    return [
        *column_suite(SHAPE),
        holds(
            "_is_unique", quarantine("exception_duplicate", "one row per exception", column="exception_id")
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="exception_date",
            min_value=pd.Timestamp(2000, 1, 1),
            max_value=facts.as_of + pd.DateOffset(years=10),
            **quarantine("exception_date_implausible", "between 2000 and ten years ahead"),
        ),
        *clock_rules("start_time", "end_time"),
        gxe.ExpectColumnValuesToBeInSet(
            column="kind",
            value_set=list(WINDOW_KINDS),
            **quarantine("exception_kind_unknown", f"one of {', '.join(WINDOW_KINDS)}"),
        ),
        holds(
            "_is_whole",
            quarantine("exception_incomplete", "start, end and kind, or none of them", column="end_time"),
        ),
        holds(
            "_ends_after_start", quarantine("exception_ends_before_start", "it ends later", column="end_time")
        ),
        holds(
            "_is_apart",
            quarantine("exception_overlap", "windows of a date do not overlap", column="start_time"),
        ),
        holds(
            "_has_calendar",
            quarantine("exception_calendar_unknown", "its calendar exists", column="calendar_id"),
        ),
    ]
