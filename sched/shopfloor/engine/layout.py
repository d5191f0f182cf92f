"""The shapes that cross into the kernels: column numbers, codes and the tuples of arrays.

No computation here. Packed integer tables keep the tuples short: a row is one operation, slot, machine, ...
and the constants below name its columns. All integers are int64, all times minutes since the instance's
epoch.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Bools = NDArray[np.bool_]

# --- Problem.op: one row per operation, predecessors first ---
OP_JOB: Final = 0
OP_FAMILY: Final = 1
OP_WC: Final = 2  # -1: its machine type does not exist
OP_PRED: Final = 3  # -1: ready at release
OP_SEQUENCE: Final = 4
OP_ELIG_LO: Final = 5  # its rows in Problem.elig
OP_ELIG_HI: Final = 6
OP_INTERRUPTIBLE: Final = 7
OP_ROLE: Final = 8  # Role
OP_CODE: Final = 9  # Code: why it is blocked; 0 otherwise
OP_RESERVATION: Final = 10  # its row in Problem.reservation, -1 = none
OP_GROUP: Final = 11  # its row in Problem.group, -1: it never waits in a queue
OP_COLUMNS: Final = 12

# --- Problem.op_work (float64) ---
WORK_MEAN: Final = 0  # mean nominal run minutes over its eligible slots, >= 1
WORK_AFTER: Final = 1  # nominal run minutes of its longest chain of successors
WORK_COLUMNS: Final = 2

# --- Problem.elig: one row per eligible (operation, slot) ---
ELIG_SLOT: Final = 0
ELIG_RUN: Final = 1  # nominal run minutes there, >= 1
ELIG_COLUMNS: Final = 2

# --- Problem.job ---
JOB_RELEASE: Final = 0
JOB_DUE: Final = 1
JOB_ARRIVAL: Final = 2  # first minute at which anybody knows of it
JOB_FIRST_OP: Final = 3
JOB_N_OPS: Final = 4
JOB_COLUMNS: Final = 5

# --- Problem.slot: slots of one work centre are neighbours ---
SLOT_MACHINE: Final = 0
SLOT_WC: Final = 1
SLOT_FAMILY: Final = 2  # set up for, -1 = unknown
SLOT_RES_LO: Final = 3  # its rows in Problem.reservation, by start
SLOT_RES_HI: Final = 4
SLOT_BIT: Final = 5  # a bit of its own within its work centre; 0 where that has more than 62 slots
SLOT_COLUMNS: Final = 6

# --- Problem.machine ---
MACHINE_WC: Final = 0
MACHINE_SAME: Final = 1
MACHINE_DIFFERENT: Final = 2
MACHINE_COLUMNS: Final = 3

# --- Problem.wc: work centres, in the order of Plant.machine_types ---
WC_SLOT_LO: Final = 0
WC_SLOT_HI: Final = 1
WC_QUEUE_LO: Final = 2  # its stretch of State.queue
WC_QUEUE_HI: Final = 3
WC_GROUP_LO: Final = 4  # its rows in Problem.group
WC_GROUP_HI: Final = 5
WC_COLUMNS: Final = 6

# --- Problem.group: operations of one family with the same eligible slots; those of a work centre are
# neighbours ---
GROUP_OP: Final = 0  # one of its operations
GROUP_LO: Final = 1  # its stretch of Ranking.ops
GROUP_HI: Final = 2
GROUP_SLOT_LO: Final = 3  # its stretch of Ranking.gap: one row per eligible slot
GROUP_SLOT_HI: Final = 4
GROUP_IS_INTERRUPTIBLE: Final = 5
GROUP_COLUMNS: Final = 6

# --- Ranking.group ---
RG_LATE: Final = 0  # late operations that wait
RG_EARLY: Final = 1  # early ones
RG_SLOTS: Final = 2  # bits of its eligible slots; -1 where slots have no bits
RG_PLACE: Final = 3  # its place in Ranking.line while somebody waits
RG_COLUMNS: Final = 4

# --- Problem.wc_mean (float64) ---
MEAN_RUN: Final = 0  # mean nominal run minutes of its operations, >= 1
MEAN_SETUP: Final = 1  # mean different-family setup of its machines, >= 1
MEAN_COLUMNS: Final = 2

# --- Problem.reservation: commitments and start pins, by (slot, start) ---
RES_OP: Final = 0
RES_SLOT: Final = 1  # -1: its machine left the plant
RES_START: Final = 2
RES_END: Final = 3  # start pin: an upper bound
RES_SETUP: Final = 4
RES_LEVEL: Final = 5
RES_IS_PIN: Final = 6
RES_WORK: Final = 7  # work minutes left at max(start, now)
RES_COLUMNS: Final = 8

# --- Problem.constant ---
CONST_NOW: Final = 0
CONST_HORIZON: Final = 1
CONST_FAMILIES: Final = 2
CONST_COLUMNS: Final = 3

# --- State.clock ---
CLOCK_TIME: Final = 0
CLOCK_HEAP: Final = 1  # events in the heap
CLOCK_STATUS: Final = 2  # Status
CLOCK_IS_SCENARIO: Final = 3
CLOCK_WAITING: Final = 4
CLOCK_DONE: Final = 5
CLOCK_DECISIONS: Final = 6
CLOCK_RUNNING: Final = 7
CLOCK_DECLINED: Final = 8  # slots that are declined now
CLOCK_TOUCHED: Final = (
    9  # bits of the work centres touched since a rule's run last looked; 62 = any from there
)
CLOCK_COLUMNS: Final = 10

# --- State.op ---
ST_STATUS: Final = 0  # OpStatus
ST_SLOT: Final = 1
ST_START: Final = 2
ST_END: Final = 3
ST_SETUP: Final = 4
ST_RUN: Final = 5
ST_ARRIVAL: Final = 6  # minute at which it joined its queue
ST_CODE: Final = 7  # Code
ST_PLACE: Final = 8  # its place in State.queue while it waits there
ST_COLUMNS: Final = 9

# --- State.slot ---
SS_FREE: Final = 0
SS_FAMILY: Final = 1
SS_RES: Final = 2  # next reservation
SS_DECLINED: Final = 3
SS_WAKE: Final = 4  # minute of the pending wake event, -1 = none
SS_BUSY: Final = 5  # work minutes given to it so far
SS_COLUMNS: Final = 6

# --- State.wc ---
SW_COUNT: Final = 0  # operations in its queue
SW_DIRTY: Final = 1
SW_RUNNING: Final = 2
SW_IDLE: Final = 3  # bits of its idle slots, declined or not; -1 where slots have no bits
SW_COLUMNS: Final = 4


class Role(IntEnum):
    """What kind of operation it is before the run begins."""

    NORMAL = 0
    COMMITTED = 1
    START_PIN = 2
    BLOCKED = 3


class Code(IntEnum):
    """Why an operation has no place; the names are those of `UnassignedCode`."""

    NONE = 0
    NO_ELIGIBLE_MACHINE = 1
    NO_OPEN_TIME = 2
    MISSING_ROUTE = 3
    PREDECESSOR_UNASSIGNED = 4
    QUARANTINED = 5
    BAD_PIN = 6


class OpStatus(IntEnum):
    """Where an operation is in its life."""

    PENDING = 0
    WAITING = 1
    RUNNING = 2
    DONE = 3
    BLOCKED = 4
    PIN_READY = 5


class Event(IntEnum):
    """Kinds of event; within one instant the smaller goes first."""

    END = 0
    READY = 1
    RESERVATION = 2
    WAKE = 3


class Status(IntEnum):
    """What a kernel answers."""

    OK = 0
    HEAP_FULL = 1


class Problem(NamedTuple):
    """One instance as flat arrays; never modified by a kernel.

    Attributes:
        op: int64 (operations, OP_COLUMNS).
        op_work: float64 (operations, WORK_COLUMNS).
        succ_off: int64 (operations + 1,), rows of `succ`.
        succ: int64 (links,), operations that wait for this one.
        elig: int64 (eligible pairs, ELIG_COLUMNS), sorted by (operation, slot).
        job: int64 (jobs, JOB_COLUMNS).
        job_weight: float64 (jobs,).
        slot: int64 (slots, SLOT_COLUMNS).
        machine: int64 (machines, MACHINE_COLUMNS).
        wc: int64 (work centres, WC_COLUMNS).
        wc_mean: float64 (work centres, MEAN_COLUMNS).
        group: int64 (groups, GROUP_COLUMNS).
        setup: int64 flat cube [work centre, from family + 1, to family], -1 = no rule; length 0 = no rules.
        cal_of: int64 (machines, 3), calendar of each machine and level.
        cal_off: int64 (calendars + 1,), rows of the three arrays below.
        cal_start: int64 (stretches,), first open minute; touching stretches are merged.
        cal_end: int64 (stretches,), first closed minute after it.
        cal_cum: int64 (stretches,), open minutes of the calendar before this stretch.
        reservation: int64 (commitments and start pins, RES_COLUMNS).
        greedy_order: int64 (operations,), the order of the plant's own greedy.
        constant: int64 (CONST_COLUMNS,).
        stretch: float64 (2,), calendar minutes per regular working minute; mean weight of the jobs.
    """

    op: Ints
    op_work: Floats
    succ_off: Ints
    succ: Ints
    elig: Ints
    job: Ints
    job_weight: Floats
    slot: Ints
    machine: Ints
    wc: Ints
    wc_mean: Floats
    group: Ints
    setup: Ints
    cal_of: Ints
    cal_off: Ints
    cal_start: Ints
    cal_end: Ints
    cal_cum: Ints
    reservation: Ints
    greedy_order: Ints
    constant: Ints
    stretch: Floats


class World(NamedTuple):
    """What really happens; without disturbances these are the problem's own nominal arrays.

    Attributes:
        run: int64 (eligible pairs,), realised run minutes, >= 1.
        arrival: int64 (jobs,), first minute at which the job is known.
        res_end: int64 (reservations,), realised end of a commitment.
        res_work: int64 (reservations,), realised work minutes left at max(start, now).
        cal_of, cal_off, cal_start, cal_end, cal_cum: Realised calendars, as in `Problem`.
    """

    run: Ints
    arrival: Ints
    res_end: Ints
    res_work: Ints
    cal_of: Ints
    cal_off: Ints
    cal_start: Ints
    cal_end: Ints
    cal_cum: Ints


class Scratch(NamedTuple):
    """Working memory of one decision; no meaning between two calls.

    Attributes:
        obs: float32 (132,).
        mask: bool (22,).
        cand: int64 (10, 3), operation, eligible pair and row of `seen` of each preselected candidate.
        seen: float64 (operations + 10, 6), the queue's quantities; the last 10 rows hold the best indices.
        logits: float32 (2, 11).
        hidden: float32 (3, widest hidden layer).
        jobs: float64 (jobs, 2).
    """

    obs: Singles
    mask: Bools
    cand: Ints
    seen: Floats
    logits: Singles
    hidden: Singles
    jobs: Floats


class Ranking(NamedTuple):
    """The waiting operations of a rule's run by urgency; see `kernel/ranking.py`.

    Attributes:
        ops: int64 (operations,), each group has its own stretch: the late ones from its beginning, the early
            ones from its end, the most urgent of either nearest to the middle.
        group: int64 (groups, RG_COLUMNS), who waits in each group and for which slots.
        line: int64 (groups,), the groups of each work centre in which somebody waits, in its own stretch.
        n_line: int64 (work centres,), how many groups these are.
        key: float64 (operations, 2), what late and early operations are ordered by.
        gap: float64 (eligible slots of all groups, 2), what late and early operations lose at least there.
        loss: float64 (groups, 2), scratch: what late and early operations lose at least on an open slot.
        bound: float64 (groups,), what no waiting operation of the group can exceed; scratch unless the rule's
            index is the late key.
        chosen: int64 (4,), scratch: best operation so far, -1 = none, its eligible pair, part and place.
        best: float64 (1,), scratch: its index.
    """

    ops: Ints
    group: Ints
    line: Ints
    n_line: Ints
    key: Floats
    gap: Floats
    loss: Floats
    bound: Floats
    chosen: Ints
    best: Floats


class State(NamedTuple):
    """One running episode; modified in place by the kernels.

    Attributes:
        clock: int64 (CLOCK_COLUMNS,).
        heap: int64 (capacity,), events as time, kind and payload in one number.
        op: int64 (operations, ST_COLUMNS).
        slot: int64 (slots, SS_COLUMNS).
        wc: int64 (work centres, SW_COLUMNS).
        queue: int64 (operations,), waiting operations of each work centre in its own stretch.
        hint: int64 (calendars + realised calendars,), stretch of each calendar that was open last.
    """

    clock: Ints
    heap: Ints
    op: Ints
    slot: Ints
    wc: Ints
    queue: Ints
    hint: Ints
