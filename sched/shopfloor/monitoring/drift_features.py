"""What is watched for drift: one frame of created operations, one of executed ones, each row with its order.

Rows of one order resemble each other, so the order is kept beside them: the unit of chance in `drift.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from shopfloor.data.instants import to_utc_naive

NUMERIC = ("processing_time", "priority", "due_slack_days", "duration_ratio", "setup_minutes")
CATEGORICAL = ("machine_type", "family_name", "process_order")
CREATED = ("processing_time", "priority", "due_slack_days", "machine_type", "family_name", "process_order")
EXECUTED = ("duration_ratio", "setup_minutes")
CLUSTER = "order"


@dataclass(frozen=True)
class DriftFeatures:
    """Features of one window.

    Attributes:
        created: Operations created in the window: columns `CREATED` and `order`.
        executed: Operations finished in the window: columns `EXECUTED` and `order`.
        days: Length of the window.
    """

    created: pd.DataFrame
    executed: pd.DataFrame
    days: float

    def column(self, name: str) -> pd.DataFrame:
        """Return the frame that holds a feature."""
        return self.created if name in CREATED else self.executed


def drift_features(frames: Mapping[str, pd.DataFrame], *, as_of: datetime, days: float) -> DriftFeatures:
    """Return the features of the last `days` before `as_of`.

    Args:
        frames: `production_jobs` and `job_schedules`, cast; a column that is missing stays missing.
    """
    end = to_utc_naive(as_of)
    start = end - timedelta(days=days)
    jobs = frames["production_jobs"]
    order = jobs["job_id"].str.rsplit("_", n=1).str[0]
    if "order_id" in jobs:
        order = jobs["order_id"].where(jobs["order_id"].notna(), order)
    jobs = jobs.assign(**{CLUSTER: order})
    if {"lcd_date", "plan_date"} <= set(jobs.columns):
        jobs = jobs.assign(due_slack_days=(jobs["lcd_date"] - jobs["plan_date"]).dt.total_seconds() / 86_400)
    ran = frames["job_schedules"]
    ran = ran[(ran["end_time"] > start) & (ran["end_time"] <= end)]
    planned = jobs.drop_duplicates("job_id").set_index("job_id")
    executed = pd.DataFrame({CLUSTER: ran["job_id"].map(planned[CLUSTER])})
    if {"processing_time"} <= set(ran.columns) & set(planned.columns):
        executed["duration_ratio"] = ran["processing_time"] / ran["job_id"].map(planned["processing_time"])
    if "setup_minutes" in ran:
        executed["setup_minutes"] = ran["setup_minutes"]
    created = jobs[(jobs["created_at"] > start) & (jobs["created_at"] <= end)]
    kept = [name for name in (*CREATED, CLUSTER) if name in created]
    return DriftFeatures(created[kept].reset_index(drop=True), executed.reset_index(drop=True), days)
