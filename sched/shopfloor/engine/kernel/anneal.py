"""Simulated annealing over the sequences of a complete plan: one move after another, each undone or kept.

The threshold of acceptance is drawn before the evaluation, so that a bad move is given up half way. The plan is
feasible at every moment; the best one that passes the guard is kept.

References:
    Kirkpatrick, Gelatt & Vecchi (1983), Optimization by simulated annealing; van Laarhoven, Aarts & Lenstra
    (1992), Job shop scheduling by simulated annealing.
"""

from __future__ import annotations

import math

import numpy as np

from shopfloor.engine.kernel.guard import F_SPREAD, FIGURES, figures
from shopfloor.engine.kernel.jit import entry, inlined, threaded
from shopfloor.engine.kernel.moves import Book, Near, draw, propose
from shopfloor.engine.kernel.relocation import try_move, undo
from shopfloor.engine.kernel.runs import lengthened
from shopfloor.engine.kernel.search_memory import (
    M_BEST,
    M_COST,
    M_KEPT,
    M_LOOSE,
    T_ACCEPTED,
    T_BACKOFF,
    T_JOBS,
    T_NEXT_LOOK,
    T_PENDING,
    T_REFUSED,
    T_TRIED,
    Search,
    Weights,
)
from shopfloor.engine.kernel.sequences import R_END, R_RUN, R_SETUP, R_SLOT, R_START, Sequences
from shopfloor.engine.kernel.slopes import work_out_slopes
from shopfloor.engine.layout import Ints, Problem

_FRESH = 128
"""Slopes are worked out anew after so many moves, or a quarter of the operations if that is more."""

_IN_TOW = 0.5
"""Share of the moves that take those behind the operation with it."""


@inlined
def _file(plan: Sequences, book: Book, job: int, alone: Ints) -> None:
    """Keep a job in the book of late ones, or take it out."""
    is_late = plan.job_end[job] > alone[job]
    at = book.place[job]
    if is_late and at < 0:
        n = book.n_late[0]
        book.late[n] = job
        book.place[job] = n
        book.n_late[0] = n + 1
    elif not is_late and at >= 0:
        n = book.n_late[0] - 1
        other = book.late[n]
        book.late[at] = other
        book.place[other] = at
        book.place[job] = -1
        book.n_late[0] = n


@entry
def keep(plan: Sequences, kept: Ints) -> None:
    """Copy the plan into `kept`."""
    for op in range(plan.row.shape[0]):
        kept[op, 0] = plan.row[op, R_START]
        kept[op, 1] = plan.row[op, R_END]
        kept[op, 2] = plan.row[op, R_SLOT]
        kept[op, 3] = plan.row[op, R_RUN]
        kept[op, 4] = plan.row[op, R_SETUP]
        kept[op, 5] = plan.level[op]


@entry
def look(problem: Problem, plan: Sequences, w: Weights, search: Search) -> None:
    """Keep the plan if it is the cheapest that the guard lets pass, and if it is the cheapest but for spread.

    A chain whose plans the guard refuses is looked at less and less often.
    """
    tally = search.tally
    money = search.money
    tally[T_PENDING] = 0
    tally[T_NEXT_LOOK] = tally[T_TRIED]
    figures(problem, plan, w.old_machine, w.old_start, w.move_until[0], search.figures)
    wrong = 0
    for k in range(FIGURES):
        if search.figures[k] > search.limit[k] and k != F_SPREAD:
            wrong += 1
    is_even = search.figures[F_SPREAD] <= search.limit[F_SPREAD]
    if wrong == 0 and money[M_COST] < money[M_LOOSE]:
        keep(plan, search.loose)
        money[M_LOOSE] = money[M_COST]
    if wrong == 0 and is_even and money[M_COST] < money[M_KEPT]:
        keep(plan, search.kept)
        money[M_KEPT] = money[M_COST]
        tally[T_BACKOFF] = 1
    else:
        tally[T_REFUSED] += 1
        tally[T_BACKOFF] = min(2 * tally[T_BACKOFF], plan.row.shape[0])
        tally[T_NEXT_LOOK] = tally[T_TRIED] + tally[T_BACKOFF]


@threaded
def anneal(
    problem: Problem,
    plan: Sequences,
    w: Weights,
    search: Search,
    book: Book,
    alone: Ints,
    until: int,
    planned: int,
    hot: float,
    cold: float,
    max_level: int,
) -> int:
    """Try moves until `until` of them have been tried in all; return how many were.

    Args:
        alone: int64 (jobs,), minute after which a job is worth looking at: due and earliest completion.
        planned: Moves after which the temperature is `cold`; it falls geometrically from `hot`.
    """
    tally = search.tally
    money = search.money
    near = Near(search.mark, search.span)
    every = max(_FRESH, plan.row.shape[0] // 4)
    step = tally[T_TRIED] - tally[T_TRIED] % 64
    temperature = hot * math.pow(cold / hot, min(1.0, step / planned))
    while tally[T_TRIED] < until:
        if tally[T_TRIED] % 64 == 0:
            temperature = hot * math.pow(cold / hot, min(1.0, tally[T_TRIED] / planned))
        if tally[T_TRIED] % every == 0:
            work_out_slopes(problem, plan, w, search)
        tally[T_TRIED] += 1
        move = propose(problem, plan, book, search.rng, w.earliest, max_level, near)
        if draw(search.rng) < _IN_TOW:
            move = lengthened(plan, search.rng, move)
        if move.op < 0 or move.pair < 0:
            continue
        threshold = -temperature * math.log(1.0 - draw(search.rng))
        is_looked_at = False
        while True:
            delta = try_move(problem, plan, w, search, book, move, threshold)
            is_leaving = delta > 0.0 and tally[T_PENDING] == 1 and tally[T_TRIED] >= tally[T_NEXT_LOOK]
            if delta == np.inf or is_looked_at or not is_leaving:
                break
            # leaving a new best plan: look at it first
            undo(plan, search)
            look(problem, plan, w, search)
            is_looked_at = True
        if delta == np.inf:
            continue
        tally[T_ACCEPTED] += 1
        money[M_COST] += delta
        for k in range(tally[T_JOBS]):
            _file(plan, book, search.job_log[k, 0], alone)
        tally[T_PENDING] = int(money[M_COST] < max(money[M_KEPT], money[M_LOOSE]) - 1e-9)
        if money[M_COST] < money[M_BEST]:
            money[M_BEST] = money[M_COST]
    return tally[T_TRIED]
