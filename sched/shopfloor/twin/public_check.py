"""Check a plan of a benchmark instance from its starts and ends alone, and say what it is worth.

It shares no code with a solver or with the engine's arrays: the instance's own lists are the only truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from shopfloor.data.public_instances import PublicInstance
from shopfloor.domain.errors import InvalidPlan
from shopfloor.engine.arrays import Compiled
from shopfloor.engine.dispatch import Outcome

Placed = tuple[int, int, int]
"""Machine, start and end of one operation."""


def placed(compiled: Compiled, outcome: Outcome) -> list[Placed]:
    """Return where each operation went, jobs in order, operations in route order."""
    machines = [int(slot.machine_id.removeprefix("M")) for slot in compiled.slots]
    if outcome.code.any():
        raise InvalidPlan(f"operations without a place: {int((outcome.code != 0).sum())}\nhint: a bug")
    rows = zip(outcome.slot, outcome.start, outcome.end, strict=True)
    return [(machines[slot], int(start), int(end)) for slot, start, end in rows]


def checked_value(public: PublicInstance, plan: Sequence[Placed]) -> int:
    """Return the makespan, or the weighted minutes of tardiness, of a plan that breaks no rule.

    Raises:
        InvalidPlan: An operation is too early, on a wrong machine, too short or long, or two overlap; or the
            value is below what is proved to be impossible.
    """
    if len(plan) != public.n_operations:
        raise InvalidPlan(f"{public.name}: {len(plan)} operations of {public.n_operations}\nhint: a bug")
    rows = iter(plan)
    on_machine: dict[int, list[tuple[int, int]]] = {}
    completion = []
    for j, job in enumerate(public.jobs):
        ready = 0
        for k, alternatives in enumerate(job):
            machine, start, end = next(rows)
            if start < ready or (machine, end - start) not in alternatives:
                raise InvalidPlan(
                    f"{public.name}: job {j} operation {k} on machine {machine} at {start}-{end}, "
                    f"ready at {ready}, may be {alternatives}\nhint: a bug in the search"
                )
            on_machine.setdefault(machine, []).append((start, end))
            ready = end
        completion.append(ready)
    for machine, stretches in on_machine.items():
        stretches.sort()
        for (_, end), (start, _) in pairwise(stretches):
            if start < end:
                raise InvalidPlan(
                    f"{public.name}: machine {machine} has two operations at {start}\nhint: a bug"
                )
    value = max(completion)
    if public.is_tardiness:
        late = (max(0, c - due) for c, due in zip(completion, public.due, strict=True))
        value = sum(weight * minutes for weight, minutes in zip(public.weights, late, strict=True))
    if value < public.lower:
        raise InvalidPlan(
            f"{public.name}: {value} is below the bound {public.lower}\nhint: a wrong instance?"
        )
    return value
