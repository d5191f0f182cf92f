"""Instances that the plant could have had: its floor as it is, its order book drawn again from the past.

Orders are drawn from the open books of now and of the last weeks, with their family, priority, processing,
due slack and progress, and are then shaken a little. Machines keep their calendars, setups and most of what
runs on them. Decides nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from shopfloor.domain.errors import InvalidInstance
from shopfloor.domain.instance import Commitment, Instance, Job, Operation
from shopfloor.twin.model import BookOrder, TwinModel

OPEN_BOOK_SHARE = 0.8
"""Share of the operations that come from the book of now; the others from the books of the last weeks."""

PROCESSING_SIGMA = 0.15
"""Log standard deviation by which the work of a drawn order is shaken."""

DUE_SIGMA_DAYS = 3.0
RELEASE_SIGMA_DAYS = 2.0
ARRIVING_SHARE = 0.25
ARRIVAL_DAYS = 21
STREAM = 7919
"""First word of the random stream of an instance: twin seeds and other seeds do not meet."""


@dataclass(frozen=True, slots=True)
class _Draw:
    """One drawn order with its shaken work, before it gets an id."""

    order: BookOrder
    minutes: tuple[int, ...]
    release: int
    due: int
    known_at: int | None = None


def sample_instance(
    twin: TwinModel,
    *,
    seed: int,
    n_operations: int | None = None,
    load: float = 1.0,
    tightness: float = 0.0,
    dynamic: bool = False,
) -> Instance:
    """Draw an instance of the plant.

    Args:
        seed: Of every draw; the same seed gives the same instance.
        n_operations: Open operations, exactly; None = as many as the plant has now.
        load: Factor on processing times, > 0.
        tightness: Due dates come earlier by this many standard deviations of the plant's due-date noise.
        dynamic: A quarter of the orders that have not started arrive in the next three weeks, unknown before.

    Raises:
        InvalidInstance: Load or size are not positive, or the book is empty.
    """
    target = twin.n_open_operations if n_operations is None else n_operations
    if load <= 0 or target < 1 or not twin.book:
        raise InvalidInstance(
            f"cannot sample {target} operations at load {load:g} from {len(twin.book)} orders\n"
            "hint: load and n_operations are positive, and the twin needs an order book"
        )
    rng = np.random.default_rng([STREAM, seed])
    shift = round(tightness * twin.due_dates.sd_days.value * 1440)
    draws = [_shake(order, rng, load=load, due_shift=shift) for order in _draw_orders(twin, target, rng)]
    if dynamic:
        draws = [_postpone(draw, rng) for draw in draws]
    return _build(twin, draws)


def _draw_orders(twin: TwinModel, target: int, rng: np.random.Generator) -> list[BookOrder]:
    """Draw orders until they have exactly `target` steps; the last one has progressed as far as needed."""
    fresh = [order for order in twin.book if order.age_days == 0]
    older = [order for order in twin.book if order.age_days > 0] or fresh
    fresh = fresh or older
    drawn: list[BookOrder] = []
    missing = target
    decks = _shuffled(fresh, rng), _shuffled(older, rng)
    while missing > 0:
        is_fresh = target - missing < OPEN_BOOK_SHARE * target
        order = next(decks[0] if is_fresh else decks[1])
        if len(order.steps) > missing:
            order = replace(order, steps=order.steps[-missing:], running=None)
        drawn.append(order)
        missing -= len(order.steps)
    return drawn


def _shuffled(orders: list[BookOrder], rng: np.random.Generator) -> Iterator[BookOrder]:
    """Yield the orders in random order, again and again: none twice before all have come once."""
    while True:
        for index in rng.permutation(len(orders)):
            yield orders[index]


def _shake(order: BookOrder, rng: np.random.Generator, *, load: float, due_shift: int) -> _Draw:
    factor = load * float(np.exp(rng.normal(-0.5 * PROCESSING_SIGMA**2, PROCESSING_SIGMA)))
    due_noise = round(float(rng.normal(0.0, DUE_SIGMA_DAYS))) * 1440
    release_noise = round(float(rng.normal(0.0, RELEASE_SIGMA_DAYS))) * 1440
    release = order.release if order.release <= 0 else max(0, order.release + release_noise)
    return _Draw(
        order=order,
        minutes=tuple(max(1, round(step.minutes * factor)) for step in order.steps),
        release=release,
        due=order.due + due_noise - due_shift,
    )


def _postpone(draw: _Draw, rng: np.random.Generator) -> _Draw:
    """Let some unstarted orders arrive later: release and due date move along."""
    arrives = rng.random() < ARRIVING_SHARE
    known_at = int(rng.integers(1, ARRIVAL_DAYS * 1440))
    if not arrives or draw.order.running is not None or draw.order.steps[0].sequence != 1:
        return draw
    return replace(draw, known_at=known_at, release=known_at + max(0, draw.release), due=draw.due + known_at)


def _build(twin: TwinModel, draws: list[_Draw]) -> Instance:
    now = int((twin.as_of - twin.epoch).total_seconds() // 60)
    free = {m.machine_id: m.capacity for m in twin.plant.machines}
    slots: Counter[str] = Counter()
    jobs: list[Job] = []
    operations: list[Operation] = []
    commitments: list[Commitment] = []
    for number, draw in enumerate(draws, start=1):
        job_id = f"S{number:04d}"
        known_at = None if draw.known_at is None else now + draw.known_at
        job = Job(job_id, draw.order.family, draw.order.weight, now + draw.release, now + draw.due, known_at)
        jobs.append(job)
        added = _operations_of(job, draw)
        running = draw.order.running
        if running is not None and slots[running.machine_id] < free.get(running.machine_id, 0):
            commitments.append(
                replace(running, operation_id=added[0].operation_id, slot=slots[running.machine_id])
            )
            slots[running.machine_id] += 1
            added[0] = replace(added[0], processing_minutes=draw.order.steps[0].minutes)
        operations += added
    return Instance(
        epoch=twin.epoch,
        as_of=twin.as_of,
        plant_tz=twin.plant_tz,
        plant=twin.plant,
        open_time=twin.open_time,
        jobs=tuple(jobs),
        operations=tuple(operations),
        commitments=tuple(sorted(commitments, key=lambda item: (item.machine_id, item.slot))),
    )


def _operations_of(job: Job, draw: _Draw) -> list[Operation]:
    operations: list[Operation] = []
    for step, minutes in zip(draw.order.steps, draw.minutes, strict=True):
        operations.append(
            Operation(
                operation_id=f"{job.job_id}_P{step.sequence:02d}",
                job_id=job.job_id,
                family=job.family,
                sequence=step.sequence,
                machine_type=step.machine_type,
                processing_minutes=minutes,
                predecessor=operations[-1].operation_id if operations else None,
                is_interruptible=step.is_interruptible,
            )
        )
    return operations
