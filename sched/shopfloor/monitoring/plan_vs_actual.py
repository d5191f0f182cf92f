"""The plan in force against what really happened: who began late, elsewhere or not at all, and what it touches.

It compares rows; it neither re-plans nor explains. A finding is a fact with a code, for somebody to act on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pandas as pd

from shopfloor.data.instants import to_utc_naive

TOLERANCE_MINUTES = 30.0
MIN_ADHERENCE = 0.70
MIN_DUE_STARTS = 10
"""Below this many planned starts a share says nothing."""


@dataclass(frozen=True)
class Finding:
    """Something that needs attention; severity as of an incident."""

    code: str
    severity: str
    summary: str
    context: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class PlanVsActual:
    """The comparison at one instant.

    Attributes:
        run_id: The plan; None when there is none.
        n_planned: Operations in the plan that had not begun when it was made.
        n_due: Of these, planned to have begun by now.
        n_started: Of the due ones, begun at all.
        n_on_time: Of the due ones, begun within half an hour of the plan, on the planned machine.
        n_elsewhere: Of the begun ones, on another machine.
        n_not_started: Due, not begun.
        mean_start_delay_min: Over the begun ones, signed: positive = late.
        mean_end_delay_min: Over the finished ones, signed.
        findings: What needs attention.
    """

    run_id: str | None
    n_planned: int = 0
    n_due: int = 0
    n_started: int = 0
    n_on_time: int = 0
    n_elsewhere: int = 0
    n_not_started: int = 0
    mean_start_delay_min: float = 0.0
    mean_end_delay_min: float = 0.0
    findings: tuple[Finding, ...] = ()

    @property
    def adherence(self) -> float:
        """Share of the due operations that began as planned; 1 when none was due."""
        return self.n_on_time / self.n_due if self.n_due else 1.0

    def figures(self) -> dict[str, float]:
        """Return the figures by name."""
        names = (
            "n_planned", "n_due", "n_started", "n_on_time", "n_elsewhere", "n_not_started",
            "mean_start_delay_min", "mean_end_delay_min",
        )  # fmt: skip
        return {name: float(getattr(self, name)) for name in names} | {"adherence": self.adherence}


def compare_plan_with_actual(
    planned: pd.DataFrame,
    actuals: pd.DataFrame,
    *,
    as_of: datetime,
    machine_downtime: pd.DataFrame | None = None,
) -> PlanVsActual:
    """Compare the rows of the active plan with the rows of what ran.

    Args:
        planned: `scheduled_jobs` of the plan in force, cast.
        actuals: `job_schedules`, cast; rows that begin after `as_of` are not looked at.
        machine_downtime: To name machines that are down now with planned work.
    """
    now = to_utc_naive(as_of)
    if planned.empty:
        nothing = Finding("NO_PLAN", "error", "there is no plan in force")
        return PlanVsActual(None, findings=(nothing,))
    plan = planned[~planned["is_committed"].fillna(False).astype(bool)].copy()
    plan["row_id"] = plan["operation_id"].str.rsplit("#", n=1).str[0]
    ran = (
        actuals[actuals["start_time"] <= now].sort_values("start_time").drop_duplicates("job_id", keep="last")
    )
    joined = plan.merge(ran, left_on="row_id", right_on="job_id", how="left", suffixes=("", "_actual"))
    made_at = plan["scheduled_date"].max()
    due = joined[joined["start_time"] <= now]
    has_begun = due["start_time_actual"].notna()
    begun = due[has_begun]
    start_delay = _minutes(begun["start_time_actual"] - begun["start_time"])
    ended = begun[begun["end_time_actual"].notna() & (begun["end_time_actual"] <= now)]
    end_delay = _minutes(ended["end_time_actual"] - ended["end_time"])
    is_elsewhere = begun["machine_id"] != begun["machine_id_actual"]
    figures = PlanVsActual(
        run_id=str(plan["run_id"].iloc[0]) if len(plan) else str(planned["run_id"].iloc[0]),
        n_planned=len(plan),
        n_due=len(due),
        n_started=len(begun),
        n_on_time=int(((start_delay.abs() <= TOLERANCE_MINUTES) & ~is_elsewhere).sum()),
        n_elsewhere=int(is_elsewhere.sum()),
        n_not_started=int((~has_begun).sum()),
        mean_start_delay_min=float(start_delay.mean()) if len(start_delay) else 0.0,
        mean_end_delay_min=float(end_delay.mean()) if len(end_delay) else 0.0,
    )
    findings = (
        *_adherence(figures),
        *_not_started(due[~has_begun]),
        *_down(joined, machine_downtime, now),
        *_old(made_at, now),
    )
    return PlanVsActual(**{**figures.__dict__, "findings": findings})


def _minutes(delays: pd.Series) -> pd.Series:
    return delays.dt.total_seconds() / 60.0


def _adherence(found: PlanVsActual) -> tuple[Finding, ...]:
    if found.n_due < MIN_DUE_STARTS or found.adherence >= MIN_ADHERENCE:
        return ()
    summary = (
        f"the shop leaves the plan: {found.n_on_time} of {found.n_due} due operations began as planned "
        f"({found.adherence:.0%})"
    )
    return (Finding("LOW_ADHERENCE", "warning", summary, found.figures()),)


def _not_started(rows: pd.DataFrame) -> tuple[Finding, ...]:
    if rows.empty:
        return ()
    first = rows.sort_values("start_time").head(10)
    summary = f"{len(rows)} operations should have begun and have not"
    names = [f"{row.operation_id} on {row.machine_id}" for row in first.itertuples()]
    return (Finding("NOT_STARTED", "info", summary, {"first": names}),)


def _down(rows: pd.DataFrame, downtime: pd.DataFrame | None, now: datetime) -> tuple[Finding, ...]:
    if downtime is None or downtime.empty:
        return ()
    is_open = (downtime["start_time"] <= now) & (downtime["end_time"].isna() | (downtime["end_time"] > now))
    down = set(downtime.loc[is_open & (downtime["kind"] == "breakdown"), "machine_id"])
    touched = rows[rows["machine_id"].isin(down) & (rows["end_time"] > now)]
    counts = {str(machine): int(count) for machine, count in touched["machine_id"].value_counts().items()}
    return tuple(
        Finding("MACHINE_DOWN", "warning", f"machine {machine} is down with {count} planned operations",
                {"machine_id": machine, "n_operations": count})
        for machine, count in sorted(counts.items())
    )  # fmt: skip


def _old(made_at: Any, now: datetime) -> tuple[Finding, ...]:
    age_h = (pd.Timestamp(now) - pd.Timestamp(made_at)).total_seconds() / 3600
    if age_h <= 24:
        return ()
    return (Finding("PLAN_OLD", "warning", f"the plan in force is {age_h:.0f} hours old", {"age_h": age_h}),)
