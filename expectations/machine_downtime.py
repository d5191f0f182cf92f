"""Downtime: a machine that exists, an end after the start, a known kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from expectations.facts import PlantFacts, TableShape
from expectations.vocabulary import column_suite, holds, is_first_of_its_key, quarantine, warn

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

SHAPE = TableShape(
    table="machine_downtime",
    key=("downtime_id",),
    needed=("downtime_id", "machine_id", "start_time", "kind"),
    expected=("end_time",),
    optional=("reason",),
    numbers=("downtime_id",),
    instants=("start_time", "end_time"),
)
KINDS = ["planned", "breakdown"]
LONG = pd.Timedelta(days=60)


def prepare(facts: PlantFacts) -> pd.DataFrame:
    """Return the downtime with the columns that the rules across rows need."""
    downtime = facts.frames[SHAPE.table].copy()
    is_endless = downtime["end_time"].isna() & downtime["start_time"].notna()
    last = downtime["end_time"].fillna(facts.as_of)
    downtime["_is_unique"] = is_first_of_its_key(downtime, SHAPE.key)
    downtime["_has_machine"] = downtime["machine_id"].isna() | downtime["machine_id"].isin(facts.machine_ids)
    downtime["_ends_after_start"] = ~(downtime["end_time"] <= downtime["start_time"])
    downtime["_is_short"] = ~(last - downtime["start_time"] > LONG)
    downtime["_is_bounded"] = ~(is_endless & (downtime["kind"] == "planned"))
    return downtime


def suite(facts: PlantFacts) -> list[Expectation]:
    """Return the rules."""
    import great_expectations.expectations as gxe

    return [
        *column_suite(SHAPE),
        holds("_is_unique", quarantine("downtime_duplicate", "one row per downtime", column="downtime_id")),
        holds(
            "_has_machine", quarantine("downtime_machine_unknown", "its machine exists", column="machine_id")
        ),
        holds(
            "_ends_after_start", quarantine("downtime_ends_before_start", "it ends later", column="end_time")
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="kind",
            value_set=KINDS,
            **quarantine("downtime_kind_unknown", f"one of {', '.join(KINDS)}"),
        ),
        holds("_is_short", warn("downtime_long", f"it lasts at most {LONG.days} days", column="end_time")),
        holds(
            "_is_bounded",
            warn("maintenance_without_end", "planned maintenance has an end", column="end_time"),
        ),
    ]
