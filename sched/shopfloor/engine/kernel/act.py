"""What a policy's actions do, and when there is nothing to choose."""

from __future__ import annotations

from shopfloor.engine.kernel.jit import entry, inlined
from shopfloor.engine.kernel.starts import assign, best_pair, decline, is_free, nominal_end
from shopfloor.engine.layout import (
    ELIG_SLOT,
    OP_ELIG_HI,
    OP_ELIG_LO,
    SW_COUNT,
    WC_QUEUE_LO,
    WC_SLOT_HI,
    WC_SLOT_LO,
    Bools,
    Ints,
    Problem,
    State,
    World,
)
from shopfloor.engine.observation import N_ACTIONS, N_CANDIDATES


@inlined
def forced_choice(problem: Problem, world: World, state: State, w: int, levels: Ints) -> tuple[int, int]:
    """Return the only operation that may start now with its pair, or (-1, -1) when there are several."""
    q = problem.wc[w, WC_QUEUE_LO]
    only = -1
    only_pair = -1
    for i in range(q, q + state.wc[w, SW_COUNT]):
        op = state.queue[i]
        pair = best_pair(problem, world, state, op, levels[op])
        if pair >= 0:
            if only >= 0:
                return -1, -1
            only = op
            only_pair = pair
    return only, only_pair


@entry
def _first_usable(problem: Problem, world: World, state: State, w: int, levels: Ints) -> int:
    """Return the first free slot that could take some waiting operation now, or -1."""
    q = problem.wc[w, WC_QUEUE_LO]
    for slot in range(problem.wc[w, WC_SLOT_LO], problem.wc[w, WC_SLOT_HI]):
        if not is_free(state, slot):
            continue
        for i in range(q, q + state.wc[w, SW_COUNT]):
            op = state.queue[i]
            for pair in range(problem.op[op, OP_ELIG_LO], problem.op[op, OP_ELIG_HI]):
                if problem.elig[pair, ELIG_SLOT] != slot:
                    continue
                if nominal_end(problem, world, state, op, pair, levels[op]) >= 0:
                    return slot
    return -1


@inlined
def act(
    problem: Problem,
    world: World,
    state: State,
    levels: Ints,
    w: int,
    cand: Ints,
    mask: Bools,
    first: int,
    second: int,
) -> int:
    """Carry out both heads' actions; return how many were idle by choice or invalid.

    Head 1 serves the first usable slot, head 2 the second; a chosen operation goes to the free slot that
    finishes it first. An invalid choice of head 1 becomes the rule's best candidate, an invalid choice of
    head 2 does nothing.
    """
    fault = 0
    has_second = False
    for k in range(N_CANDIDATES):
        has_second = has_second or mask[N_ACTIONS + k]
    if first == N_CANDIDATES and mask[N_CANDIDATES]:
        fault += 1
        slot = _first_usable(problem, world, state, w, levels)
        if slot >= 0:
            decline(problem, state, slot)
    else:
        if first < 0 or first >= N_CANDIDATES or not mask[first]:
            fault += 1
            first = 0
        op = cand[first, 0]
        assign(problem, world, state, op, cand[first, 1], levels[op])
    if not has_second:
        return fault
    if second == N_CANDIDATES:
        fault += 1
        slot = _first_usable(problem, world, state, w, levels)
        if slot >= 0:
            decline(problem, state, slot)
        return fault
    pair = -1
    op = -1
    if 0 <= second < N_CANDIDATES and second != first and mask[N_ACTIONS + second]:
        op = cand[second, 0]
        pair = best_pair(problem, world, state, op, levels[op])
    if pair < 0:
        return fault + 1
    assign(problem, world, state, op, pair, levels[op])
    return fault
