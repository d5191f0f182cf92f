"""What a chain of the search remembers: the objective, its counters, its undo log and the plans it keeps.

Column numbers and tuples of arrays; nothing is computed here.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from shopfloor.engine.layout import Floats, Ints

# --- Search.tally (int64) ---
T_TRIED = 0  # moves evaluated or given up before
T_HEAP = 1
T_LOG = 2
T_JOBS = 3
T_STAMP = 4
T_ACCEPTED = 5
T_PENDING = 6  # 1 = the plan is better than the kept one and not kept yet
T_REFUSED = 7  # plans better than the kept one that the guard refused
T_TOUCHED = 8
T_STEPS = 9  # steps of the last move
T_NEXT_LOOK = 10  # tried moves before which the guard does not look again
T_BACKOFF = 11  # moves that it waits after the next refusal
TALLY = 12

# --- Search.money (float64) ---
M_COST = 0  # of the plan
M_KEPT = 1  # of the kept plan, which passes the guard
M_BEST = 2  # lowest of any plan
M_LAST = 3  # last completion of all jobs, where the makespan costs
M_LOOSE = 4  # of the plan that passes the guard but for the spread of utilisation
MONEY = 5

# --- Weights.flat (float64) ---
W_BALANCE = 0  # per squared minute of a slot's load
W_SETUP = 1  # per minute of setup
W_EXTRA = 2  # per weighted overtime minute
W_MOVE = 3  # per operation moved against the active plan
W_MAKESPAN = 4  # per minute of the last completion
FLAT = 5

# --- Search.back (int64): the steps of the last move, and where each operation stood ---
B_OP = 0
B_SLOT = 1
B_BEFORE = 2
B_RUN = 3
B_LEVEL = 4
B_LAST = 5  # first row only: last completion of all jobs before the move
BACK = 6
# --- sizes ---
LONGEST = 8  # operations of a run that moves as one; a move takes two runs at most
MARKS = 64  # moments of each slot that are remembered


class Weights(NamedTuple):
    """The objective as the kernel reads it.

    Attributes:
        rate: float64 (jobs, 2), cost per minute late and of being late at all.
        flat: float64 (FLAT,).
        old_machine: int64 (operations,), machine in the active plan, -1 = none.
        old_start: int64 (operations,), start there.
        earliest: int64 (operations,), first minute of each operation.
        move_until: int64 (1,), starts from this minute on do not count as moved.
    """

    rate: Floats
    flat: Floats
    old_machine: Ints
    old_start: Ints
    earliest: Ints
    move_until: Ints


class Search(NamedTuple):
    """Working memory of one chain.

    Attributes:
        tally: int64 (TALLY,).
        money: float64 (MONEY,).
        rng: uint64 (1,).
        heap: int64 (2 x operations + 16,), operations to be timed, by old start.
        stamp: int64 (operations,), evaluation in which an operation was pushed last.
        log: int64 (operations + 4, 6), what a row was: operation, start, end, setup, stretch, extra.
        job_log: int64 (jobs + 4, 2), job and its old end.
        back: int64 (2 x LONGEST, BACK), where the moved operations stood.
        figures: float64 (FIGURES,), of the plan that the guard looked at last.
        kept: int64 (operations, 6), the best guarded plan: start, end, slot, run, setup, level.
        loose: int64 (operations, 6), the best plan that passes the guard but for the spread of utilisation.
        limit: float64 (FIGURES,), what a plan must not exceed, see `guard.py`.
        slope: float64 (operations,), see `slopes.py`.
        order: int64 (operations,), by start when the slopes were worked out last.
        mark: int64 (slots, MARKS), an operation near each of so many moments of each slot, as it was then; -1 = none.
        span: int64 (2,), first moment of the marks and the minutes between two.
    """

    tally: Ints
    money: Floats
    rng: np.ndarray
    heap: Ints
    stamp: Ints
    log: Ints
    job_log: Ints
    back: Ints
    figures: Floats
    kept: Ints
    loose: Ints
    limit: Floats
    slope: Floats
    order: Ints
    mark: Ints
    span: Ints
