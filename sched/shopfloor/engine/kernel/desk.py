"""What lies on a single dispatcher's desk: its window of jobs, what it sees, what happened since it was last asked.

Column numbers and arrays, modified in place by `desk_choice.py` and `desk_view.py`. Names and scales of what is
seen stand in `dispatcher_observation.py`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from shopfloor.engine.kernel.bank import BANK_TYPE
from shopfloor.engine.kernel.door import door_to, tuple_type
from shopfloor.engine.layout import Bools, Floats, Ints, Problem, Singles, State, World

# --- Desk.row: one row per row of the window ---
ROW_JOB = 0  # -1: no job
ROW_OP = 1
ROW_PAIR = 2  # -1: may not start now
ROW_COLUMNS = 3

# --- Desk.seen (int64), one row per job ---
SEEN_OP = 0  # the operation that stands for it, -1 = none
SEEN_PAIR = 1
SEEN_RANK = 2  # one of the ranks below
SEEN_COLUMNS = 3

RANK_LEGAL = 0
RANK_WAITING = 1
RANK_RUNNING = 2
RANK_PENDING = 3
RANK_NONE = 4

# --- Desk.told (float64) ---
TOLD_CENTRE = 0  # work centre that is asked, -1 = the episode is over
TOLD_POTENTIAL = 1  # estimated weighted tardiness, days
TOLD_GAIN = 2  # by how much it fell since the last decision
TOLD_EXTRA = 3  # extra cost of overtime begun since then, regular hours
TOLD_ILLEGAL = 4  # 1: the last action was not legal
TOLD_WAITED = 5  # 1: it waited
TOLD_COST = 6  # exact weighted tardiness of a finished episode, days
TOLD_FINISHED = 7  # jobs finished so far
TOLD_WAITS = 8  # waits in a row
TOLD_OP = 9  # operation that was started by choice, -1 = none
TOLD_COLUMNS = 10

# --- Desk.knob (float64) ---
KNOB_TZ = 3  # plant-local minute of the week at minute 0, Monday 00:00 = 0; before it the rule's k1, k2, tail
KNOB_MAY_WAIT = 4
KNOB_COLUMNS = 5

BEGIN = -1
"""The action that begins an episode."""


class Desk(NamedTuple):
    """One dispatcher's episode.

    Attributes:
        levels: int64 (operations,), overtime level of each.
        row: int64 (window, ROW_COLUMNS), who stands in the window.
        key: float64 (window,), what the window is sorted by.
        seen: int64 (jobs, SEEN_COLUMNS), scratch.
        urgency: float64 (jobs,), log-index of a job that may start now.
        estimates: float64 (jobs, 2), completion and open operations, see `estimates`.
        obs: float32 (size of the layout,).
        mask: bool (window + 1,).
        told: float64 (TOLD_COLUMNS,).
        knob: float64 (KNOB_COLUMNS,).
        rule: int64 (1,), the rule behind `urgency`.
    """

    problem: Problem
    world: World
    state: State
    levels: Ints
    row: Ints
    key: Floats
    seen: Ints
    urgency: Floats
    estimates: Floats
    obs: Singles
    mask: Bools
    told: Floats
    knob: Floats
    rule: Ints


_STATE = "i1 i1 i2 i2 i2 i1 i1"
_BANK: Any = BANK_TYPE
DESK_TYPE = tuple_type(
    Desk,
    [
        _BANK.types[0],
        _BANK.types[1],
        tuple_type(State, _STATE.split()),
        *["i1", "i2", "f1", "i2", "f1", "f2", "s1", "b1", "f1", "f1", "i1"],
    ],
)
open_door = door_to(DESK_TYPE)
