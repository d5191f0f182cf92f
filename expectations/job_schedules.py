"""What was really run: machines and times that can be, no more at once than a machine can do.

A wrong past is set aside or noted. Only what seems to run now touches a plan: of more running operations
than a machine has slots the last started count, the others were never booked out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from expectations.facts import PlantFacts, TableShape
from expectations.machines import MAX_SETUP_MINUTES
from expectations.production_jobs import MAX_HOURS
from expectations.vocabulary import column_suite, holds, is_first_of_its_key, quarantine, warn

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

SHAPE = TableShape(
    table="job_schedules",
    key=("schedule_id",),
    needed=("schedule_id", "job_id", "machine_id", "start_time"),
    expected=("end_time",),
    optional=("scheduled_date", "setup_minutes", "processing_time", "overtime_minutes"),
    numbers=("schedule_id", "setup_minutes", "processing_time", "overtime_minutes"),
    instants=("start_time", "end_time", "scheduled_date"),
)
LONG = pd.Timedelta(days=90)


def prepare(facts: PlantFacts) -> pd.DataFrame:
    """Return the actuals with the columns that the rules across rows need."""
    actuals = facts.frames[SHAPE.table].copy()
    operations = facts.known("production_jobs", "job_id")
    row_id = actuals["job_id"].astype("str").str.partition("#")[0]
    actuals["_is_unique"] = is_first_of_its_key(actuals, SHAPE.key)
    actuals["_has_machine"] = actuals["machine_id"].isna() | actuals["machine_id"].isin(facts.machine_ids)
    actuals["_has_operation"] = actuals["job_id"].isna() | row_id.isin(operations)
    actuals["_ends_after_start"] = ~(actuals["end_time"] < actuals["start_time"])
    actuals["_is_short"] = ~(actuals["end_time"].fillna(facts.as_of) - actuals["start_time"] > LONG)
    actuals["_has_slot"] = has_slot(actuals, facts)
    actuals["_runs_once"] = runs_once(actuals)
    actuals["_is_apart"] = is_apart(actuals, facts)
    return actuals


def suite(facts: PlantFacts) -> list[Expectation]:
    """Return the rules."""
    import great_expectations.expectations as gxe

    return [
        *column_suite(SHAPE),
        holds("_is_unique", quarantine("schedule_id_duplicate", "one row per actual", column="schedule_id")),
        holds(
            "_has_machine", quarantine("actual_machine_unknown", "its machine exists", column="machine_id")
        ),
        holds(
            "_has_operation",
            warn("actual_operation_unknown", "its operation is in the order book", column="job_id"),
        ),
        holds(
            "_ends_after_start", quarantine("actual_ends_before_start", "it ends later", column="end_time")
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="start_time",
            min_value=pd.Timestamp(2000, 1, 1),
            **quarantine("actual_start_implausible", "in 2000 or later"),
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="start_time",
            max_value=facts.as_of + pd.Timedelta(hours=1),
            **warn("actual_in_the_future", "it has begun"),
        ),
        holds("_is_short", warn("actual_long", f"it lasts at most {LONG.days} days", column="end_time")),
        gxe.ExpectColumnValuesToBeBetween(
            column="setup_minutes",
            min_value=0,
            max_value=MAX_SETUP_MINUTES,
            **quarantine("actual_setup_out_of_range", f"0 to {MAX_SETUP_MINUTES} minutes"),
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="processing_time",
            min_value=0,
            max_value=MAX_HOURS,
            strict_max=True,
            **quarantine("actual_hours_out_of_range", f"0 to {MAX_HOURS} h"),
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="overtime_minutes", min_value=0, **warn("actual_overtime_negative", "0 or more minutes")
        ),
        holds(
            "_has_slot",
            quarantine(
                "too_many_running",
                "no more run on a machine than it has slots; the last started stay",
                column="machine_id",
            ),
        ),
        holds(
            "_runs_once",
            quarantine("running_twice", "an operation runs once; the last start stays", column="job_id"),
        ),
        holds(
            "_is_apart",
            warn("actual_overlap", "no more at once on a machine than it has slots", column="start_time"),
        ),
    ]


def has_slot(actuals: pd.DataFrame, facts: PlantFacts) -> pd.Series:
    """Return per row whether it is over, or among the last started that its machine has slots for."""
    running = actuals[actuals["end_time"].isna() & actuals["start_time"].notna() & actuals["_has_machine"]]
    newest_first = running.sort_values("start_time", ascending=False, kind="stable")
    rank = newest_first.groupby("machine_id").cumcount()
    is_extra = rank >= newest_first["machine_id"].map(slots(facts)).fillna(1)
    return ~is_extra.reindex(actuals.index, fill_value=False)


def runs_once(actuals: pd.DataFrame) -> pd.Series:
    """Return per row whether it is over, or the last start of its operation."""
    running = actuals[actuals["end_time"].isna() & actuals["job_id"].notna()]
    newest_first = running.sort_values("start_time", ascending=False, kind="stable")
    return ~newest_first.duplicated("job_id", keep="first").reindex(actuals.index, fill_value=False)


def is_apart(actuals: pd.DataFrame, facts: PlantFacts) -> pd.Series:
    """Return per ended row whether its machine had a slot free when it started."""
    ended = actuals[actuals["end_time"].notna() & (actuals["end_time"] > actuals["start_time"])]
    capacity = slots(facts)
    crowded = pd.Series(False, index=actuals.index)
    for machine_id, rows in ended.groupby("machine_id"):
        n_slots = int(capacity.get(str(machine_id), 1))
        rows = rows.sort_values("start_time", kind="stable")
        starts, ends = rows["start_time"].to_numpy(), rows["end_time"].sort_values().to_numpy()
        still_running = pd.Series(range(len(rows)), index=rows.index) - ends.searchsorted(
            starts, side="right"
        )
        crowded.loc[rows.index] = still_running >= n_slots
    return ~crowded


def slots(facts: PlantFacts) -> dict[str, float]:
    """Return the capacity of each machine, at least 1."""
    if "machines" not in facts.frames:
        return {}
    machines = facts.frames["machines"].dropna(subset=["machine_id"]).drop_duplicates("machine_id")
    return dict(zip(machines["machine_id"], machines["capacity"].fillna(1).clip(lower=1), strict=True))
