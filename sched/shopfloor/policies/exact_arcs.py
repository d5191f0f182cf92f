"""The CP-SAT model of a small instance without any approximation: what it proves is true of the real problem.

Setups depend on the order (one circuit of arcs per slot), an operation that may not be interrupted stays inside
one open stretch, and a job's tardiness is counted in real minutes. That needs one calendar for all machines and
regular time only; `why_not_exact` says what stands in the way of an instance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ortools.sat.python import cp_model

from shopfloor.engine import layout as at
from shopfloor.engine.layout import Role
from shopfloor.policies.exact_axis import ShopOnAxis
from shopfloor.policies.exact_model import WEIGHT_UNIT, CpModel, break_symmetry

MAX_OPERATIONS = 60
"""Above this the arcs are too many for a proof."""

DEPOT = -1


def why_not_exact(shop: ShopOnAxis) -> str | None:
    """Return what keeps an instance from being modelled exactly, or None."""
    decoder, problem = shop.decoder, shop.decoder.compiled.problem
    if len(shop.operations) > MAX_OPERATIONS:
        return f"{len(shop.operations)} operations are more than {MAX_OPERATIONS}"
    roles = set(problem.op[:, at.OP_ROLE].tolist())
    if not roles <= {int(Role.NORMAL), int(Role.COMMITTED)}:
        return "an operation is pinned to a minute or cannot be scheduled at all"
    used = {slot for item in shop.operations.values() for slot in item.run}
    if len({decoder.calendar_of(slot) for slot in used}) > 1:
        return "the machines keep different calendars"
    for row in decoder.reservation:
        if row[at.RES_SLOT] in used and shop.axis.at(row[at.RES_START]) > 0:
            return "a frozen operation begins after now"
    if any(abs(job.weight * WEIGHT_UNIT - round(job.weight * WEIGHT_UNIT)) > 1e-9 for job in shop.jobs):
        return f"a weight is finer than 1 / {WEIGHT_UNIT}"
    return None


@dataclass
class _Slot:
    """What one slot's circuit needs: where it stands at first."""

    family: int
    free: int


def build_arcs(
    shop: ShopOnAxis, *, horizon: int, is_makespan: bool, hint: Mapping[int, tuple[int, int]]
) -> CpModel:
    """Return the exact model.

    Args:
        horizon: Last end on the axis; no better plan may need more.
        is_makespan: Minimise the last end instead of weighted tardiness.
        hint: (slot, start) of each operation in exact time.
    """
    built = CpModel(cp_model.CpModel())
    model = built.model
    end: dict[int, Any] = {}
    duration: dict[int, list[Any]] = {op: [] for op in shop.operations}
    for op, item in shop.operations.items():
        built.start[op] = model.new_int_var(item.ready, horizon, "")
        end[op] = model.new_int_var(item.ready + 1, horizon, "")
        model.add_hint(built.start[op], hint[op][1])
        literals = []
        for slot in item.run:
            literal = model.new_bool_var("")
            model.add_hint(literal, hint[op][0] == slot)
            built.present[op, slot] = literal
            literals.append(literal)
        model.add_exactly_one(literals)
    order = sorted(shop.operations, key=lambda op: (hint[op][1], op))
    for slot in sorted({slot for _, slot in built.present}):
        _add_circuit(shop, built, end, duration, slot, [op for op in order if hint[op][0] == slot])
    for op, item in shop.operations.items():
        model.add(end[op] == built.start[op] + sum(duration[op]))
        if item.predecessor >= 0:
            model.add(built.start[op] >= end[item.predecessor])
    break_symmetry(shop, built, {op: slot for op, (slot, _) in hint.items()})
    _minimise(shop, built, end, horizon=horizon, is_makespan=is_makespan)
    return built


def _add_circuit(
    shop: ShopOnAxis,
    built: CpModel,
    end: Mapping[int, Any],
    duration: Mapping[int, list[Any]],
    slot: int,
    hinted: Sequence[int],
) -> None:
    """Add the sequence of one slot: each arc carries its setup and keeps its two ends apart."""
    model, decoder = built.model, shop.decoder
    members = [op for op in shop.operations if (op, slot) in built.present]
    node = {op: k for k, op in enumerate(members, start=1)}
    at_first = _state_of(shop, slot)
    follows = dict(zip([DEPOT, *hinted], [*hinted, DEPOT], strict=True)) if hinted else {DEPOT: DEPOT}
    arcs = []

    def arc(before: int, after: int) -> Any:
        literal = model.new_bool_var("")
        model.add_hint(literal, follows.get(before) == after)
        arcs.append((node.get(before, 0), node.get(after, 0), literal))
        return literal

    unused = model.new_bool_var("")
    model.add_hint(unused, not hinted)
    arcs.append((0, 0, unused))
    for op in members:
        arcs.append((node[op], node[op], built.present[op, slot].negated()))
        arc(op, DEPOT)
        family = decoder.op[op][at.OP_FAMILY]
        for before in [DEPOT, *(other for other in members if other != op)]:
            if before != DEPOT and _comes_later(shop, before, op):
                continue
            literal = arc(before, op)
            was = at_first.family if before == DEPOT else decoder.op[before][at.OP_FAMILY]
            work = decoder.setup_minutes(slot, was, family) + shop.operations[op].run[slot]
            duration[op].append(work * literal)
            free = at_first.free if before == DEPOT else end[before]
            model.add(built.start[op] >= free).only_enforce_if(literal)
            if not decoder.op[op][at.OP_INTERRUPTIBLE]:
                _keep_inside_a_stretch(shop, model, built.start[op], work, literal)
    model.add_circuit(arcs)
    sizes = {op: min(shop.operations[op].run[slot], 10**6) for op in members}
    model.add_no_overlap(
        model.new_optional_interval_var(
            built.start[op], model.new_int_var(sizes[op], 10**7, ""), end[op], built.present[op, slot], ""
        )
        for op in members
    )


def _state_of(shop: ShopOnAxis, slot: int) -> _Slot:
    """Return family and first free minute of a slot behind what runs on it now."""
    columns = shop.decoder.slot[slot]
    family, free = columns[at.SLOT_FAMILY], 0
    for position in range(columns[at.SLOT_RES_LO], columns[at.SLOT_RES_HI]):
        row = shop.decoder.reservation[position]
        family = shop.decoder.op[row[at.RES_OP]][at.OP_FAMILY]
        free = max(free, shop.axis.at(row[at.RES_END]))
    return _Slot(family, free)


def _comes_later(shop: ShopOnAxis, op: int, other: int) -> bool:
    """Tell whether the route makes `op` wait for `other`."""
    while (op := shop.operations[op].predecessor) >= 0:
        if op == other:
            return True
    return False


def _keep_inside_a_stretch(shop: ShopOnAxis, model: Any, start: Any, work: int, literal: Any) -> None:
    axis = shop.axis
    rows = [[a, b - work] for a, b in zip(axis.before[:-1], axis.before[1:], strict=True) if b - a >= work]
    domain = cp_model.Domain.from_intervals(rows)
    model.add_linear_expression_in_domain(start, domain).only_enforce_if(literal)


def _minimise(
    shop: ShopOnAxis, built: CpModel, end: Mapping[int, Any], *, horizon: int, is_makespan: bool
) -> None:
    """Count in real minutes: the stretch in which the last minute of a job lies gives its real completion."""
    model = built.model
    if is_makespan:
        last = model.new_int_var(0, horizon, "")
        for value in end.values():
            model.add(last >= value)
        model.minimize(_real_end(shop, model, last, earliest=1, horizon=horizon))
        built.offset = -shop.decoder.now
        return
    built.scale = WEIGHT_UNIT
    rows = shop.decoder.job
    terms = []
    for job in shop.jobs:
        last = model.new_int_var(max(1, job.done_before), horizon, "")
        earliest = max(
            shop.operations[op].ready + min(shop.operations[op].run.values()) for op in job.last_ops
        )
        for op in job.last_ops:
            model.add(last >= end[op])
        real = _real_end(shop, model, last, earliest=max(1, earliest), horizon=horizon)
        tardiness = model.new_int_var(0, shop.axis.ends[-1], "")
        model.add(tardiness >= real - rows[job.job][at.JOB_DUE])
        terms.append(round(job.weight * WEIGHT_UNIT) * tardiness)
    model.minimize(sum(terms))
    built.offset = sum(round(float(weight) * WEIGHT_UNIT) * late for weight, late in _settled(shop))


def _settled(shop: ShopOnAxis) -> list[tuple[float, int]]:
    """Return (weight, tardiness) of the jobs that are committed whole."""
    problem = shop.decoder.compiled.problem
    open_jobs = {job.job for job in shop.jobs}
    done: dict[int, int] = {}
    for row in shop.decoder.reservation:
        job = shop.decoder.op[row[at.RES_OP]][at.OP_JOB]
        done[job] = max(done.get(job, 0), row[at.RES_END])
    return [
        (float(problem.job_weight[job]), max(0, end - int(problem.job[job, at.JOB_DUE])))
        for job, end in done.items()
        if job not in open_jobs
    ]


def _real_end(shop: ShopOnAxis, model: Any, last: Any, *, earliest: int, horizon: int) -> Any:
    """Return the real minute at which the open minute `last` is over."""
    axis = shop.axis
    choices, terms = [], []
    for row, (low, high) in enumerate(zip(axis.before[:-1], axis.before[1:], strict=True)):
        if high < earliest or low >= horizon:
            continue
        literal = model.new_bool_var("")
        model.add(last > low).only_enforce_if(literal)
        model.add(last <= high).only_enforce_if(literal)
        choices.append(literal)
        terms.append((axis.starts[row] - low) * literal)
    model.add_exactly_one(choices)
    return last + sum(terms)
