"""What the floor really did: a greedy dispatcher with human noise works through months of orders.

The dispatcher is the engine's own event loop with the plant's rule; realised durations, breakdowns and the
overtime of urgent work are facts of the simulated world, drawn before it starts. Nothing is planned here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from shopfloor.domain.calendar import OpenTime
from shopfloor.domain.instance import Instance, Job, Operation
from shopfloor.domain.schedule import Schedule, ScheduledOperation
from shopfloor.engine.arrays import compile_instance
from shopfloor.engine.dispatch import dispatch, to_schedule
from shopfloor.engine.rules import Rule, RuleSpec
from shopfloor.twin.orders import Order
from shopfloor.twin.plant_spec import PlantSpec
from shopfloor.twin.shop import Outage, Shop, local_midnight

TAIL_DAYS = 150
"""Days simulated past `as_of`, so that operations that run then have an end."""


@dataclass(frozen=True)
class History:
    """The simulated past, and the future that it would have had.

    Attributes:
        instance: All orders released before `as_of`; epoch is midnight UTC of the first simulated day.
        schedule: What the floor did; entries that start at or after `now` never happened.
        now: Minute of `as_of`.
        breakdowns: Outages of kind breakdown.
    """

    instance: Instance
    schedule: Schedule
    now: int
    breakdowns: tuple[Outage, ...]

    def instant(self, minute: int) -> datetime:
        """Return the naive UTC instant of a minute."""
        return self.instance.to_datetime(minute).replace(tzinfo=None)

    def executed(self, operation_id: str) -> ScheduledOperation | None:
        """Return what the floor did with an operation that has started by now, or None."""
        item = self.schedule.by_operation.get(operation_id)
        return item if item is not None and item.start < self.now else None

    def overtime_minutes(self, item: ScheduledOperation) -> int:
        """Return the minutes an operation worked in overtime and night windows before now."""
        end = min(item.end, self.now)
        open_time = self.instance.open_time[item.machine_id]
        return open_time.work_between(item.start, end, item.level) - open_time.work_between(
            item.start, end, 0
        )


def simulate_floor(
    spec: PlantSpec, shop: Shop, orders: tuple[Order, ...], *, rng: np.random.Generator, as_of: datetime
) -> History:
    """Run the floor from the first day of the warm-up until `as_of` and beyond.

    Args:
        orders: All orders of the stream; cancelled and unreleased ones are left alone.
        as_of: Naive UTC.
    """
    epoch = (as_of - timedelta(days=spec.history_days + spec.warm_up_days)).replace(
        hour=0, minute=0, second=0, microsecond=0, tzinfo=UTC
    )
    now = int((as_of.replace(tzinfo=UTC) - epoch) // timedelta(minutes=1))
    base = shop.open_time(spec.plant_tz, epoch=epoch, minutes=now + TAIL_DAYS * 1440)
    breakdowns = _draw_breakdowns(spec, shop, base, rng=rng, epoch=epoch, now=now)
    open_time = {
        machine: stretches.without(_closures((*shop.maintenance, *breakdowns), machine, epoch, now=now))
        for machine, stretches in base.items()
    }
    jobs, operations, level_of = _released_work(spec, orders, rng=rng, epoch=epoch, now=now)
    instance = Instance(
        epoch=epoch,
        as_of=epoch,
        plant_tz=spec.plant_tz,
        plant=shop.plant,
        open_time=open_time,
        jobs=jobs,
        operations=operations,
    )
    compiled = compile_instance(instance)
    outcome = dispatch(
        compiled,
        RuleSpec(Rule.GREEDY_DISPATCH),
        levels=np.array([level_of[operation_id] for operation_id in compiled.operation_ids], dtype=np.int8),
        temperature=spec.temperature,
        seed=int(rng.integers(2**31)),
    )
    return History(instance, to_schedule(compiled, outcome, "history"), now, breakdowns)


def _released_work(
    spec: PlantSpec, orders: tuple[Order, ...], *, rng: np.random.Generator, epoch: datetime, now: int
) -> tuple[tuple[Job, ...], tuple[Operation, ...], dict[str, int]]:
    """Return jobs and operations with realised durations, and the overtime level of each operation."""
    jobs: list[Job] = []
    operations: list[Operation] = []
    level_of: dict[str, int] = {}
    for order in orders:
        noise = np.exp(rng.normal(0.0, spec.duration_sigma, len(order.hours)))
        is_overtime = rng.random(len(order.hours)) < spec.overtime_share
        is_night = rng.random(len(order.hours)) < 0.2
        release = release_minute(order, epoch=epoch, zone=spec.plant_tz)
        if order.is_cancelled or release >= now:
            continue
        due = _minute(local_midnight(order.lcd_date + timedelta(days=1), spec.plant_tz), epoch)
        jobs.append(Job(order.order_id, order.family.name, float(order.priority), release, due))
        previous: str | None = None
        for step, hours in enumerate(order.hours):
            operation = Operation(
                operation_id=order.job_id(step),
                job_id=order.order_id,
                family=order.family.name,
                sequence=step + 1,
                machine_type=order.family.steps[step].machine_type,
                processing_minutes=max(1, math.ceil(hours * 60 * noise[step] - 1e-9)),
                predecessor=previous,
            )
            operations.append(operation)
            previous = operation.operation_id
            urgent = order.priority >= 4 and bool(is_overtime[step])
            level_of[operation.operation_id] = int(urgent) + int(urgent and bool(is_night[step]))
    return tuple(jobs), tuple(operations), level_of


def release_minute(order: Order, *, epoch: datetime, zone: str) -> int:
    """Return the first minute an order may start: plan date or material, whichever is later."""
    release = _minute(local_midnight(order.plan_date, zone), epoch)
    if order.material_ready_at is not None:
        release = max(release, _minute(order.material_ready_at.replace(tzinfo=UTC), epoch))
    return max(release, _minute(order.created_at.replace(tzinfo=UTC), epoch))


def _minute(instant: datetime, epoch: datetime) -> int:
    return int((instant - epoch) // timedelta(minutes=1))


def _draw_breakdowns(
    spec: PlantSpec,
    shop: Shop,
    open_time: dict[str, OpenTime],
    *,
    rng: np.random.Generator,
    epoch: datetime,
    now: int,
) -> tuple[Outage, ...]:
    """Draw breakdowns: exponential in regular open time between them, exponential clock time to repair."""
    centre_of = {centre.machine_type: centre for centre in spec.work_centres}
    spans: list[tuple[str, int, int | None]] = []
    for machine in shop.plant.machines:
        centre = centre_of[machine.machine_type]
        at = 0
        while True:
            at = open_time[machine.machine_id].advance(at, 1 + int(60 * rng.exponential(centre.mtbf_h)), 0)
            end = at + max(15, int(60 * rng.exponential(centre.mttr_h)))
            if at < 0 or end >= now:
                break
            spans.append((machine.machine_id, at, end))
            at = end
    broken = rng.choice(len(shop.plant.machines), size=spec.n_open_breakdowns, replace=False)
    for index in sorted(broken.tolist()):
        machine_id = shop.plant.machines[index].machine_id
        spans.append((machine_id, _recent_minute(open_time[machine_id], now, rng), None))
    outages = [
        Outage(
            machine_id,
            (epoch + timedelta(minutes=start)).replace(tzinfo=None),
            None if end is None else (epoch + timedelta(minutes=end)).replace(tzinfo=None),
            "breakdown",
            "breakdown",
        )
        for machine_id, start, end in spans
    ]
    return tuple(sorted(outages, key=lambda outage: (outage.start, outage.machine_id)))


def _recent_minute(open_time: OpenTime, now: int, rng: np.random.Generator) -> int:
    """Return an open minute of the last regular stretch that began before now."""
    regular = (open_time.kinds == 0) & (open_time.starts < now)
    last = int(np.flatnonzero(regular)[-1])
    end = min(int(open_time.ends[last]), now)
    return end - int(rng.integers(30, 121))


def _closures(
    outages: tuple[Outage, ...], machine_id: str, epoch: datetime, *, now: int
) -> list[tuple[int, int]]:
    """Return the closed intervals of one machine; an open breakdown lasts until just after now."""
    return [
        (
            _minute(outage.start.replace(tzinfo=UTC), epoch),
            now + 240 if outage.end is None else _minute(outage.end.replace(tzinfo=UTC), epoch),
        )
        for outage in outages
        if outage.machine_id == machine_id
    ]
