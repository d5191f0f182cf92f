"""Rules about order and state: routes, slots, setups between neighbours, and what may not move.

One function per rule. Setup minutes are worked out again from the order on each slot, the first operation
included; nothing that a solver computed is believed.
"""

from __future__ import annotations

from collections.abc import Iterator

from shopfloor.domain.violation import PlanView, Violation

_CONSTANTS = ("machine_id", "slot", "start", "end", "setup_minutes", "level")
"""What a commitment fixes."""


def precedence(view: PlanView) -> Iterator[Violation]:
    """An operation starts when its predecessor has ended; one that runs already does so in fact."""
    for placed in view.placed:
        predecessor = placed.operation.predecessor
        if predecessor is None or placed.has_begun(view.now):
            continue
        before = view.placed_by_id.get(predecessor)
        if before is not None and placed.item.start < before.item.end:
            found: dict[str, str | int | float] = {
                "start": placed.item.start,
                "predecessor": predecessor,
                "predecessor_end": before.item.end,
            }
            yield Violation("PRECEDENCE", placed.item.operation_id, found)


def predecessor_unassigned(view: PlanView) -> Iterator[Violation]:
    """No operation is planned after one that has no place."""
    for placed in view.placed:
        predecessor = placed.operation.predecessor
        if predecessor is None or not placed.is_free or predecessor in view.first_row:
            continue
        if predecessor in view.unassigned:
            yield Violation("PREDECESSOR_UNASSIGNED", placed.item.operation_id, {"predecessor": predecessor})


def slot_out_of_range(view: PlanView) -> Iterator[Violation]:
    """A machine has `capacity` slots, numbered from 0."""
    for placed in view.placed:
        if placed.is_free and not 0 <= placed.item.slot < placed.machine.capacity:
            found = {"slot": placed.item.slot, "capacity": placed.machine.capacity}
            yield Violation("SLOT_OUT_OF_RANGE", placed.item.operation_id, found)


def slot_overlap(view: PlanView) -> Iterator[Violation]:
    """A slot holds one operation at a time, breaks included; touching is allowed."""
    for (machine_id, slot), items in view.slots.items():
        holder = items[0].item
        for placed in items[1:]:
            if placed.item.start < holder.end:
                found: dict[str, str | int | float] = {
                    "machine": machine_id,
                    "slot": slot,
                    "start": placed.item.start,
                    "holder": holder.operation_id,
                    "holder_end": holder.end,
                }
                yield Violation("SLOT_OVERLAP", placed.item.operation_id, found)
            if placed.item.end > holder.end:
                holder = placed.item


def setup_minutes(view: PlanView) -> Iterator[Violation]:
    """Setup follows from the family before on the same slot, at first from the machine's state.

    A commitment keeps the setup it was planned with, but no solver may put something before a frozen
    operation that makes it need more.
    """
    plant = view.instance.plant
    known: dict[tuple[str, str | None, str], int] = {}
    for items in view.slots.values():
        before = items[0].machine.current_setup_family
        is_chosen_before = False
        for placed in items:
            key = (placed.machine.machine_id, before, placed.operation.family)
            if key not in known:
                known[key] = plant.setup_minutes(placed.machine, before, placed.operation.family)
            expected, setup = known[key], placed.item.setup_minutes
            is_wrong = setup != expected if placed.is_free else is_chosen_before and setup < expected
            if is_wrong and not placed.has_begun(view.now):
                found: dict[str, str | int | float] = {
                    "setup": setup,
                    "expected": expected,
                    "after_family": before or "unknown",
                    "family": placed.operation.family,
                }
                yield Violation("SETUP_MINUTES", placed.item.operation_id, found)
            before, is_chosen_before = placed.operation.family, placed.is_free


def commitment_moved(view: PlanView) -> Iterator[Violation]:
    """What runs or is frozen keeps machine, slot, start, end, setup and level."""
    for operation_id, commitment in view.instance.commitment_by_id.items():
        item = view.first_row.get(operation_id)
        if item is None:
            if operation_id in view.unassigned:
                yield Violation("COMMITMENT_MOVED", operation_id, {"changed": "left out of the plan"})
            continue
        changed = [name for name in _CONSTANTS if getattr(item, name) != getattr(commitment, name)]
        if changed:
            found: dict[str, str | int | float] = {"changed": " ".join(changed)}
            for name in changed:
                found[name], found[f"committed_{name}"] = getattr(item, name), getattr(commitment, name)
            yield Violation("COMMITMENT_MOVED", operation_id, found)


def commitment_flag(view: PlanView) -> Iterator[Violation]:
    """`is_committed` says what the instance says."""
    for placed in view.placed:
        if placed.item.is_committed is placed.is_free:
            found = {"is_committed": str(placed.item.is_committed)}
            yield Violation("COMMITMENT_FLAG", placed.item.operation_id, found)
