"""The CP-SAT model for a whole plant: one optional interval per operation and eligible slot, typical setups.

An approximation besides those of the axis: a setup does not depend on what ran before; each operation takes
the typical setup of its family there (measured: sequence-dependent setups give no solution in time at some
hundred operations). Solves nothing: `exact.py` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from ortools.sat.python import cp_model

from shopfloor.engine import layout as at
from shopfloor.policies.exact_axis import ShopOnAxis

WEIGHT_UNIT = 100
"""Weights are rounded to 1 / 100 for the model."""


@dataclass
class CpModel:
    """A model with what is needed to read its solutions.

    Attributes:
        start: Start variable of each operation.
        present: Literal of each (operation, slot); a slot that is the only one has None.
        scale: Objective units of one weighted minute on the axis (or of one minute of makespan).
        offset: What the objective leaves out, in its units.
        is_hinted: Whether a complete solution is hinted.
    """

    model: cp_model.CpModel
    start: dict[int, Any] = field(default_factory=dict)
    present: dict[tuple[int, int], Any] = field(default_factory=dict)
    scale: int = 1
    offset: int = 0
    is_hinted: bool = False

    def slots_of(self, value: Any) -> dict[int, int]:
        """Return the slot of each operation; `value` reads a literal."""
        return {op: slot for (op, slot), lit in self.present.items() if lit is None or value(lit)}


def build_model(
    shop: ShopOnAxis, *, horizon: int, is_makespan: bool, hint: Mapping[int, tuple[int, int]] | None
) -> CpModel:
    """Return the model of a plant.

    Args:
        horizon: Last end on the axis.
        is_makespan: Minimise the last end instead of weighted tardiness.
        hint: (slot, start) of each operation: a complete solution of this model.
    """
    built = CpModel(cp_model.CpModel(), is_hinted=hint is not None)
    model = built.model
    on_slot: dict[int, list[Any]] = {}
    end: dict[int, Any] = {}
    for op, item in shop.operations.items():
        works = {slot: item.work(slot) for slot in item.run}
        shortest = min(works.values())
        if item.fixed_start is None:
            start = model.new_int_var(item.ready, max(item.ready, horizon - shortest), "")
        else:
            start = model.new_constant(item.fixed_start)
        built.start[op] = start
        if len(works) == 1:
            slot = next(iter(works))
            built.present[op, slot] = None
            interval = model.new_fixed_size_interval_var(start, shortest, "")
            on_slot.setdefault(slot, []).append(interval)
            end[op] = start + shortest
        else:
            literals = []
            for slot, work in works.items():
                literal = model.new_bool_var("")
                literals.append(literal)
                built.present[op, slot] = literal
                interval = model.new_optional_fixed_size_interval_var(start, work, literal, "")
                on_slot.setdefault(slot, []).append(interval)
                if hint is not None:
                    model.add_hint(literal, hint[op][0] == slot)
            model.add_exactly_one(literals)
            extra = zip(works.values(), literals, strict=True)
            end[op] = start + shortest + sum((w - shortest) * lit for w, lit in extra if w > shortest)
        if item.predecessor >= 0:
            model.add(start >= end[item.predecessor])
        if hint is not None and item.fixed_start is None:
            model.add_hint(start, hint[op][1])
    _add_capacity(shop, model, on_slot)
    break_symmetry(shop, built, None if hint is None else {op: slot for op, (slot, _) in hint.items()})
    _add_objective(shop, built, end, horizon=horizon, is_makespan=is_makespan, hint=hint)
    return built


def _add_capacity(shop: ShopOnAxis, model: cp_model.CpModel, on_slot: Mapping[int, list[Any]]) -> None:
    """One operation at a time on a slot.

    The work centre's sum as a redundant cumulative makes neighbourhoods several times slower and gained nothing.
    """
    closed = {
        slot: [model.new_fixed_size_interval_var(a, b - a, "") for a, b in rows]
        for slot, rows in shop.closed.items()
    }
    for slot, intervals in on_slot.items():
        model.add_no_overlap(intervals + closed.get(slot, []))


def _add_objective(
    shop: ShopOnAxis,
    built: CpModel,
    end: Mapping[int, Any],
    *,
    horizon: int,
    is_makespan: bool,
    hint: Mapping[int, tuple[int, int]] | None,
) -> None:
    model = built.model
    ends = {} if hint is None else {op: s + shop.operations[op].work(slot) for op, (slot, s) in hint.items()}
    if is_makespan:
        last = model.new_int_var(0, horizon, "")
        for value in end.values():
            model.add(last >= value)
        if hint is not None:
            model.add_hint(last, max(ends.values(), default=0))
        model.minimize(last)
        return
    built.scale = WEIGHT_UNIT
    terms = []
    for job in shop.jobs:
        weight = round(job.weight * WEIGHT_UNIT)
        late_anyway = max(0, job.done_before - job.due)
        if job.is_overdue and len(job.last_ops) == 1:
            terms.append(weight * end[job.last_ops[0]])
            built.offset -= weight * job.due
            continue
        tardiness = model.new_int_var(late_anyway, max(late_anyway, horizon), "")
        for op in job.last_ops:
            model.add(tardiness >= end[op] - job.due)
        if hint is not None:
            late = max(ends[op] for op in job.last_ops) - job.due
            model.add_hint(tardiness, max(late_anyway, late))
        terms.append(weight * tardiness)
    model.minimize(sum(terms))


def identical_slots(shop: ShopOnAxis) -> list[list[int]]:
    """Return groups of slots that nothing tells apart: state, calendar, setups, run times, reservations."""
    decoder = shop.decoder
    able: dict[int, list[tuple[int, int]]] = {}
    for op, item in shop.operations.items():
        for slot, run in item.run.items():
            able.setdefault(slot, []).append((op, run))
    groups: dict[object, list[int]] = {}
    for slot, rows in able.items():
        columns = decoder.slot[slot]
        if columns[at.SLOT_RES_HI] > columns[at.SLOT_RES_LO]:
            continue
        machine = decoder.machine[columns[at.SLOT_MACHINE]]
        key = (columns[at.SLOT_FAMILY], decoder.calendar_of(slot), tuple(machine), tuple(rows))
        groups.setdefault(key, []).append(slot)
    return [group for group in groups.values() if len(group) > 1]


def sorted_by_first_operation(shop: ShopOnAxis, slot_of: Mapping[int, int]) -> dict[int, int]:
    """Return an equally good assignment in which identical slots are ordered by their first operation."""
    renamed: dict[int, int] = {}
    for group in identical_slots(shop):
        first = {slot: min((op for op, s in slot_of.items() if s == slot), default=10**9) for slot in group}
        by_first = sorted(group, key=lambda slot: (first[slot], slot))
        renamed |= dict(zip(by_first, sorted(group), strict=True))
    return {op: renamed.get(slot, slot) for op, slot in slot_of.items()}


def break_symmetry(shop: ShopOnAxis, built: CpModel, slot_of: Mapping[int, int] | None) -> None:
    """Let an operation on an identical slot follow, in number, some operation on the slot before it.

    Args:
        slot_of: Hint, already `sorted_by_first_operation`.
    """
    model = built.model
    for group in identical_slots(shop):
        members = sorted(op for op, slot in built.present if slot == group[0])
        for left, right in pairwise(sorted(group)):
            seen: Any = model.new_constant(0)
            is_seen = False
            for op in members:
                model.add_implication(built.present[op, right], seen)
                literal = model.new_bool_var("")
                model.add_bool_or([literal.negated(), seen, built.present[op, left]])
                if slot_of is not None:
                    is_seen = is_seen or slot_of[op] == left
                    model.add_hint(literal, is_seen)
                seen = literal
