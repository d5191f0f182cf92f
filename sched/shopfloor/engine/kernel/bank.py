"""Many problems and many environments in a few arrays, and the views of one of them.

A `Bank` holds several problems end to end; an environment reads its own by slices, so one compiled function
serves all. Nothing is computed here and nothing is copied.
"""

from __future__ import annotations

from typing import NamedTuple

from shopfloor.engine.kernel.door import tuple_type
from shopfloor.engine.kernel.jit import inlined
from shopfloor.engine.layout import Bools, Floats, Ints, Problem, Singles, State, World

# --- Envs.row ---
ROW_PROBLEM = 0
ROW_IS_SCENARIO = 1
ROW_CALENDARS = 2  # realised calendars
ROW_STRETCHES = 3  # their stretches
ROW_CENTRE = 4  # work centre that must decide, -1 = episode over
ROW_CANDIDATES = 5
ROW_COLUMNS = 6

# --- Envs.last (float64) ---
LAST_POTENTIAL = 0
LAST_TIME = 1
LAST_FINISHED = 2
LAST_PENALTY = 3
LAST_SLACK = 4
LAST_WIP = 5
LAST_COLUMNS = 6

N_TERMS = 7


class Bank(NamedTuple):
    """Problems end to end.

    Attributes:
        problem: Each field of all problems, one after the other.
        world: Likewise of the nominal worlds; their calendars are those of `problem`.
        off: int64 (problems + 1, fields of `Problem`), first row of each problem in each of its fields.
    """

    problem: Problem
    world: World
    off: Ints


class Envs(NamedTuple):
    """All environments; the first axis of every array is the environment.

    Attributes:
        world: Realised worlds.
        state: States.
        row: int64 (envs, ROW_COLUMNS).
        last: float64 (envs, LAST_COLUMNS), what was true at the last decision.
        cand: int64 (envs, 10, 3).
        estimates: float64 (envs, jobs, EST_COLUMNS), see `estimates`.
        known: float64 (envs, 16, 3), see `plant_state`.
        seen: float64 (operations + 10, 6), scratch shared by all.
        counts: float64 (3,), scratch shared by all.
        levels: int64 (operations,), zeros.
        obs: float32 (envs, 132).
        mask: bool (envs, 22).
        glob: float32 (envs, 88).
        terms: float64 (envs, 7).
        elapsed: float64 (envs,), minutes since the last decision.
        done: bool (envs,).
        cost: float64 (envs,), weighted tardiness in days of the last finished episode.
        par: float64 (3,), of the rule that preselects.
        rule: int64 (1,), its code.
    """

    world: World
    state: State
    row: Ints
    last: Floats
    cand: Ints
    estimates: Floats
    known: Floats
    seen: Floats
    counts: Floats
    levels: Ints
    obs: Singles
    mask: Bools
    glob: Singles
    terms: Floats
    elapsed: Floats
    done: Bools
    cost: Floats
    par: Floats
    rule: Ints


class Batch(NamedTuple):
    """What a step needs."""

    bank: Bank
    envs: Envs


_PROBLEM = "i2 f2 i1 i1 i2 i2 f1 i2 i2 i2 f2 i2 i1 i2 i1 i1 i1 i1 i2 i1 i1 f1"
_NOMINAL = "i1 i1 i1 i1 i2 i1 i1 i1 i1"
_REALISED = "i2 i2 i2 i2 i3 i2 i2 i2 i2"
_STATES = "i2 i2 i3 i3 i3 i2 i2"
_ENVS = "i2 f2 i3 f3 f3 f2 f1 i1 s2 b2 s2 f2 f1 b1 f1 f1 i1"

BANK_TYPE = tuple_type(
    Bank, [tuple_type(Problem, _PROBLEM.split()), tuple_type(World, _NOMINAL.split()), "i2"]
)
ENVS_TYPE = tuple_type(
    Envs,
    [tuple_type(World, _REALISED.split()), tuple_type(State, _STATES.split()), *_ENVS.split()],
)
BATCH_TYPE = tuple_type(Batch, [BANK_TYPE, ENVS_TYPE])


@inlined
def problem_at(bank: Bank, i: int) -> Problem:
    """Return problem i of a bank: views, no copies."""
    p = bank.problem
    lo = bank.off[i]
    hi = bank.off[i + 1]
    return Problem(
        op=p.op[lo[0] : hi[0]],
        op_work=p.op_work[lo[1] : hi[1]],
        succ_off=p.succ_off[lo[2] : hi[2]],
        succ=p.succ[lo[3] : hi[3]],
        elig=p.elig[lo[4] : hi[4]],
        job=p.job[lo[5] : hi[5]],
        job_weight=p.job_weight[lo[6] : hi[6]],
        slot=p.slot[lo[7] : hi[7]],
        machine=p.machine[lo[8] : hi[8]],
        wc=p.wc[lo[9] : hi[9]],
        wc_mean=p.wc_mean[lo[10] : hi[10]],
        group=p.group[lo[11] : hi[11]],
        setup=p.setup[lo[12] : hi[12]],
        cal_of=p.cal_of[lo[13] : hi[13]],
        cal_off=p.cal_off[lo[14] : hi[14]],
        cal_start=p.cal_start[lo[15] : hi[15]],
        cal_end=p.cal_end[lo[16] : hi[16]],
        cal_cum=p.cal_cum[lo[17] : hi[17]],
        reservation=p.reservation[lo[18] : hi[18]],
        greedy_order=p.greedy_order[lo[19] : hi[19]],
        constant=p.constant[lo[20] : hi[20]],
        stretch=p.stretch[lo[21] : hi[21]],
    )


@inlined
def world_at(bank: Bank, envs: Envs, b: int, problem: Problem) -> World:
    """Return environment b's world: its own realisation, or the nominal one."""
    n_pairs = problem.elig.shape[0]
    n_jobs = problem.job.shape[0]
    n_reserved = problem.reservation.shape[0]
    if envs.row[b, ROW_IS_SCENARIO] == 0:
        lo = bank.off[envs.row[b, ROW_PROBLEM]]
        nominal = bank.world
        return World(
            run=nominal.run[lo[4] : lo[4] + n_pairs],
            arrival=nominal.arrival[lo[5] : lo[5] + n_jobs],
            res_end=nominal.res_end[lo[18] : lo[18] + n_reserved],
            res_work=nominal.res_work[lo[18] : lo[18] + n_reserved],
            cal_of=problem.cal_of,
            cal_off=problem.cal_off,
            cal_start=problem.cal_start,
            cal_end=problem.cal_end,
            cal_cum=problem.cal_cum,
        )
    own = envs.world
    n = envs.row[b, ROW_STRETCHES]
    return World(
        run=own.run[b, :n_pairs],
        arrival=own.arrival[b, :n_jobs],
        res_end=own.res_end[b, :n_reserved],
        res_work=own.res_work[b, :n_reserved],
        cal_of=own.cal_of[b, : problem.cal_of.shape[0]],
        cal_off=own.cal_off[b, : envs.row[b, ROW_CALENDARS] + 1],
        cal_start=own.cal_start[b, :n],
        cal_end=own.cal_end[b, :n],
        cal_cum=own.cal_cum[b, :n],
    )


@inlined
def state_at(envs: Envs, b: int, problem: Problem) -> State:
    """Return environment b's state: views, no copies."""
    states = envs.state
    n = problem.op.shape[0]
    return State(
        clock=states.clock[b],
        heap=states.heap[b],
        op=states.op[b, :n],
        slot=states.slot[b, : problem.slot.shape[0]],
        wc=states.wc[b, : problem.wc.shape[0]],
        queue=states.queue[b, :n],
        hint=states.hint[b],
    )
