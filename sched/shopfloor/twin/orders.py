"""Customers: a stream of orders with families, quantities, priorities, plan dates and due dates.

Draws what the planners write down, never what happens on the floor. Days are plant-local, instants naive UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from shopfloor.twin.plant_spec import PlantSpec
from shopfloor.twin.product_mix import Family

HOURS_PER_WORKING_DAY = 10.0
"""Regular hours of the plant's default calendar."""

CALENDAR_DAYS_PER_WORKING_DAY = 7 / 5

BOTTLENECK_LOAD = 0.9


@dataclass(frozen=True, slots=True)
class Order:
    """One production order as the planners know it.

    Attributes:
        number: Running number; defines `order_id`.
        family: Product.
        created_at: Naive UTC instant of creation.
        plan_date: Released at the start of this plant-local day.
        lcd_date: Due at the end of this plant-local day.
        priority: 1..5, 5 most urgent.
        quantity: Pieces.
        material_ready_at: Naive UTC instant, when the material comes after the plan date; else None.
        is_cancelled: Called off before it started.
        hours: Planned processing hours of each step at speed 1.0.
        is_rigid: Whether each step may not be interrupted.
        wave: The order comes when the demand of the last weeks is above this level, -1..1; -1 = always.
    """

    number: int
    family: Family
    created_at: datetime
    plan_date: date
    lcd_date: date
    priority: int
    quantity: int
    material_ready_at: datetime | None
    is_cancelled: bool
    hours: tuple[float, ...]
    is_rigid: tuple[bool, ...]
    wave: float = -1.0

    @property
    def order_id(self) -> str:
        return f"O{self.number:06d}"

    def job_id(self, step: int) -> str:
        """Return the plant's row id of the step, 0-based."""
        return f"{self.order_id}_P{step + 1:02d}"


def draw_orders(
    spec: PlantSpec,
    families: tuple[Family, ...],
    *,
    rng: np.random.Generator,
    start: datetime,
    end: datetime,
) -> tuple[Order, ...]:
    """Draw a Poisson stream of orders created on working days in [start, end), oldest first.

    In the last `surge_days` half of what may come is regular (wave below 0), the rest on top (above 0).
    """
    days = [start.date() + timedelta(days=offset) for offset in range((end - start).days + 1)]
    surging = _families_of_bottlenecks(spec, families)
    orders: list[Order] = []
    for day in days:
        if day.weekday() > 4:
            continue
        rate = spec.orders_per_week / 5
        is_late = (end.date() - day).days <= spec.surge_days
        extra = (spec.surge_factor - 1.0) * rate if is_late else 0.0
        for mix, mean, lowest in ((families, rate, -1.0), (surging, extra, 0.0)):
            for minute in np.sort(rng.integers(7 * 60, 16 * 60, rng.poisson(mean))):
                created_at = _at_local_time(day, int(minute), spec.plant_tz)
                if start <= created_at < end:
                    number = len(orders) + 1
                    order = draw_order(spec, mix, number=number, created_at=created_at, rng=rng)
                    wave = lowest + float(rng.random()) if is_late else -1.0
                    orders.append(replace(order, wave=wave))
    orders.sort(key=lambda order: order.created_at)
    return tuple(replace(order, number=number) for number, order in enumerate(orders, start=1))


def _families_of_bottlenecks(spec: PlantSpec, families: tuple[Family, ...]) -> tuple[Family, ...]:
    """Return the families that visit a work centre with a load above 0.9, with shares that add up to 1."""
    hot = {centre.machine_type for centre in spec.work_centres if centre.load > BOTTLENECK_LOAD}
    visiting = [family for family in families if any(step.machine_type in hot for step in family.steps)]
    return with_unit_share(visiting or list(families))


def with_unit_share(families: Sequence[Family]) -> tuple[Family, ...]:
    """Return the families with shares that add up to 1."""
    total = sum(family.share for family in families)
    return tuple(Family(family.name, family.share / total, family.steps) for family in families)


def draw_order(
    spec: PlantSpec,
    families: tuple[Family, ...],
    *,
    number: int,
    created_at: datetime,
    rng: np.random.Generator,
) -> Order:
    """Draw one order: family by share, due date = plan date + allowance for its own work + slack."""
    family = families[int(rng.choice(len(families), p=[family.share for family in families]))]
    priority = 1 + int(rng.choice(5, p=spec.priority_shares))
    factor = rng.lognormal(-0.5 * spec.quantity_sigma**2, spec.quantity_sigma)
    quantity = max(1, round(spec.quantity_mean * factor))
    hours = tuple(round(max(0.25, step.hours * quantity / spec.quantity_mean), 2) for step in family.steps)

    lead = min(float(rng.exponential(spec.lead_mean_days)), float(spec.lead_max_days))
    plan_date = (created_at + timedelta(days=lead)).date()
    allowance = spec.flow_allowance * sum(hours) / HOURS_PER_WORKING_DAY * CALENDAR_DAYS_PER_WORKING_DAY
    slack = rng.normal(spec.slack_mean_days - spec.urgency_days * (priority - 2), spec.slack_sd_days)
    lcd_date = plan_date + timedelta(days=max(1, round(allowance + slack)))

    has_late_material = rng.random() < spec.late_material_share
    wait = timedelta(days=float(rng.uniform(0.5, 6.0)))
    material = _at_local_time(plan_date, 9 * 60, spec.plant_tz) + wait if has_late_material else None
    is_cancelled = bool(rng.random() < spec.cancelled_share)
    is_rigid = tuple(bool(h <= 2.5 and rng.random() < spec.rigid_share) for h in hours)
    return Order(
        number=number,
        family=family,
        created_at=created_at,
        plan_date=plan_date,
        lcd_date=lcd_date,
        priority=priority,
        quantity=quantity,
        material_ready_at=None if material is None else material.replace(second=0, microsecond=0),
        is_cancelled=is_cancelled,
        hours=hours,
        is_rigid=is_rigid,
    )


def _at_local_time(day: date, minute: int, zone: str) -> datetime:
    local = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=ZoneInfo(zone))
    return local.astimezone(UTC).replace(tzinfo=None)
