"""The event loop once more in plain Python with `heapq`: calendars, setups, priorities, breakdowns, levels.

It applies every event of one instant before it decides, as the kernel does, and gives the same completion
times. Written to be quick for plain Python, because the benchmark compares speeds with it; the minute grid
in `tests/oracles` is the obvious one. Knows no committed operations and no pins.
"""

from __future__ import annotations

import heapq
import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field

from shopfloor.domain.instance import Instance
from shopfloor.domain.open_time import OpenTime

EDD = "EDD"
ATCS = "ATCS"

Stretches = tuple[list[int], list[int], list[int]]
"""Starts, ends, and open minutes before each stretch; sorted, disjoint, not touching."""


@dataclass(frozen=True)
class Reality:
    """What really happens where it differs from the plan.

    Attributes:
        run: Work minutes by (operation_id, machine_id).
        open_time: Open stretches (start, end) by (machine_id, level).
        arrival: Minute at which a job becomes known, by job_id.
    """

    run: Mapping[tuple[str, str], int] = field(default_factory=dict)
    open_time: Mapping[tuple[str, int], list[tuple[int, int]]] = field(default_factory=dict)
    arrival: Mapping[str, int] = field(default_factory=dict)


def stretches_of(pairs: list[tuple[int, int]]) -> Stretches:
    """Return touching stretches as one, with the open minutes before each."""
    starts: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    total = 0
    for start, end in pairs:
        if ends and start == ends[-1]:
            ends[-1] = end
        else:
            starts.append(start)
            ends.append(end)
            before.append(total)
        total += end - start
    return starts, ends, before


def finish(opened: Stretches, t: int, work: int) -> int:
    """Return the end of `work` minutes begun at or after t, -1 beyond the horizon."""
    starts, ends, before = opened
    row = bisect_right(ends, t)
    if row == len(ends):
        return -1
    begin = t if t > starts[row] else starts[row]
    if begin + work <= ends[row]:
        return begin + work
    target = before[row] + begin - starts[row] + work
    row = bisect_left(before, target, row + 1) - 1
    end = starts[row] + target - before[row]
    return end if end <= ends[row] else -1


class Twin:
    """One instance, ready to run as often as wanted."""

    def __init__(
        self, instance: Instance, levels: list[int] | None = None, reality: Reality | None = None
    ) -> None:
        if instance.commitments or instance.pins:
            raise ValueError("the heapq twin knows no commitments and no pins")
        reality = reality or Reality()
        self.now = instance.now
        self.horizon = max([self.now, *(int(t.ends[-1]) for t in instance.open_time.values() if len(t.ends))])
        operations, plant = instance.operations, instance.plant
        self.level = levels or [0] * len(operations)
        self.machines = plant.machines
        self.row = {operation.operation_id: i for i, operation in enumerate(operations)}
        self.children: list[list[int]] = [[] for _ in operations]
        self.family = [operation.family for operation in operations]
        self.rigid = [not operation.is_interruptible for operation in operations]
        self.due = [instance.job_by_id[operation.job_id].due for operation in operations]
        self.weight = [instance.job_by_id[operation.job_id].weight for operation in operations]
        self.ready: list[tuple[int, int]] = []
        for i, operation in enumerate(operations):
            job = instance.job_by_id[operation.job_id]
            known = reality.arrival.get(job.job_id, job.known_at or self.now)
            if operation.predecessor is None:
                self.ready.append((max(self.now, job.release, known), i))
            else:
                self.children[self.row[operation.predecessor]].append(i)
        self.first: list[int] = []
        self.machine_of_slot: list[int] = []
        for machine_index, machine in enumerate(plant.machines):
            self.first.append(len(self.machine_of_slot))
            self.machine_of_slot += [machine_index] * machine.capacity
        self.plan = [[_plan(instance.open_time[m.machine_id], k) for k in range(3)] for m in plant.machines]
        self.real = [
            [
                stretches_of(reality.open_time[(m.machine_id, k)])
                if (m.machine_id, k) in reality.open_time
                else self.plan[i][k]
                for k in range(3)
            ]
            for i, m in enumerate(plant.machines)
        ]
        self.options: list[list[tuple[int, int, int, int]]] = []
        self._fill_options(instance, reality)
        self.centre = [operation.machine_type for operation in operations]
        self.setups: dict[tuple[int, str | None, str], int] = {}
        self.instance = instance
        self._fill_scales()

    def _fill_options(self, instance: Instance, reality: Reality) -> None:
        """(slot, machine, planned run, real run) of each operation, in the order of slots."""
        index = instance.plant.machine_index
        cache: dict[tuple[str, str, int], list[int]] = {}
        for operation in instance.operations:
            key = (operation.machine_type, operation.family, operation.sequence)
            if key not in cache:
                cache[key] = [index[m.machine_id] for m in instance.eligible_machines(operation)]
            rows = []
            for m in cache[key]:
                machine = self.machines[m]
                run = max(1, math.ceil(operation.processing_minutes / machine.speed_factor - 1e-9))
                real = reality.run.get((operation.operation_id, machine.machine_id), run)
                rows += [(self.first[m] + k, m, run, real) for k in range(machine.capacity)]
            self.options.append(rows)

    def _fill_scales(self) -> None:
        """What ATCS measures run times, setups and slack with."""
        mean = [sum(run for _, _, run, _ in rows) / len(rows) if rows else 1.0 for rows in self.options]
        self.after = [0.0] * len(mean)
        for i in range(len(mean) - 1, -1, -1):
            for child in self.children[i]:
                self.after[i] = max(self.after[i], mean[child] + self.after[child])
        self.run_scale: dict[str, float] = {}
        self.setup_scale: dict[str, float] = {}
        for kind in {*self.centre}:
            members = [mean[i] for i, name in enumerate(self.centre) if name == kind]
            self.run_scale[kind] = max(1.0, sum(members) / len(members))
            different = [m.setup_time_different for m in self.machines if m.machine_type == kind]
            self.setup_scale[kind] = max(1.0, sum(different) / len(different)) if different else 1.0
        until = min(self.now + 28 * 1440, max(self.horizon, self.now + 1))
        opened = 0
        for by_level in self.plan:
            starts, ends, _ = by_level[0]
            opened += sum(
                max(0, min(end, until) - max(start, self.now))
                for start, end in zip(starts, ends, strict=True)
            )
        share = opened / max(1, len(self.machines) * (until - self.now))
        self.stretch = 1.0 / min(1.0, max(share, 0.02))

    def setup(self, machine: int, before: str | None, after: str) -> int:
        key = (machine, before, after)
        found = self.setups.get(key)
        if found is None:
            found = self.instance.plant.setup_minutes(self.machines[machine], before, after)
            self.setups[key] = found
        return found

    def run(self, rule: str = EDD, k1: float = 2.0, k2: float = 0.5, tail: float = 1.0) -> dict[str, int]:
        """Run to the end and return each operation's end minute; those without a place are missing."""
        self.par = (k1, k2, tail)
        self.rule = rule
        self.free = [self.now] * len(self.machine_of_slot)
        self.last: list[str | None] = [self.machines[m].current_setup_family for m in self.machine_of_slot]
        self.waiting: dict[str, list[int]] = {kind: [] for kind in {*self.centre}}
        self.ends = [-1] * len(self.centre)
        self.heap = [(t, 0, i) for t, i in self.ready]
        heapq.heapify(self.heap)
        self.woken: set[tuple[int, str]] = set()
        heap, waiting, done = self.heap, self.waiting, {}
        names = list(self.row)
        while heap:
            t = heap[0][0]
            touched = set()
            while heap and heap[0][0] == t:
                _, kind, i = heapq.heappop(heap)
                if kind == 0:
                    waiting[self.centre[i]].append(i)
                    touched.add(self.centre[i])
                elif kind == 1:
                    done[names[i]] = t
                    touched.add(self.centre[i])
                    for child in self.children[i]:
                        waiting[self.centre[child]].append(child)
                        touched.add(self.centre[child])
                else:
                    touched.add(i)
            for centre in sorted(touched):
                self.decide(centre, t)
        return done

    def decide(self, centre: str, t: int) -> None:
        """Start the most urgent operations that may start now; wake up when the next could."""
        queue = self.waiting[centre]
        while queue:
            best = None
            for i in queue:
                option = self.best_option(i, t)
                if option is None:
                    continue
                key = (self.urgency(i, option, t), i, option)
                if best is None or key < best:
                    best = key
            if best is None:
                break
            _, i, (_, slot, machine, setup, _, real) = best
            queue.remove(i)
            end = finish(self.real[machine][self.level[i]], t, setup + real)
            if end < 0:
                end = self.horizon + setup + real
            self.free[slot], self.last[slot], self.ends[i] = end, self.family[i], end
            heapq.heappush(self.heap, (end, 1, i))
        for i in queue:
            self.wake(i, centre, t)

    def best_option(self, i: int, t: int) -> tuple[int, int, int, int, int, int] | None:
        """Return (end, slot, machine, setup, planned run, real run) of the free slot that ends it first."""
        level, family, rigid = self.level[i], self.family[i], self.rigid[i]
        best = None
        for slot, machine, run, real in self.options[i]:
            if self.free[slot] > t:
                continue
            starts, ends, _ = self.real[machine][level]
            row = bisect_right(ends, t)
            if row == len(ends) or starts[row] > t:
                continue
            setup = self.setup(machine, self.last[slot], family)
            end = finish(self.plan[machine][level], t, setup + run)
            if end < 0 or (rigid and end != t + setup + run):
                continue
            if best is None or end < best[0]:
                best = (end, slot, machine, setup, run, real)
        return best

    def urgency(self, i: int, option: tuple[int, int, int, int, int, int], t: int) -> float:
        """Return the negative index: the smallest goes first."""
        if self.rule == EDD:
            return self.due[i]
        k1, k2, tail = self.par
        _, _, _, setup, run, _ = option
        kind = self.centre[i]
        slack = self.due[i] - t - self.stretch * (run + tail * self.after[i])
        index = math.log(self.weight[i] / run)
        index -= max(0.0, slack) / (k1 * self.stretch * self.run_scale[kind])
        return -(index - setup / (k2 * self.setup_scale[kind]))

    def wake(self, i: int, centre: str, t: int) -> None:
        """Come back when a free slot that is closed now (or too short for `i`) opens for it."""
        level = self.level[i]
        for slot, machine, run, _ in self.options[i]:
            if self.free[slot] > t:
                continue
            starts, ends, _ = self.real[machine][level]
            row = bisect_right(ends, t)
            if row == len(ends):
                continue
            at = max(t, starts[row])
            if at == t and self.rigid[i]:
                work = run + self.setup(machine, self.last[slot], self.family[i])
                starts, ends, _ = self.plan[machine][level]
                row = bisect_right(ends, t)
                while row < len(ends) and max(t, starts[row]) + work > ends[row]:
                    row += 1
                if row == len(ends):
                    continue
                at = max(t, starts[row])
            if at > t and (at, centre) not in self.woken:
                self.woken.add((at, centre))
                heapq.heappush(self.heap, (at, 2, centre))


def _plan(opened: OpenTime, level: int) -> Stretches:
    rows = [
        (int(start), int(end))
        for start, end, kind in zip(opened.starts, opened.ends, opened.kinds, strict=True)
        if kind <= level
    ]
    return stretches_of(rows)
