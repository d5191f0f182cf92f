"""Machines: known status, sane capacity, setups and speed, a calendar that exists."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from expectations.facts import PlantFacts, TableShape
from expectations.vocabulary import column_suite, holds, is_first_of_its_key, quarantine, stop, warn

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

SHAPE = TableShape(
    table="machines",
    key=("machine_id",),
    needed=("machine_id", "machine_type", "capacity", "setup_time_same", "setup_time_different", "status"),
    optional=("calendar_id", "speed_factor", "current_setup_family"),
    numbers=("capacity", "setup_time_same", "setup_time_different", "speed_factor"),
    upper=("status",),
    is_needed=True,
)
STATUSES = ["ACTIVE", "INACTIVE", "RETIRED"]
MAX_SETUP_MINUTES = 2880


def prepare(facts: PlantFacts) -> pd.DataFrame:
    """Return the machines with the columns that the rules across rows need."""
    machines = facts.frames[SHAPE.table].copy()
    machines["_is_unique"] = is_first_of_its_key(machines, SHAPE.key)
    machines["_is_whole_capacity"] = machines["capacity"].isna() | (machines["capacity"] % 1 == 0)
    machines["_has_calendar"] = machines["calendar_id"].isna() | machines["calendar_id"].isin(
        facts.calendar_ids
    )
    machines["_setups_in_order"] = ~(machines["setup_time_same"] > machines["setup_time_different"])
    machines["_n_active"] = float((machines["status"] == "ACTIVE").sum())
    return machines


def suite(facts: PlantFacts) -> list[Expectation]:
    """Return the rules."""
    import great_expectations.expectations as gxe

    return [
        *column_suite(SHAPE),
        holds("_is_unique", quarantine("machine_duplicate", "one row per machine", column="machine_id")),
        gxe.ExpectColumnMinToBeBetween(
            column="_n_active",
            min_value=1,
            **stop("no_active_machine", "at least one machine is ACTIVE", column="status"),
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="status",
            value_set=STATUSES,
            **quarantine("machine_status_unknown", f"one of {', '.join(STATUSES)}"),
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="capacity",
            min_value=1,
            max_value=100,
            **quarantine("capacity_out_of_range", "1 to 100 slots"),
        ),
        holds(
            "_is_whole_capacity",
            quarantine("capacity_not_whole", "a whole number of slots", column="capacity"),
        ),
        *(
            gxe.ExpectColumnValuesToBeBetween(
                column=column,
                min_value=0,
                max_value=MAX_SETUP_MINUTES,
                **quarantine(f"{column}_out_of_range", f"0 to {MAX_SETUP_MINUTES} minutes"),
            )
            for column in ("setup_time_same", "setup_time_different")
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="speed_factor",
            min_value=0,
            strict_min=True,
            max_value=10,
            **quarantine("speed_factor_out_of_range", "above 0, at most 10"),
        ),
        holds("_has_calendar", warn("machine_calendar_unknown", "its calendar exists", column="calendar_id")),
        holds(
            "_setups_in_order",
            warn("setups_inverted", "a setup within a family is not longer", column="setup_time_same"),
        ),
    ]
