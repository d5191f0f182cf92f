"""What the shop really achieved in a window: the KPIs of the orders it completed, from the actuals alone.

Names and meanings are those of `domain.kpis`; what actuals cannot tell (makespan, utilisation) is absent
rather than guessed. It compares with no plan: that is `plan_vs_actual`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

import pandas as pd

from shopfloor.data.instants import to_utc_naive


def actual_kpis(
    frames: Mapping[str, pd.DataFrame], *, start: datetime, end: datetime, plant_tz: str
) -> dict[str, float]:
    """Return the KPIs of the orders whose last operation ended in [start, end).

    Args:
        frames: `production_jobs` and `job_schedules`, cast.
        start, end: The window; aware, or naive UTC.
        plant_tz: Zone whose day ends are the due times.

    Returns:
        `n_jobs`, `weighted_tardiness`, `mean_tardiness_days`, `avg_days_late`, `on_time_rate`, `setup_hours`,
        `overtime_hours`; rates are absent when nothing was completed.
    """
    begin, stop = to_utc_naive(start), to_utc_naive(end)
    orders = _completions(frames)
    orders = orders[(orders["completed"] >= begin) & (orders["completed"] < stop)]
    ran = frames["job_schedules"]
    ran = ran[(ran["end_time"] >= begin) & (ran["end_time"] < stop)]
    figures = {
        "n_jobs": float(len(orders)),
        "setup_hours": float(ran["setup_minutes"].sum() / 60),
        "overtime_hours": float(ran["overtime_minutes"].sum() / 60),
    }
    if orders.empty:
        return figures
    due = pd.DatetimeIndex(orders["due"] + pd.Timedelta(days=1)).tz_localize(ZoneInfo(plant_tz))
    late = (
        orders["completed"].to_numpy() - due.tz_convert("UTC").tz_localize(None).to_numpy()
    ) / pd.Timedelta(days=1)
    tardiness = pd.Series(late, index=orders.index).clip(lower=0.0)
    is_late = tardiness > 0
    return figures | {
        "weighted_tardiness": float((tardiness * orders["weight"]).sum()),
        "mean_tardiness_days": float(tardiness.mean()),
        "avg_days_late": float(tardiness[is_late].mean()) if is_late.any() else 0.0,
        "on_time_rate": float(1.0 - is_late.mean()),
    }


def _completions(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return one row per finished order: completed (naive UTC), due (local day), weight."""
    jobs = frames["production_jobs"]
    jobs = jobs[jobs["status"] != "CANCELLED"]
    order = jobs["order_id"].where(jobs["order_id"].notna(), jobs["job_id"].str.rsplit("_", n=1).str[0])
    ends = frames["job_schedules"].groupby("job_id")["end_time"].agg(lambda column: column.max(skipna=False))
    ended = jobs["job_id"].map(ends)
    table = pd.DataFrame(
        {
            "order": order,
            "ended": ended,
            "due": jobs["lcd_date"],
            "weight": jobs["priority"].astype("Float64"),
        }
    )
    grouped = table.groupby("order").agg(
        completed=("ended", lambda column: column.max(skipna=False)),
        due=("due", "max"),
        weight=("weight", "max"),
    )
    return grouped.dropna()
