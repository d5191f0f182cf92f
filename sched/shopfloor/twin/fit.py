"""Fit the twin to a plant's tables: arrivals, routes, durations, breakdowns, due dates and the open book.

Reads what was known at `as_of` and nothing else. Every estimate carries its standard error, so that a test
can hold it against the truth of a synthetic plant.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from shopfloor.data.assembly import assemble
from shopfloor.data.frames import cast
from shopfloor.data.tables import PLANT_TABLES
from shopfloor.domain.errors import RefusedInput
from shopfloor.domain.instance import Instance
from shopfloor.domain.open_time import WindowKind
from shopfloor.twin.model import (
    BookOrder,
    BookStep,
    BreakdownModel,
    DueDates,
    Estimate,
    FamilyModel,
    StepModel,
    TwinModel,
)

BOOK_AGES_DAYS = (0, 14, 28)
"""Ages of the order books that the bootstrap draws from."""

RECENT_DAYS = 42


def fit_twin(frames: Mapping[str, pd.DataFrame], *, as_of: datetime, plant_tz: str) -> TwinModel:
    """Return the twin of a plant.

    Args:
        frames: Plant tables by name.
        as_of: What is known; naive = UTC.
        plant_tz: IANA zone.

    Raises:
        RefusedInput: Nothing has been executed yet, so there is nothing to fit.
    """
    aware = as_of.replace(tzinfo=UTC) if as_of.tzinfo is None else as_of.astimezone(UTC)
    now = pd.Timestamp(aware.replace(tzinfo=None))
    tables = {name: cast(frames[name], name) for name in PLANT_TABLES}
    jobs = _known_jobs(tables["production_jobs"], now)
    done = tables["job_schedules"][tables["job_schedules"]["end_time"] <= now]
    if len(done) < 2:
        raise RefusedInput(
            f"no history to fit a twin to: {len(done)} executed operations\n"
            "hint: job_schedules needs rows with an end_time before as_of"
        )
    orders = _orders(jobs)
    begin = _history_begin(jobs, done)
    instance = assemble(tables, as_of=aware, plant_tz=plant_tz)
    open_jobs = {operation.job_id for operation in instance.operations}
    book = tuple(_books(tables, aware, plant_tz))
    return TwinModel(
        epoch=instance.epoch,
        as_of=instance.as_of,
        plant_tz=plant_tz,
        arrivals_per_week=_rate(orders, begin, now),
        recent_arrivals_per_week=_rate(orders, max(begin, now - timedelta(days=RECENT_DAYS)), now),
        families=_families(jobs, orders),
        step_sigma=_step_sigma(jobs),
        duration_sigma=_duration_sigma(jobs, done, tables["machines"]),
        breakdowns=_breakdowns(tables["machine_downtime"], instance, begin, now),
        due_dates=_due_dates(orders),
        priority_shares=tuple(float((orders["priority"] == level).mean()) for level in range(1, 6)),
        lead_days=_mean((orders["plan_date"] - orders["created_at"].dt.normalize()).dt.days),
        quantity=_mean(orders["quantity"].astype("float64")),
        split_share=float((orders["lot_size"] < orders["quantity"]).fillna(False).mean()),
        started_share=_started_share(jobs, open_jobs, tables["job_schedules"], now),
        plant=instance.plant,
        open_time=instance.open_time,
        book=book,
    )


def _known_jobs(jobs: pd.DataFrame, now: pd.Timestamp) -> pd.DataFrame:
    """Return the usable rows that were known, with a number for the step and minutes for the work."""
    known = jobs[(jobs["created_at"] <= now) & (jobs["processing_time"] > 0)].copy()
    known = known.dropna(subset=["family_name", "machine_type", "process_order", "priority"])
    known["sequence"] = known["process_order"].str.extract(r"(\d+)", expand=False).astype("int64")
    known["order_id"] = known["order_id"].fillna(known["job_id"].str.replace(r"_P\d+$", "", regex=True))
    known["minutes"] = known["processing_time"] * 60.0
    return known


def _orders(jobs: pd.DataFrame) -> pd.DataFrame:
    """Return one row per order, with the hours of all its steps."""
    orders = jobs.sort_values("sequence").groupby("order_id", sort=True).first()
    orders["hours"] = jobs.groupby("order_id")["processing_time"].sum()
    return orders.dropna(subset=["plan_date", "lcd_date"])


def _history_begin(jobs: pd.DataFrame, done: pd.DataFrame) -> pd.Timestamp:
    """Return the earliest completion of a whole order: older orders have left the tables."""
    last_end = done.assign(order_id=done["job_id"].map(jobs.set_index("job_id")["order_id"]))
    complete = jobs[jobs["status"] == "COMPLETED"].groupby("order_id")["job_id"].count()
    whole = complete[complete == jobs.groupby("order_id")["job_id"].count().reindex(complete.index)].index
    ends = last_end.groupby("order_id")["end_time"].max()
    ends = ends[ends.index.isin(whole)]
    return pd.Timestamp(ends.min() if len(ends) else done["start_time"].min())


def _rate(orders: pd.DataFrame, begin: pd.Timestamp, now: pd.Timestamp) -> Estimate:
    weeks = max((now - begin).total_seconds() / (7 * 86400), 1e-9)
    n = int(((orders["created_at"] >= begin) & (orders["created_at"] < now)).sum())
    return Estimate(n / weeks, max(n, 1) ** 0.5 / weeks, n)


def _mean(values: pd.Series) -> Estimate:
    numbers = values.dropna().to_numpy(dtype=np.float64)
    if not len(numbers):
        return Estimate(0.0, 0.0, 0)
    spread = float(numbers.std(ddof=1)) if len(numbers) > 1 else 0.0
    return Estimate(float(numbers.mean()), spread / len(numbers) ** 0.5, len(numbers))


def _sigma(residuals: np.ndarray, n_means: int) -> Estimate:
    freedom = max(len(residuals) - n_means, 1)
    value = float(np.sqrt((residuals**2).sum() / freedom))
    return Estimate(value, value / (2 * freedom) ** 0.5, len(residuals))


def _families(jobs: pd.DataFrame, orders: pd.DataFrame) -> tuple[FamilyModel, ...]:
    shares = orders["family_name"].value_counts(normalize=True)
    found: dict[str, list[StepModel]] = {}
    for key, rows in jobs.groupby(["family_name", "sequence"], sort=True):
        name, sequence = tuple(key)
        minutes = rows["minutes"].to_numpy(dtype=np.float64)
        found.setdefault(str(name), []).append(
            StepModel(
                sequence=int(str(sequence)),
                machine_type=str(rows["machine_type"].mode().iloc[0]),
                minutes=float(minutes.mean()),
                log_mean=float(np.log(minutes).mean()),
                n=len(minutes),
            )
        )
    return tuple(
        FamilyModel(name, float(shares.get(name, 0.0)), tuple(steps)) for name, steps in found.items()
    )


def _step_sigma(jobs: pd.DataFrame) -> Estimate:
    log = np.log(jobs["minutes"])
    keys = [jobs["family_name"], jobs["sequence"]]
    groups = log.groupby(keys)
    return _sigma((log - groups.transform("mean")).to_numpy(), groups.ngroups)


def _duration_sigma(jobs: pd.DataFrame, done: pd.DataFrame, machines: pd.DataFrame) -> Estimate:
    """Pool log(realised x speed / planned) over the executed operations."""
    rows = done[done["processing_time"] > 0]
    planned = rows["job_id"].map(jobs.set_index("job_id")["processing_time"])
    speed = rows["machine_id"].map(machines.set_index("machine_id")["speed_factor"]).fillna(1.0)
    ratio = (rows["processing_time"] * speed / planned).dropna().to_numpy(dtype=np.float64)
    log = np.log(ratio)
    return _sigma(log - log.mean(), 1)


def _breakdowns(
    downtime: pd.DataFrame, instance: Instance, begin: pd.Timestamp, now: pd.Timestamp
) -> tuple[BreakdownModel, ...]:
    rows = downtime[(downtime["kind"] == "breakdown") & (downtime["start_time"].between(begin, now))]
    hours = (rows["end_time"].where(rows["end_time"] <= now) - rows["start_time"]).dt.total_seconds() / 3600
    history_h = (now - begin).total_seconds() / 3600
    models = []
    for machine_type in instance.plant.machine_types:
        machine_ids = [m.machine_id for m in instance.plant.machines if m.machine_type == machine_type]
        of_type = rows["machine_id"].isin(machine_ids)
        n = int(of_type.sum())
        open_share = float(np.mean([_open_share(instance, machine_id) for machine_id in machine_ids]))
        exposure = open_share * history_h * len(machine_ids)
        mtbf = Estimate(exposure / n, exposure / n**1.5, n) if n else Estimate(0.0, 0.0, 0)
        models.append(BreakdownModel(machine_type, mtbf, _mean(hours[of_type]), open_share))
    return tuple(models)


def _open_share(instance: Instance, machine_id: str) -> float:
    """Return regular open minutes over all minutes of the coming year."""
    open_time = instance.open_time[machine_id]
    end = instance.now + 364 * 1440
    return open_time.work_between(instance.now, end, WindowKind.REGULAR) / (364 * 1440)


def _due_dates(orders: pd.DataFrame) -> DueDates:
    """Regress days from plan date to due date on own hours and priority (least squares)."""
    days = (orders["lcd_date"] - orders["plan_date"]).dt.days.to_numpy(dtype=np.float64)
    hours = orders["hours"].to_numpy(dtype=np.float64)
    points = 2.0 - orders["priority"].to_numpy(dtype=np.float64)
    design = np.column_stack([np.ones_like(days), hours, points])
    coefficients, *_ = np.linalg.lstsq(design, days, rcond=None)
    sd = _sigma(days - design @ coefficients, 3)
    errors = sd.value * np.sqrt(np.diag(np.linalg.pinv(design.T @ design)))
    base, per_hour, urgency = (
        Estimate(float(value), float(error), len(days))
        for value, error in zip(coefficients, errors, strict=True)
    )
    return DueDates(base, per_hour, urgency, sd)


def _started_share(
    jobs: pd.DataFrame, open_jobs: set[str], schedules: pd.DataFrame, now: pd.Timestamp
) -> float:
    started = set(schedules.loc[schedules["start_time"] <= now, "job_id"])
    of_open = jobs[jobs["order_id"].isin(open_jobs)]
    touched = set(of_open.loc[of_open["job_id"].isin(started), "order_id"])
    return len(touched) / max(len(open_jobs), 1)


def _books(tables: Mapping[str, pd.DataFrame], as_of: datetime, plant_tz: str) -> list[BookOrder]:
    """Return the orders open now and at some instants of the past, each relative to its own now."""
    book: list[BookOrder] = []
    for age in BOOK_AGES_DAYS:
        instance = assemble(tables, as_of=as_of - timedelta(days=age), plant_tz=plant_tz)
        steps: dict[str, list[BookStep]] = {}
        running = {}
        for operation in instance.operations:
            steps.setdefault(operation.job_id, []).append(
                BookStep(
                    operation.sequence,
                    operation.machine_type,
                    operation.processing_minutes,
                    operation.is_interruptible,
                )
            )
            commitment = instance.commitment_by_id.get(operation.operation_id)
            if commitment is not None and age == 0:
                running[operation.job_id] = commitment
        book += [
            BookOrder(
                family=job.family,
                weight=job.weight,
                release=job.release - instance.now,
                due=job.due - instance.now,
                steps=tuple(steps[job.job_id]),
                running=running.get(job.job_id),
                age_days=age,
            )
            for job in instance.jobs
            if job.job_id in steps
        ]
    return book
