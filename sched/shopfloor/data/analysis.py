"""What the plant is like: families, times, machine load, imbalance, bottleneck, jobs per day.

The figures are those of the plan document's extraction script: 90 days of jobs, 30 days of what ran.
It explains nothing and changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from shopfloor.data.instants import to_utc_naive

JOBS_WINDOW = timedelta(days=90)
LOAD_WINDOW = timedelta(days=30)
SHOWN = 12


@dataclass(frozen=True, slots=True)
class StepFigures:
    """One step of one family over the last 90 days."""

    family: str
    process_order: str
    frequency: int
    average_hours: float


@dataclass(frozen=True, slots=True)
class MachineFigures:
    """One machine over the last 30 days.

    Attributes:
        job_count: Operations it began.
        total_hours: Work without setup.
        setup_hours: Setup.
        overtime_hours: Work in overtime and night windows.
    """

    machine_id: str
    machine_type: str
    job_count: int
    total_hours: float
    setup_hours: float
    overtime_hours: float


@dataclass(frozen=True)
class Analysis:
    """The plant in figures.

    Attributes:
        n_open_operations: Not completed, not cancelled.
        n_open_orders: Orders with an open operation.
        jobs_per_day: Operations created per day over 90 days.
        orders_per_day: Orders created per day over 90 days.
        route_lengths: Number of families by the length of their route.
        machine_imbalance: Standard deviation over machines of operations begun in 30 days.
        hours_imbalance: The same of work hours.
        bottleneck_machine: Machine with the most work hours in 30 days; None without history.
        bottleneck_type: Machine type with the most work hours per machine.
        hours_per_machine: Work hours per machine of each type in 30 days.
        open_hours_per_machine: Open work per machine of each type.
        setup_share: Setup over setup and work.
        overtime_share: Overtime over setup and work.
    """

    as_of: datetime
    n_machines: int
    n_machine_types: int
    n_families: int
    n_open_operations: int
    n_open_orders: int
    n_executed: int
    jobs_per_day: float
    orders_per_day: float
    route_lengths: Mapping[int, int]
    steps: tuple[StepFigures, ...]
    machines: tuple[MachineFigures, ...]
    machine_imbalance: float
    hours_imbalance: float
    bottleneck_machine: str | None
    bottleneck_type: str | None
    hours_per_machine: Mapping[str, float]
    open_hours_per_machine: Mapping[str, float]
    setup_share: float
    overtime_share: float

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    def lines(self) -> list[str]:
        """Return the figures for a terminal."""
        lines = [
            f"as of {self.as_of:%Y-%m-%d %H:%M} UTC",
            f"{self.n_machines} machines in {self.n_machine_types} types, {self.n_families} families in "
            f"90 days, route lengths {dict(self.route_lengths)}",
            f"{self.n_open_operations} open operations in {self.n_open_orders} orders; "
            f"{self.jobs_per_day:.1f} operations and {self.orders_per_day:.1f} orders created per day",
            f"{self.n_executed} operations begun in 30 days; setup {self.setup_share:.1%} and overtime "
            f"{self.overtime_share:.1%} of the worked time",
            f"machine imbalance (std): {self.machine_imbalance:.1f} operations, {self.hours_imbalance:.1f} h",
            f"bottleneck: machine {self.bottleneck_machine}, type {self.bottleneck_type}",
            "",
            f"{'type':12}{'h/machine, 30 d':>18}{'open h/machine':>18}",
        ]
        for name, hours in sorted(self.hours_per_machine.items(), key=lambda item: -item[1]):
            lines.append(f"{name:12}{hours:18.1f}{self.open_hours_per_machine.get(name, 0.0):18.1f}")
        lines += [
            "",
            f"{'machine':12}{'type':12}{'operations':>12}{'hours':>10}{'setup h':>10}{'overtime h':>12}",
        ]
        for row in self.machines[:SHOWN]:
            figures = (
                f"{row.job_count:12d}{row.total_hours:10.1f}{row.setup_hours:10.1f}{row.overtime_hours:12.1f}"
            )
            lines.append(f"{row.machine_id:12}{row.machine_type:12}{figures}")
        lines += ["", f"{'family':12}{'process':10}{'frequency':>12}{'average h':>12}"]
        for step in self.steps[:SHOWN]:
            lines.append(
                f"{step.family:12}{step.process_order:10}{step.frequency:12d}{step.average_hours:12.2f}"
            )
        hidden = len(self.steps) - SHOWN, len(self.machines) - SHOWN
        lines.append(
            f"({max(0, hidden[0])} more steps and {max(0, hidden[1])} more machines: --json has them all)"
        )
        return lines


def analyse(frames: Mapping[str, pd.DataFrame], *, as_of: datetime) -> Analysis:
    """Return the figures of a snapshot's frames.

    Args:
        frames: Plant tables, cast.
        as_of: What counts as now.
    """
    now = to_utc_naive(as_of)
    known = frames["production_jobs"]
    known = known[known["created_at"].isna() | (known["created_at"] <= now)]
    orders = known["order_id"].where(known["order_id"].notna(), known["job_id"].str.rsplit("_", n=1).str[0])
    known = known.assign(order_id=orders)
    recent = known[known["created_at"] > now - JOBS_WINDOW]
    open_rows = known[~known["status"].isin(["COMPLETED", "CANCELLED"])]
    machines = frames["machines"]
    ran = _ran(frames, now)
    per_machine = _per_machine(ran, machines)
    type_of = machines.set_index("machine_id")["machine_type"]
    sizes = machines.groupby("machine_type").size()
    hours_by_type = (
        per_machine.groupby("machine_type")["total_hours"].sum().reindex(sizes.index).fillna(0.0) / sizes
    )
    open_by_type = (
        open_rows.groupby("machine_type")["processing_time"].sum().reindex(sizes.index).fillna(0.0) / sizes
    )
    worked = ran["processing_time"].sum() + ran["setup_minutes"].sum() / 60
    days = JOBS_WINDOW / timedelta(days=1)
    has_run = not ran.empty
    return Analysis(
        as_of=now,
        n_machines=len(machines),
        n_machine_types=int(type_of.nunique()),
        n_families=int(recent["family_name"].nunique()),
        n_open_operations=len(open_rows),
        n_open_orders=int(open_rows["order_id"].nunique()),
        n_executed=len(ran),
        jobs_per_day=len(recent) / days,
        orders_per_day=recent["order_id"].nunique() / days,
        route_lengths=_route_lengths(recent),
        steps=_steps(recent),
        machines=_machine_figures(per_machine),
        machine_imbalance=float(per_machine["job_count"].std(ddof=0)) if len(per_machine) else 0.0,
        hours_imbalance=float(per_machine["total_hours"].std(ddof=0)) if len(per_machine) else 0.0,
        bottleneck_machine=str(per_machine.index[0]) if has_run else None,
        bottleneck_type=str(hours_by_type.idxmax()) if has_run else None,
        hours_per_machine={str(name): round(float(value), 2) for name, value in hours_by_type.items()},
        open_hours_per_machine={str(name): round(float(value), 2) for name, value in open_by_type.items()},
        setup_share=float(ran["setup_minutes"].sum() / 60 / worked) if worked else 0.0,
        overtime_share=float(ran["overtime_minutes"].sum() / 60 / worked) if worked else 0.0,
    )


def _machine_figures(per_machine: pd.DataFrame) -> tuple[MachineFigures, ...]:
    columns = ("machine_type", "job_count", "total_hours", "setup_hours", "overtime_hours")
    values = zip(per_machine.index, *(per_machine[name].tolist() for name in columns), strict=True)
    return tuple(
        MachineFigures(
            str(machine), str(kind), int(count), round(hours, 2), round(setup, 2), round(overtime, 2)
        )
        for machine, kind, count, hours, setup, overtime in values
    )


def _ran(frames: Mapping[str, pd.DataFrame], now: datetime) -> pd.DataFrame:
    rows = frames["job_schedules"]
    return rows[(rows["start_time"] > now - LOAD_WINDOW) & (rows["start_time"] <= now)]


def _per_machine(ran: pd.DataFrame, machines: pd.DataFrame) -> pd.DataFrame:
    """Return one row per machine, the busiest first; a machine that did nothing has zeros."""
    grouped = ran.groupby("machine_id").agg(
        job_count=("job_id", "size"),
        total_hours=("processing_time", "sum"),
        setup_hours=("setup_minutes", "sum"),
        overtime_hours=("overtime_minutes", "sum"),
    )
    grouped = grouped.reindex(machines["machine_id"].to_numpy()).fillna(0.0)
    grouped[["setup_hours", "overtime_hours"]] /= 60
    grouped["machine_type"] = machines["machine_type"].to_numpy()
    return grouped.sort_values("total_hours", ascending=False, kind="stable")


def _steps(recent: pd.DataFrame) -> tuple[StepFigures, ...]:
    grouped = recent.groupby(["family_name", "process_order"])["processing_time"].agg(["size", "mean"])
    grouped = grouped.sort_values("size", ascending=False, kind="stable")
    return tuple(
        StepFigures(str(family), str(step), int(size), round(float(mean), 3))
        for (family, step), size, mean in zip(grouped.index, grouped["size"], grouped["mean"], strict=True)
    )


def _route_lengths(recent: pd.DataFrame) -> dict[int, int]:
    lengths = recent.groupby("family_name")["process_order"].nunique().value_counts().sort_index()
    return {int(length): int(count) for length, count in zip(lengths.index, lengths, strict=True)}
