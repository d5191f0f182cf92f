"""A synthetic plant as the eight tables of a real one, with its executed history and open order book.

The same spec, seed and `as_of` give identical frames. Writes to no database: `data.seed` does that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from shopfloor.domain.errors import InvalidPlant
from shopfloor.twin.history import History, simulate_floor
from shopfloor.twin.orders import Order, draw_order, draw_orders, with_unit_share
from shopfloor.twin.plant_spec import DEFAULT_AS_OF, PlantSpec
from shopfloor.twin.plant_tables import plant_frames
from shopfloor.twin.product_mix import Family, draw_mix
from shopfloor.twin.shop import Shop, draw_calendars, draw_machines, draw_shop, weekly_hours

STREAMS = ("machines", "mix", "shop", "orders", "floor", "filler", "tables")
"""One random stream per part, so that a change of one does not move the others."""


SEARCH_STEPS = 7
"""Simulations in the search for the level of demand."""


def generate_plant(
    spec: PlantSpec, *, seed: int = 0, as_of: datetime = DEFAULT_AS_OF
) -> dict[str, pd.DataFrame]:
    """Return the plant tables of a synthetic plant as they stand at `as_of`.

    Args:
        seed: Of every random draw, >= 0.
        as_of: UTC; naive or aware.

    Returns:
        Frames by table name, with the columns of `data.tables`; times are naive UTC.
    """
    instant = as_of if as_of.tzinfo is None else as_of.astimezone(UTC).replace(tzinfo=None)
    streams = {name: np.random.default_rng([seed, number]) for number, name in enumerate(STREAMS)}
    shop, families = draw_plant(spec, streams=streams, as_of=instant)
    start = instant - timedelta(days=spec.history_days + spec.warm_up_days)
    orders = draw_orders(spec, families, rng=streams["orders"], start=start, end=instant)
    demand = find_demand(spec, shop, orders, seed=seed, as_of=instant)
    kept = keep_open_count(spec, demand.orders, families, history=demand.history, rng=streams["filler"])
    return plant_frames(spec, shop, kept, history=demand.history, rng=streams["tables"])


def draw_plant(
    spec: PlantSpec, *, streams: dict[str, np.random.Generator], as_of: datetime
) -> tuple[Shop, tuple[Family, ...]]:
    """Draw the floor and the products of a plant: what its history is fitted against."""
    machines = draw_machines(spec, streams["machines"])
    hours = weekly_hours(spec, machines, draw_calendars(spec, as_of=as_of))
    families = draw_mix(spec, streams["mix"], weekly_hours=hours)
    return draw_shop(spec, machines, families, rng=streams["shop"], as_of=as_of), families


@dataclass(frozen=True)
class Demand:
    """The orders that came at one level of demand, and what the floor made of them."""

    orders: tuple[Order, ...]
    history: History

    @property
    def n_open(self) -> int:
        """Open operations at `as_of`."""
        return sum(
            not is_done(self.history, order.job_id(step))
            for order in self.orders
            if not order.is_cancelled
            for step in range(len(order.hours))
        )


def find_demand(
    spec: PlantSpec, shop: Shop, orders: tuple[Order, ...], *, seed: int, as_of: datetime
) -> Demand:
    """Bisect the demand of the last weeks until the open book is just as large as wanted.

    The floor keeps its noise while the demand changes. Of all levels tried the one wins whose book is nearest
    to the wanted size plus a twentieth: cutting off the newest orders disturbs less than inventing some.
    """
    wanted = round(1.05 * spec.n_open_operations)
    low, high = -1.0, 1.0
    best: Demand | None = None
    for _ in range(SEARCH_STEPS):
        level = (low + high) / 2
        here = tuple(order if order.wave <= level else replace(order, is_cancelled=True) for order in orders)
        floor = np.random.default_rng([seed, STREAMS.index("floor")])
        history = simulate_floor(spec, shop, here, rng=floor, as_of=as_of)
        demand = Demand(tuple(order for order in orders if order.wave <= level), history)
        if best is None or abs(demand.n_open - wanted) < abs(best.n_open - wanted):
            best = demand
        low, high = (level, high) if demand.n_open < wanted else (low, level)
    assert best is not None
    return best


def keep_open_count(
    spec: PlantSpec,
    orders: tuple[Order, ...],
    families: tuple[Family, ...],
    *,
    history: History,
    rng: np.random.Generator,
) -> tuple[Order, ...]:
    """Cut or fill the open book to exactly `spec.n_open_operations` operations.

    Unstarted orders go, the newest first; what is then missing comes as orders of the last working hours.
    """
    n_open = {
        order.number: sum(not is_done(history, order.job_id(step)) for step in range(len(order.hours)))
        for order in orders
        if not order.is_cancelled
    }
    total = sum(n_open.values())
    dropped: set[int] = set()
    for order in reversed(orders):
        if total <= spec.n_open_operations:
            break
        if n_open.get(order.number) == len(order.hours) and history.executed(order.job_id(0)) is None:
            dropped.add(order.number)
            total -= len(order.hours)
    if total > spec.n_open_operations:
        raise InvalidPlant(
            f"{spec.name!r} has more started work than open operations are wanted: {total}\n"
            "hint: lower the load of its bottlenecks or raise n_open_operations"
        )
    kept = [order for order in orders if order.number not in dropped]
    number = orders[-1].number
    created_at = _last_working_hour(history.instant(history.now), spec.plant_tz)
    while total < spec.n_open_operations:
        number += 1
        missing = spec.n_open_operations - total
        order = _filler(spec, families, missing, number=number, created_at=created_at, rng=rng)
        kept.append(order)
        total += len(order.hours)
    return tuple(kept)


def is_done(history: History, operation_id: str) -> bool:
    """Tell whether an operation has ended by now."""
    item = history.executed(operation_id)
    return item is not None and item.end <= history.now


def _filler(
    spec: PlantSpec,
    families: tuple[Family, ...],
    missing: int,
    *,
    number: int,
    created_at: datetime,
    rng: np.random.Generator,
) -> Order:
    """Draw an order of at most `missing` operations that is not cancelled."""
    fitting = with_unit_share([family for family in families if len(family.steps) <= missing])
    while True:
        order = draw_order(spec, fitting, number=number, created_at=created_at, rng=rng)
        if not order.is_cancelled:
            return order


def _last_working_hour(now: datetime, zone: str) -> datetime:
    """Return 15:00 of the last weekday before the plant-local day of now, naive UTC."""
    day = now.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).date() - timedelta(days=1)
    while day.weekday() > 4:
        day -= timedelta(days=1)
    local = datetime(day.year, day.month, day.day, 15, tzinfo=ZoneInfo(zone))
    return local.astimezone(UTC).replace(tzinfo=None)
