"""Operations still to be planned: everything that a plan is made from, and the rules across orders.

Finished operations have their own, milder suite in `production_jobs_closed.py`; both are rows of one table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from expectations.facts import CLOSED_STATUSES, OPEN_STATUSES, PlantFacts, TableShape
from expectations.routes import PROCESS_ORDER, has_own_place, has_predecessor, order_ids
from expectations.vocabulary import column_suite, holds, is_first_of_its_key, quarantine, stop, warn

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

SHAPE = TableShape(
    table="production_jobs",
    key=("job_id",),
    needed=(
        "job_id", "family_name", "process_order", "processing_time", "priority", "lcd_date", "machine_type",
        "status",
    ),
    expected=("plan_date",),
    optional=(
        "order_id", "created_at", "quantity", "lot_size", "material_ready_at", "actual_start",
        "remaining_minutes",
    ),
    numbers=("processing_time", "priority", "quantity", "lot_size", "remaining_minutes"),
    instants=("lcd_date", "plan_date", "created_at", "material_ready_at", "actual_start"),
    upper=("status",),
    is_needed=True,
)  # fmt: skip
MAX_HOURS = 2000
UNIT_FACTOR = 8.0
"""Minutes taken for hours are a factor of 60; an honest order book moves by less than this."""

MAX_CORRELATION = 0.3
"""Priority 5 is the most urgent: its slack is not clearly longer. Spearman's rank correlation."""

UNUSUAL_FACTOR = 20.0
MIN_HISTORY = 20


def prepare(facts: PlantFacts) -> pd.DataFrame:
    """Return all operations with the columns that the rules across rows need."""
    jobs = facts.frames[SHAPE.table].copy()
    hours = jobs["processing_time"] * facts.hours_per_unit
    order = order_ids(jobs)
    jobs["_hours"] = hours
    jobs["_is_unique"] = is_first_of_its_key(jobs, SHAPE.key)
    jobs["_has_own_place"] = has_own_place(jobs, is_unique=jobs["_is_unique"])
    jobs["_has_predecessor"] = has_predecessor(jobs)
    jobs["_is_whole_priority"] = jobs["priority"].isna() | (jobs["priority"] % 1 == 0)
    jobs["_is_released_in_time"] = ~(jobs["plan_date"] > jobs["lcd_date"])
    jobs["_has_one_due_date"] = ~(jobs["lcd_date"].groupby(order).transform("nunique") > 1)
    jobs["_is_usual_time"] = is_usual_time(jobs)
    jobs["_has_machine"] = has_machine(jobs, facts)
    has_ended = jobs["job_id"].isin(ended_operations(facts))
    jobs["_is_not_ended"] = ~has_ended | (jobs["remaining_minutes"] > 0)
    jobs["_is_ended_if_said"] = has_ended | (jobs["status"] != "COMPLETED")
    jobs["_is_running_if_said"] = ~(jobs["status"] == "IN_PROGRESS") | jobs["job_id"].isin(
        facts.known("job_schedules", "job_id")
    )
    jobs["_priority_slack_correlation"] = priority_slack_correlation(jobs[facts.is_open])
    jobs["_n_open"] = float(facts.is_open.sum())
    return jobs


def suite(facts: PlantFacts) -> list[Expectation]:
    """Return the rules of open operations."""
    import great_expectations.expectations as gxe

    least, most = usual_hours(facts)
    return [
        *column_suite(SHAPE),
        holds("_is_unique", quarantine("job_id_duplicate", "one row per operation", column="job_id")),
        gxe.ExpectColumnValuesToBeInSet(
            column="status",
            value_set=[*OPEN_STATUSES, *CLOSED_STATUSES],
            **quarantine("status_unknown", f"one of {', '.join((*OPEN_STATUSES, *CLOSED_STATUSES))}"),
        ),
        *time_rules(facts, least, most),
        *date_rules(facts),
        *route_rules(),
        gxe.ExpectColumnValuesToBeBetween(
            column="priority",
            min_value=1,
            max_value=5,
            **quarantine("priority_out_of_range", "1 to 5, 5 is the most urgent"),
        ),
        holds("_is_whole_priority", quarantine("priority_not_whole", "a whole number", column="priority")),
        gxe.ExpectColumnMaxToBeBetween(
            column="_priority_slack_correlation",
            max_value=MAX_CORRELATION,
            **warn(
                "priority_inverted", "5 is the most urgent: it has no longer slack than 1", column="priority"
            ),
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="machine_type",
            value_set=sorted(facts.machine_types),
            **quarantine("machine_type_unknown", "some machine is of that type"),
        ),
        holds("_has_machine", warn("no_machine_left", "an ACTIVE machine may run it", column="machine_type")),
        *(
            gxe.ExpectColumnValuesToBeBetween(
                column=column,
                min_value=least_value,
                max_value=most_value,
                **quarantine(f"{column}_out_of_range", f"{least_value} to {most_value}"),
            )
            for column, least_value, most_value in (
                ("quantity", 1, 10_000_000),
                ("lot_size", 1, 10_000_000),
                ("remaining_minutes", 0, MAX_HOURS * 60),
            )
        ),
        holds(
            "_is_not_ended",
            warn("open_but_ended", "an operation with an actual end is not open", column="status"),
        ),
        holds(
            "_is_running_if_said",
            warn(
                "in_progress_without_start", "an operation in progress has an actual start", column="status"
            ),
        ),
    ]


def book_rules() -> list[Expectation]:
    """Return the rules of the order book as a whole."""
    import great_expectations.expectations as gxe

    return [
        gxe.ExpectColumnMinToBeBetween(
            column="_n_open",
            min_value=1,
            **warn("no_open_operation", "at least one operation is still to be planned", column="status"),
        )
    ]


def time_rules(facts: PlantFacts, least: float | None, most: float | None) -> list[Expectation]:
    """Return the rules of processing times; the units are judged against what was really worked."""
    import great_expectations.expectations as gxe

    rules: list[Expectation] = [
        gxe.ExpectColumnValuesToBeBetween(
            column="_hours",
            min_value=0,
            strict_min=True,
            max_value=MAX_HOURS,
            strict_max=True,
            **quarantine(
                "processing_time_out_of_range", f"above 0 and below {MAX_HOURS} h", column="processing_time"
            ),
        ),
        holds(
            "_is_usual_time",
            warn(
                "processing_time_unusual",
                f"within a factor of {UNUSUAL_FACTOR:.0f} of the same step of its family",
                column="processing_time",
            ),
        ),
    ]
    if least is not None:
        rules.append(
            gxe.ExpectColumnMedianToBeBetween(
                column="_hours",
                min_value=least,
                max_value=most,
                **stop(
                    "processing_time_unit",
                    "the median is near that of the work done: hours, not minutes",
                    column="processing_time",
                ),
            )
        )
    return rules


def date_rules(facts: PlantFacts) -> list[Expectation]:
    """Return the rules of due, plan and creation dates."""
    import great_expectations.expectations as gxe

    oldest, newest = pd.Timestamp(2000, 1, 1), facts.as_of + pd.DateOffset(years=5)
    return [
        *(
            gxe.ExpectColumnValuesToBeBetween(
                column=column,
                min_value=oldest,
                max_value=newest,
                **quarantine(f"{column}_implausible", "between 2000 and five years ahead"),
            )
            for column in ("lcd_date", "plan_date", "material_ready_at")
        ),
        gxe.ExpectColumnValuesToNotBeNull(
            column="plan_date", **warn("plan_date_missing", "without it the order may start now")
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="created_at",
            min_value=oldest,
            max_value=facts.as_of + pd.Timedelta(days=1),
            **warn("created_at_implausible", "between 2000 and now"),
        ),
        holds(
            "_is_released_in_time",
            warn("plan_date_after_lcd_date", "released before it is due", column="plan_date"),
        ),
        holds(
            "_has_one_due_date",
            warn("due_dates_differ", "the operations of an order share a due date", column="lcd_date"),
        ),
    ]


def route_rules() -> list[Expectation]:
    """Return the rules of an order's route."""
    import great_expectations.expectations as gxe

    return [
        gxe.ExpectColumnValuesToMatchRegex(
            column="process_order",
            regex=PROCESS_ORDER,
            **quarantine("process_order_unreadable", "P and a number, as P01"),
        ),
        holds(
            "_has_own_place",
            quarantine(
                "process_order_duplicate", "one operation per step of an order", column="process_order"
            ),
        ),
        holds(
            "_has_predecessor",
            quarantine("process_order_gap", "no step is missing before it", column="process_order"),
        ),
    ]


def usual_hours(facts: PlantFacts) -> tuple[float | None, float | None]:
    """Return the least and most plausible median of open processing times, hours; None without history."""
    done = facts.frames.get("job_schedules")
    hours = done["processing_time"].dropna() if done is not None else pd.Series(dtype="float64")
    hours = hours[hours > 0]
    if len(hours) < MIN_HISTORY:
        return None, None
    median = float(hours.median())
    return median / UNIT_FACTOR, median * UNIT_FACTOR


def is_usual_time(jobs: pd.DataFrame) -> pd.Series:
    """Return per operation whether its time is near the median of 4 or more like it."""
    per_piece = jobs["processing_time"] / jobs["quantity"].where(jobs["quantity"] > 0, 1.0).fillna(1.0)
    peers = per_piece.groupby([jobs["family_name"].fillna(""), jobs["process_order"].fillna("")])
    ratio = per_piece / peers.transform("median").where(peers.transform("count") >= 4)
    return ~((ratio > UNUSUAL_FACTOR) | (ratio < 1 / UNUSUAL_FACTOR))


def has_machine(jobs: pd.DataFrame, facts: PlantFacts) -> pd.Series:
    """Return per operation whether an ACTIVE machine of its type is left by the restrictions."""
    if "machines" not in facts.frames:
        return pd.Series(True, index=jobs.index)
    machines = facts.frames["machines"]
    active = machines[machines["status"] == "ACTIVE"].groupby("machine_type")["machine_id"].nunique()
    steps = jobs[["machine_type", "family_name", "process_order"]].drop_duplicates()
    left = steps["machine_type"].map(active).fillna(0)
    restrictions = facts.frames.get("machine_restrictions")
    if restrictions is not None and len(restrictions):
        barred = restrictions.merge(
            machines.loc[machines["status"] == "ACTIVE", ["machine_id", "machine_type"]], on="machine_id"
        )
        pairs = steps.reset_index().merge(barred, on="machine_type", suffixes=("", "_barred"))
        applies = (
            pairs["family_name_barred"].isna() | (pairs["family_name_barred"] == pairs["family_name"])
        ) & (pairs["process_order_barred"].isna() | (pairs["process_order_barred"] == pairs["process_order"]))
        left = left.sub(pairs[applies].groupby("index")["machine_id"].nunique(), fill_value=0)
    # An unknown type has its own rule.
    steps = steps.assign(left=(left > 0) | ~steps["machine_type"].isin(facts.machine_types))
    return jobs.merge(steps, how="left", on=["machine_type", "family_name", "process_order"])["left"].astype(
        bool
    )


def ended_operations(facts: PlantFacts) -> set[str]:
    """Return the operations with an actual end by now and no row that still runs."""
    actuals = facts.frames.get("job_schedules")
    if actuals is None:
        return set()
    is_over = actuals["end_time"] <= facts.as_of
    return set(actuals.loc[is_over, "job_id"].dropna()) - set(actuals.loc[~is_over, "job_id"].dropna())


def priority_slack_correlation(jobs: pd.DataFrame) -> float:
    """Return the rank correlation of priority with days from creation to due date; -1 = cannot be told."""
    orders = jobs.assign(order=order_ids(jobs)).drop_duplicates("order")
    pairs = orders[["priority"]].assign(slack=(orders["lcd_date"] - orders["created_at"]).dt.days).dropna()
    if len(pairs) < 30 or pairs["priority"].nunique() < 2 or pairs["slack"].nunique() < 2:
        return -1.0
    ranks = pairs.rank()
    return float(np.corrcoef(ranks["priority"], ranks["slack"])[0, 1])
