"""One work centre as a problem of its own: its slots, the operations there, and what finishing them late costs.

Before the centre every job is alone in the shop, and behind it too; the centre itself has its calendars, its
commitments and its setups between families. A job's cost is split over operations by shares that add up to at
most 1, so that the bounds of several centres may be added.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from shopfloor.domain.bounds import EarliestStep, completions_of, earliest_steps, horizon_end, run_minutes
from shopfloor.domain.instance import Instance, Job, Operation
from shopfloor.domain.plant import Machine
from shopfloor.policies.exact_bound_paths import PathPool, Start, Work
from shopfloor.policies.exact_bound_pools import Floats, Ints, Pool, cut_of, pools_of

MINUTES_PER_DAY = 1440.0


@dataclass(frozen=True, eq=False)
class Centre:
    """A relaxation of an instance: one centre, its paths, and what it costs never to work an operation.

    Attributes:
        never: Cost of each operation that ends behind the cut, weighted days, shape (operations,).
    """

    name: str
    operation_ids: tuple[str, ...]
    pools: tuple[PathPool, ...]
    never: Floats
    bin_minutes: int

    def look(self, rewards: Floats) -> tuple[float, Floats]:
        """Return the bound that rewards prove, and its slope.

        Args:
            rewards: For each operation, between 0 and `never`.
        """
        counts = np.zeros(len(rewards))
        value = float(rewards.sum()) + sum(pool.best(rewards, counts) for pool in self.pools)
        return value, 1.0 - counts


class Relaxation:
    """What the centres of one instance share."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.steps: Mapping[str, EarliestStep] = earliest_steps(instance)
        self.alone = completions_of(instance, self.steps)
        self.until = min(cut_of(instance), horizon_end(instance))
        self.by_centre = pools_of(instance, until=self.until)
        self.committed = frozenset(instance.commitment_by_id)

    @cached_property
    def routes(self) -> dict[str, list[Operation]]:
        """Operations left to plan of each job that can be finished, by job_id."""
        found: dict[str, list[Operation]] = {job.job_id: [] for job in self.instance.jobs}
        for operation in self.instance.operations:
            if operation.operation_id not in self.committed:
                found[operation.job_id].append(operation)
        return {
            name: route
            for name, route in found.items()
            if route and all(self.steps[o.operation_id].machine is not None for o in route)
        }

    @cached_property
    def followers(self) -> dict[str, list[Operation]]:
        """Operations by their predecessor's id."""
        found: dict[str, list[Operation]] = {}
        for route in self.routes.values():
            for operation in route:
                if operation.predecessor is not None:
                    found.setdefault(operation.predecessor, []).append(operation)
        return found

    def by_load(self) -> list[str]:
        """Return the centres, the one with the most work for its open time first."""
        work: dict[str, float] = {}
        for route in self.routes.values():
            for operation in route:
                centre = operation.machine_type
                work[centre] = work.get(centre, 0.0) + operation.processing_minutes
        can = {
            centre: sum(pool.machine.speed_factor * pool.slot_minutes for pool in pools)
            for centre, pools in self.by_centre.items()
        }
        return sorted(work, key=lambda centre: (-work[centre] / max(1.0, can.get(centre, 1.0)), centre))

    def shares(self, centres: Sequence[str], first: float) -> dict[str, dict[str, float]]:
        """Return the share of its job's cost that each operation carries, by centre; zeros are left out.

        Args:
            centres: The busiest first. A job's cost goes to those that it needs, there to the last operation of
                each lot.
            first: Share of the first of them, > 0; the second one has the rest.
        """
        found: dict[str, dict[str, float]] = {centre: {} for centre in centres}
        for route in self.routes.values():
            needed = [centre for centre in centres if any(o.machine_type == centre for o in route)][:2]
            parts = (first, 1.0 - first) if len(needed) > 1 else (1.0,)
            for centre, part in zip(needed, parts, strict=False):
                here = {o.operation_id: o for o in route if o.machine_type == centre}
                last = [name for name in here if not self._is_followed_by(name, here)]
                if part > 0:
                    found[centre].update(dict.fromkeys(last, part / len(last)))
        return found

    def _is_followed_by(self, operation_id: str, here: Mapping[str, Operation]) -> bool:
        return any(
            o.operation_id in here or self._is_followed_by(o.operation_id, here)
            for o in self.followers.get(operation_id, ())
        )

    def centre(self, name: str, shares: Mapping[str, float], *, bin_minutes: int) -> Centre:
        """Return one centre with the operations that carry a share.

        Args:
            bin_minutes: Working minutes of a bin, at most; no operation may be shorter than one.
        """
        return _CentreBuilder(self, name, shares, bin_minutes).centre()

    def done(self, operation: Operation, minutes: Ints) -> Ints:
        """Return when a job is done at the earliest if this operation of it ends at each minute."""
        best = minutes
        for after in self.followers.get(operation.operation_id, ()):
            ends = np.full(len(minutes), self.until)
            for pool in self.pools_for(after):
                machine = pool.machine
                work = run_minutes(after, machine) + smallest_setup(self.instance, machine, after.family)
                ends = np.minimum(ends, pool.reach(pool.work_by(minutes) + work))
            best = np.maximum(best, self.done(after, np.maximum(minutes, ends)))
        return best

    def pools_for(self, operation: Operation) -> list[Pool]:
        """Return the pools in which an operation may run."""
        able = {machine.machine_id for machine in self.instance.eligible_machines(operation)}
        return [pool for pool in self.by_centre.get(operation.machine_type, ()) if able & pool.machine_ids]

    def ready(self, operation: Operation) -> int:
        """Return the earliest minute at which an operation may begin."""
        before = operation.predecessor
        job = self.instance.job_by_id[operation.job_id]
        ready = job.release if before is None else self.steps[before].end
        pin = self.instance.pin_by_id.get(operation.operation_id)
        if pin is not None and pin.start is not None:
            ready = max(ready, pin.start)
        return max(ready, self.instance.now)


def smallest_setup(instance: Instance, machine: Machine, family: str) -> int:
    """Return the smallest setup that any predecessor in the instance gives."""
    before = {operation.family for operation in instance.operations} | {machine.current_setup_family, None}
    return min(instance.plant.setup_minutes(machine, name, family) for name in before)


class _CentreBuilder:
    def __init__(self, shop: Relaxation, name: str, shares: Mapping[str, float], bin_minutes: int) -> None:
        self.shop = shop
        self.instance = shop.instance
        self.name = name
        self.shares = shares
        self.operations = [self.instance.operation_by_id[o] for o in shares]
        self.pools = [pool for pool in shop.by_centre.get(name, ()) if self.able(pool)]
        shortest = [int(row.min()) for pool in self.pools for row in self.minutes(pool) if len(row)]
        self.bin_minutes = max(1, min([bin_minutes, *shortest]))
        self.state = {f: k for k, f in enumerate(sorted({o.family for o in self.operations}))}

    def centre(self) -> Centre:
        pools = tuple(self.path_pool(pool) for pool in self.pools)
        until = np.array([self.shop.until])
        never = [float(self.lateness(o, until)[0]) for o in self.operations]
        return Centre(self.name, tuple(self.shares), pools, np.array(never), self.bin_minutes)

    def able(self, pool: Pool) -> list[int]:
        """Return the positions of the operations that may run in a pool, by family."""
        found = [
            k
            for k, o in enumerate(self.operations)
            if {machine.machine_id for machine in self.instance.eligible_machines(o)} & pool.machine_ids
        ]
        return sorted(found, key=lambda k: (self.operations[k].family, k))

    def minutes(self, pool: Pool) -> tuple[Ints, Ints]:
        """Return the minutes of each operation with the setup within its family and with the smallest other."""
        plant, machine = self.instance.plant, pool.machine
        same, change = [], []
        for k in self.able(pool):
            operation = self.operations[k]
            run = run_minutes(operation, machine)
            others = [name for name in self.families if name != operation.family]
            within = plant.setup_minutes(machine, operation.family, operation.family)
            other = min((plant.setup_minutes(machine, n, operation.family) for n in others), default=within)
            least = min(within, other)
            is_pooled = self.is_pooled(pool)
            same.append(run + (least if is_pooled or self.unseen - {operation.family} else within))
            change.append(run + (least if is_pooled or operation.family in self.unseen else other))
        return np.array(same, dtype=np.int64), np.array(change, dtype=np.int64)

    def is_pooled(self, pool: Pool) -> bool:
        """Tell whether something is committed in the middle of a slot's time: what it leaves is not followed."""
        return any(
            item.start > self.instance.now and item.machine_id in pool.machine_ids
            for item in self.instance.commitments
        )

    @cached_property
    def unseen(self) -> set[str]:
        """Families of operations that run here and carry no share: on no path, they may yet prepare a slot."""
        here = (o for o in self.instance.operations if o.machine_type == self.name)
        return {o.family for o in here if o.operation_id not in self.shares.keys() | self.shop.committed}

    @cached_property
    def families(self) -> set[str | None]:
        """All that may come before an operation in the centre."""
        found: set[str | None] = {o.family for o in self.instance.operations if o.machine_type == self.name}
        for machine in self.instance.plant.machines:
            if machine.machine_type == self.name:
                found.add(machine.current_setup_family)
        by_id = self.instance.operation_by_id
        return found | {by_id[item.operation_id].family for item in self.instance.commitments}

    def path_pool(self, pool: Pool) -> PathPool:
        size, able = self.bin_minutes, self.able(pool)
        same, change = self.minutes(pool)
        n_bins = pool.length // size
        ends = pool.reach(np.arange(n_bins + 1) * size)
        ready = np.array([self.shop.ready(self.operations[k]) for k in able], dtype=np.int64)
        work = Work(
            operation=np.array(able, dtype=np.int64),
            family=np.array([self.state[self.operations[k].family] for k in able], dtype=np.int64),
            same=same // size,
            change=change // size,
            first=pool.work_by(ready) // size,
            cost=np.array([self.lateness(self.operations[k], ends) for k in able]),
        )
        return PathPool(work, self.starts(pool), n_families=len(self.state), n_bins=n_bins)

    def starts(self, pool: Pool) -> list[Start]:
        """Return where the slots' paths begin."""
        size, n_bins = self.bin_minutes, pool.length // self.bin_minutes
        found: dict[tuple[int, int], int] = {}
        for (machine_id, slot), open_time in pool.slots:
            first = min(n_bins, int(pool.work_by(open_time.starts[:1])[0]) // size)
            key = (first, self.state.get(self.family_at_first(machine_id, slot) or "", -1))
            found[key] = found.get(key, 0) + 1
        return [Start(first, family, n) for (first, family), n in sorted(found.items())]

    def family_at_first(self, machine_id: str, slot: int) -> str | None:
        """Return what a slot is set up for when its free time begins."""
        held = [c for c in self.instance.commitments if (c.machine_id, c.slot) == (machine_id, slot)]
        if held:
            return self.instance.operation_by_id[max(held, key=lambda c: c.start).operation_id].family
        plant = self.instance.plant
        return plant.machines[plant.machine_index[machine_id]].current_setup_family

    def lateness(self, operation: Operation, ends: Ints) -> Floats:
        """Return the operation's share of what its job costs when it ends at each minute."""
        job: Job = self.instance.job_by_id[operation.job_id]
        due = max(job.due, self.shop.alone[job.job_id])
        late = np.maximum(0, self.shop.done(operation, ends) - due)
        return self.shares[operation.operation_id] * job.weight * late / MINUTES_PER_DAY
