"""The event loop and the list builder once more: plain Python, minute by minute, sharing no code.

Slow on purpose. Open time is a list of booleans per minute, work is counted minute by minute, and every
minute asks every work centre whether it can start something. Knows nothing of arrays, heaps or wake-ups.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from shopfloor.domain.instance import Instance, Operation
from shopfloor.domain.plant import Machine
from shopfloor.engine.rules import Rule, RuleSpec

Place = tuple[str, int, int, int, int]
"""machine_id, slot, start, end, setup."""


@dataclass
class Reality:
    """What really happens: run minutes, open minutes, arrivals, committed ends and work."""

    run: dict[tuple[str, str], int]
    is_open: dict[tuple[str, int], list[bool]]
    arrival: dict[str, int]
    committed_end: dict[str, int]
    committed_work: dict[str, int]
    is_scenario: bool = False


@dataclass
class Answer:
    """Places and reasons by operation_id."""

    places: dict[str, Place] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)


Kinds = dict[str, list[int]]
"""The kind of each minute from minute 0 by machine_id, 9 = closed: a calendar that no code of ours made."""


def horizon_of(instance: Instance, kinds: Kinds | None = None) -> int:
    if kinds is None:
        ends = [int(end) for opened in instance.open_time.values() for end in opened.ends]
    else:
        ends = [max((m + 1 for m, kind in enumerate(row) if kind <= 2), default=0) for row in kinds.values()]
    return max([instance.now, *ends, *(c.end for c in instance.commitments)])


def open_minutes(instance: Instance, machine_id: str, level: int) -> list[bool]:
    minutes = [False] * (horizon_of(instance) + 1)
    opened = instance.open_time[machine_id]
    for start, end, kind in zip(opened.starts, opened.ends, opened.kinds, strict=True):
        if kind <= level:
            for minute in range(max(0, int(start)), int(end)):
                minutes[minute] = True
    return minutes


def finish(minutes: list[bool], t: int, work: int) -> int:
    while t < len(minutes):
        if minutes[t]:
            work -= 1
            if work == 0:
                return t + 1
        t += 1
    return -1


def count(minutes: list[bool], start: int, end: int) -> int:
    return sum(minutes[max(0, start) : end])


def nominal_reality(instance: Instance, kinds: Kinds | None = None) -> Reality:
    run = {
        (operation.operation_id, machine.machine_id): max(
            1, math.ceil(operation.processing_minutes / machine.speed_factor - 1e-9)
        )
        for operation in instance.operations
        for machine in instance.plant.machines
    }
    horizon = horizon_of(instance, kinds)
    is_open = {
        (machine.machine_id, level): open_minutes(instance, machine.machine_id, level)
        if kinds is None
        else [kind <= level for kind in kinds[machine.machine_id][:horizon]] + [False]
        for machine in instance.plant.machines
        for level in range(3)
    }
    now = instance.now
    arrival = {job.job_id: max(now, now if job.known_at is None else job.known_at) for job in instance.jobs}
    return Reality(run, is_open, arrival, {c.operation_id: c.end for c in instance.commitments}, {})


class Shop:
    """One run of the shop, minute by minute."""

    def __init__(
        self,
        instance: Instance,
        spec: RuleSpec,
        levels: dict[str, int],
        reality: Reality | None = None,
        kinds: Kinds | None = None,
    ) -> None:
        self.instance = instance
        self.spec = spec
        self.levels = levels
        self.plan = nominal_reality(instance, kinds)
        self.real = reality or self.plan
        self.now = instance.now
        self.horizon = horizon_of(instance, kinds)
        self.slots_of = {
            o.operation_id: [
                (m.machine_id, k) for m in instance.eligible_machines(o) for k in range(m.capacity)
            ]
            for o in instance.operations
        }
        self.free: dict[tuple[str, int], int] = {}
        self.family: dict[tuple[str, int], str | None] = {}
        for machine in instance.plant.machines:
            for number in range(machine.capacity):
                self.free[(machine.machine_id, number)] = self.now
                self.family[(machine.machine_id, number)] = machine.current_setup_family
        self.machine = {machine.machine_id: machine for machine in instance.plant.machines}
        self.ends: dict[str, int] = {}
        self.done: set[str] = set()
        self.waiting: dict[str, int] = {}
        self.ready_pins: set[str] = set()
        self.answer = Answer()
        self.started: set[str] = set()
        self.row = {operation.operation_id: i for i, operation in enumerate(instance.operations)}
        self.nominal_mean = {o.operation_id: self.mean_run(o) for o in instance.operations}
        self.after = {o.operation_id: 0.0 for o in instance.operations}
        for operation in reversed(instance.operations):
            if operation.predecessor is not None:
                through = self.nominal_mean[operation.operation_id] + self.after[operation.operation_id]
                self.after[operation.predecessor] = max(self.after[operation.predecessor], through)
        self.stretch = self.open_share()
        self.refuse_the_impossible()
        self.reservations = self.reserve()

    def slots(self, operation: Operation) -> list[tuple[str, int]]:
        return self.slots_of[operation.operation_id]

    def mean_run(self, operation: Operation) -> float:
        if operation.operation_id in self.instance.commitment_by_id:
            return max(1, operation.processing_minutes)
        runs = [
            self.plan.run[(operation.operation_id, machine_id)] for machine_id, _ in self.slots(operation)
        ]
        return sum(runs) / len(runs) if runs else 1.0

    def open_share(self) -> float:
        until = min(self.now + 28 * 1440, max(self.horizon, self.now + 1))
        opened = sum(
            count(self.plan.is_open[(m.machine_id, 0)], self.now, until) for m in self.instance.plant.machines
        )
        share = opened / max(1, len(self.instance.plant.machines) * (until - self.now))
        return 1.0 / min(1.0, max(share, 0.02))

    def refuse_the_impossible(self) -> None:
        for operation in self.instance.operations:
            pin = self.instance.pin_by_id.get(operation.operation_id)
            if operation.operation_id in self.instance.commitment_by_id:
                continue
            if not self.slots(operation):
                pinned = pin is not None and pin.machine_id is not None
                self.answer.reasons[operation.operation_id] = "BAD_PIN" if pinned else "NO_ELIGIBLE_MACHINE"

    def reserve(self) -> list[tuple[int, int, tuple[str, int], str, bool]]:
        """Return (start, end, slot, operation, is_pin) of commitments and start pins."""
        rows = [
            (c.start, c.end, (c.machine_id, c.slot), c.operation_id, False) for c in self.instance.commitments
        ]
        pins = [pin for pin in self.instance.pins if pin.start is not None]
        for pin in sorted(pins, key=lambda item: (item.start, item.operation_id)):
            operation = self.instance.operation_by_id[pin.operation_id]
            if pin.operation_id in self.answer.reasons or pin.operation_id in self.instance.commitment_by_id:
                continue
            assert pin.start is not None
            found = None
            for machine_id, number in self.slots(operation) if pin.start >= self.now else []:
                end = self.longest_end(operation, machine_id, pin.start)
                clash = any(
                    slot == (machine_id, number) and start < end and pin.start < until
                    for start, until, slot, _, _ in rows
                )
                if end >= 0 and not clash:
                    found = (pin.start, end, (machine_id, number), pin.operation_id, True)
                    break
            if found is None:
                self.answer.reasons[pin.operation_id] = "BAD_PIN"
            else:
                rows.append(found)
        return rows

    def longest_end(self, operation: Operation, machine_id: str, start: int) -> int:
        machine = self.machine[machine_id]
        known = {o.family for o in self.instance.operations}
        known |= {m.current_setup_family for m in self.instance.plant.machines if m.current_setup_family}
        setups = [self.setup(machine, family, operation.family) for family in (None, *known)]
        work = self.plan.run[(operation.operation_id, machine_id)] + max(setups)
        return finish(self.plan.is_open[(machine_id, 0)], start, work)

    def setup(self, machine: Machine, before: str | None, after: str) -> int:
        """The most specific rule, else same or different, written out once more."""
        matching = [
            (
                ((rule.from_family is not None) + (rule.to_family is not None)),
                rule.machine_type is not None,
                rule.from_family is not None,
                position,
                rule.minutes,
            )
            for position, rule in enumerate(self.instance.plant.setup_rules)
            if (rule.from_family is None or rule.from_family == before)
            and (rule.to_family is None or rule.to_family == after)
            and (rule.machine_type is None or rule.machine_type == machine.machine_type)
        ]
        if matching:
            return max(matching)[-1]
        return machine.setup_time_same if before == after else machine.setup_time_different

    def may_start(self, operation: Operation, slot: tuple[str, int], t: int) -> int:
        """Return the nominal end if it may start now, else -1."""
        machine_id, _ = slot
        level = self.levels.get(operation.operation_id, 0)
        if self.free[slot] > t or t >= self.horizon or not self.real.is_open[(machine_id, level)][t]:
            return -1
        setup = self.setup(self.machine[machine_id], self.family[slot], operation.family)
        work = setup + self.plan.run[(operation.operation_id, machine_id)]
        minutes = self.plan.is_open[(machine_id, level)]
        end = finish(minutes, t, work)
        if end < 0 or (not operation.is_interruptible and end != t + work):
            return -1
        ahead = [row for row in self.reservations if row[2] == slot and row[3] not in self.started]
        if ahead:
            start, _, _, reserved, is_pin = min(ahead)
            if end > start:
                return -1
            if not is_pin:
                commitment = self.instance.commitment_by_id[reserved]
                promised = self.instance.operation_by_id[reserved].family
                needed = self.setup(self.machine[machine_id], operation.family, promised)
                if needed > commitment.setup_minutes:
                    return -1
        return end

    def start(self, operation: Operation, slot: tuple[str, int], t: int) -> None:
        machine_id, number = slot
        level = self.levels.get(operation.operation_id, 0)
        setup = self.setup(self.machine[machine_id], self.family[slot], operation.family)
        work = setup + self.real.run[(operation.operation_id, machine_id)]
        end = finish(self.real.is_open[(machine_id, level)], t, work)
        if end < 0:
            end = self.horizon + work
        self.free[slot], self.family[slot] = end, operation.family
        self.ends[operation.operation_id] = end
        self.started.add(operation.operation_id)
        self.answer.places[operation.operation_id] = (machine_id, number, t, end, setup)

    def index(self, operation: Operation, slot: tuple[str, int], t: int) -> float:
        spec, job = self.spec, self.instance.job_by_id[operation.job_id]
        run = self.plan.run[(operation.operation_id, slot[0])]
        members = [
            self.nominal_mean[o.operation_id]
            for o in self.instance.operations
            if o.machine_type == operation.machine_type
        ]
        scale = max(1.0, sum(members) / len(members))
        if spec.rule == Rule.FIFO:
            return -self.waiting[operation.operation_id] / (self.stretch * scale)
        if spec.rule == Rule.SPT:
            return -math.log(run)
        if spec.rule == Rule.EDD:
            return -job.due / (self.stretch * scale)
        if spec.rule == Rule.WSPT:
            return math.log(job.weight / run)
        if spec.rule == Rule.GREEDY_DISPATCH:
            return job.weight - 1e-9 * job.release - 1e-13 * operation.sequence
        left = run + spec.tail * self.after[operation.operation_id]
        if spec.rule == Rule.CR:
            return -(job.due - t) / (self.stretch * left)
        slack = job.due - t - self.stretch * left
        if spec.rule == Rule.SLACK:
            return -slack / (self.stretch * scale)
        index = math.log(job.weight / run) - max(0.0, slack) / (spec.k1 * self.stretch * scale)
        if spec.rule == Rule.ATCS:
            different = [
                m.setup_time_different
                for m in self.instance.plant.machines
                if m.machine_type == operation.machine_type
            ]
            mean = max(1.0, sum(different) / len(different))
            setup = self.setup(self.machine[slot[0]], self.family[slot], operation.family)
            index -= setup / (spec.k2 * mean)
        return index

    def make_ready(self, operation: Operation, t: int) -> None:
        if operation.operation_id in self.answer.reasons or operation.operation_id in self.started:
            return
        if operation.operation_id in self.instance.commitment_by_id:
            return
        pin = self.instance.pin_by_id.get(operation.operation_id)
        if pin is not None and pin.start is not None:
            self.ready_pins.add(operation.operation_id)
        else:
            self.waiting.setdefault(operation.operation_id, t)

    def events(self, t: int) -> None:
        ending = [o for o in self.instance.operations if self.ends.get(o.operation_id, t + 1) <= t]
        for operation in ending:
            if operation.operation_id not in self.done:
                self.done.add(operation.operation_id)
                for child in self.instance.operations:
                    if child.predecessor == operation.operation_id:
                        self.make_ready(child, t)
        for operation in self.instance.operations:
            if operation.predecessor is None:
                job = self.instance.job_by_id[operation.job_id]
                if max(self.now, job.release, self.real.arrival[job.job_id]) == t:
                    self.make_ready(operation, t)
        for start, _, slot, name, is_pin in sorted(self.reservations):
            if name in self.started or name in self.answer.reasons or start > t:
                continue
            operation = self.instance.operation_by_id[name]
            if is_pin:
                self.reservations = [row for row in self.reservations if row[3] != name]
                if name in self.ready_pins and self.may_start(operation, slot, t) >= 0:
                    self.start(operation, slot, t)
                else:
                    self.answer.reasons[name] = "BAD_PIN"
                continue
            if self.real.is_scenario and self.free[slot] > t:
                continue
            self.begin_commitment(name, slot, t)

    def begin_commitment(self, name: str, slot: tuple[str, int], t: int) -> None:
        commitment = self.instance.commitment_by_id[name]
        end = self.real.committed_end[name]
        if t > commitment.start:
            work = self.real.committed_work[name]
            end = finish(self.real.is_open[(slot[0], commitment.level)], t, work)
            if end < 0:
                end = self.horizon + work
        self.started.add(name)
        self.ends[name] = end
        self.free[slot] = max(self.free[slot], end)
        self.family[slot] = self.instance.operation_by_id[name].family
        self.answer.places[name] = (slot[0], slot[1], t, end, commitment.setup_minutes)

    def decide(self, t: int) -> None:
        while True:
            best: tuple[float, int, tuple[str, int], Operation] | None = None
            for name in [name for name in self.waiting if name not in self.started]:
                operation = self.instance.operation_by_id[name]
                options = []
                for order, slot in enumerate(self.slots(operation)):
                    end = self.may_start(operation, slot, t)
                    if end >= 0:
                        options.append((end, order, slot))
                if not options:
                    continue
                slot = min(options)[2]
                key = (-self.index(operation, slot, t), self.row[name], slot, operation)
                if best is None or key[:2] < best[:2]:
                    best = key
            if best is None:
                return
            self.start(best[3], best[2], t)

    def is_over(self, t: int) -> bool:
        """Tell whether nothing can happen any more: all is settled, or nobody works behind the horizon."""
        settled = len(self.done | self.answer.reasons.keys()) == len(self.row)
        return settled or (
            t > self.horizon
            and all(end < t for end in self.ends.values())
            and all(name in self.started or name in self.answer.reasons for *_, name, _ in self.reservations)
        )

    def run(self) -> Answer:
        for start, _, slot, name, is_pin in sorted(self.reservations):
            if start <= self.now and not is_pin:
                self.begin_commitment(name, slot, start)
        for t in range(self.now, self.horizon + 5000):
            self.events(t)
            self.decide(t)
            if t % 16 == 0 and self.is_over(t):
                break
        for operation in self.instance.operations:
            name = operation.operation_id
            if name in self.done:
                continue
            lost = operation.predecessor is not None and operation.predecessor not in self.done
            reason = self.answer.reasons.get(name)
            if reason is None:
                reason = "PREDECESSOR_UNASSIGNED" if lost else "NO_OPEN_TIME"
            elif reason == "BAD_PIN" and lost:
                reason = "PREDECESSOR_UNASSIGNED"
            self.answer.reasons[name] = reason
            self.answer.places.pop(name, None)
        return self.answer


def dispatch_by_minute(
    instance: Instance,
    spec: RuleSpec,
    *,
    levels: dict[str, int] | None = None,
    reality: Reality | None = None,
    kinds: Kinds | None = None,
) -> Answer:
    """Run the shop minute by minute; `kinds` replaces the instance's calendars."""
    return Shop(instance, spec, levels or {}, reality, kinds).run()


def greedy_by_minute(instance: Instance) -> Answer:
    """Build the plant's own greedy plan; start pins are not supported here."""

    def key(operation: Operation) -> tuple[float, int, int, str]:
        job = instance.job_by_id[operation.job_id]
        return (-job.weight, job.release, operation.sequence, operation.operation_id)

    return list_by_minute(instance, [o.operation_id for o in sorted(instance.operations, key=key)])


def list_by_minute(
    instance: Instance,
    order: list[str],
    *,
    levels: dict[str, int] | None = None,
    kinds: Kinds | None = None,
) -> Answer:
    """Append one operation after the other to the machine that finishes it first; no start pins here."""
    levels = levels or {}
    shop = Shop(instance, RuleSpec(), levels, None, kinds)
    answer = Answer(reasons=dict(shop.answer.reasons))
    for commitment in sorted(instance.commitments, key=lambda c: c.start):
        slot = (commitment.machine_id, commitment.slot)
        shop.free[slot] = max(shop.free[slot], commitment.end)
        shop.family[slot] = instance.operation_by_id[commitment.operation_id].family
        answer.places[commitment.operation_id] = (
            *slot,
            commitment.start,
            commitment.end,
            commitment.setup_minutes,
        )

    for operation in (instance.operation_by_id[name] for name in order):
        name, before = operation.operation_id, operation.predecessor
        if name in answer.places or name in answer.reasons:
            continue
        if before is not None and before not in answer.places:
            answer.reasons[name] = "PREDECESSOR_UNASSIGNED"
            continue
        job = instance.job_by_id[operation.job_id]
        ready = max(instance.now, job.release, shop.real.arrival[job.job_id])
        if before is not None:
            ready = max(instance.now, answer.places[before][3])
        options = []
        for order, slot in enumerate(shop.slots(operation)):
            setup = shop.setup(shop.machine[slot[0]], shop.family[slot], operation.family)
            work = setup + shop.plan.run[(name, slot[0])]
            minutes = shop.plan.is_open[(slot[0], levels.get(name, 0))]
            t = max(ready, shop.free[slot])
            while t < len(minutes) and (
                not minutes[t] or (not operation.is_interruptible and not all(minutes[t : t + work]))
            ):
                t += 1
            end = finish(minutes, t, work)
            if end >= 0:
                options.append((end, order, slot, t, setup))
        if not options:
            answer.reasons[name] = "NO_OPEN_TIME"
            continue
        end, _, slot, start, setup = min(options)
        shop.free[slot], shop.family[slot] = end, operation.family
        answer.places[name] = (*slot, start, end, setup)
    return answer
