"""Moves of several neighbours at once: the operation that moves takes those behind it in tow.

One operation at a time, a run of one family falls apart and comes together again only over dearer plans. Proposes
only, like `moves.py`.
"""

from __future__ import annotations

import numpy as np

from shopfloor.engine.kernel.jit import inlined
from shopfloor.engine.kernel.moves import Move, draw, draw_below
from shopfloor.engine.kernel.search_memory import LONGEST
from shopfloor.engine.kernel.sequences import FREE, N_FAMILY, N_KIND, R_AFTER, Sequences


@inlined
def run_from(plan: Sequences, op: int, most: int, is_family: bool, stop: int) -> int:
    """Return how many free operations from `op` on move together: at most so many, before `stop`."""
    family = plan.node[op, N_FAMILY]
    count = 1
    k = plan.row[op, R_AFTER]
    while k >= 0 and k != stop and count < most and plan.node[k, N_KIND] == FREE:
        if is_family and plan.node[k, N_FAMILY] != family:
            break
        count += 1
        k = plan.row[k, R_AFTER]
    return count


@inlined
def lengthened(plan: Sequences, rng: np.ndarray, move: Move) -> Move:
    """Return the move with those of the same family behind the operation, or any few, in tow."""
    if move.op < 0 or move.level != plan.level[move.op]:
        return move
    is_family = draw(rng) < 0.7
    most = LONGEST if is_family else 2 + draw_below(rng, 3)
    count = run_from(plan, move.op, most, is_family, -1)
    if move.partner >= 0:
        others = run_from(plan, move.partner, most, is_family, move.op)
        return Move(
            move.op, move.pair, move.after, move.level, move.partner, move.partner_pair, count, others
        )
    after = move.after
    k = move.op
    for _ in range(count - 1):
        k = plan.row[k, R_AFTER]
        if k == after:
            # a place further on: behind the whole run
            after = plan.row[k, R_AFTER]
    if after < 0 <= move.after:
        return Move(-1, -1, -1, 0, -1, -1, 1, 1)
    return Move(move.op, move.pair, after, move.level, -1, -1, count, 1)
