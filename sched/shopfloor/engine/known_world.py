"""What is known at a minute of a running shop, as a problem of its own: the only door to re-planning.

Known are: jobs that have arrived; what has ended, with its real times; what runs, with its start and an expected
end; which machines stand still now, with an expected repair. Not known are later breakdowns, later arrivals and
how long anything will really take. The arrays of the instance are patched, not made again: rows keep their places,
so a plan for what is known speaks of the same operations as the shop.

Only shops in regular time whose commitments have all begun, and without start pins.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from shopfloor.domain.errors import InvalidInstance
from shopfloor.engine import layout as at
from shopfloor.engine.arrays import Compiled
from shopfloor.engine.compile_calendars import without
from shopfloor.engine.dispatch import Outcome
from shopfloor.engine.following import Shop
from shopfloor.engine.kernel.follow import expect_ends
from shopfloor.engine.layout import Bools, Code, Floats, Ints, OpStatus, Problem, Role
from shopfloor.engine.scenario import Disturbances


@dataclass(frozen=True, eq=False)
class Outlook:
    """What experience says of disturbances: statistics, never this scenario's draws.

    Attributes:
        repair: Mean minutes of a repair, float64 (machines,). Repairs are taken as memoryless: one that lasts
            already is expected to last as long again.
        sigma: Standard deviation of the log of realised / nominal minutes.
    """

    repair: Floats
    sigma: float

    @classmethod
    def of(cls, compiled: Compiled, disturbances: Disturbances) -> Outlook:
        """Return the means of the disturbances."""
        _, down_h = disturbances.machine_hours(compiled)
        return cls(60.0 * down_h, disturbances.duration_sigma)


@dataclass(frozen=True, eq=False)
class Known:
    """The shop as it is known at `now`.

    Attributes:
        compiled: Arrays whose now is this minute; its instance is still that of the beginning.
        now: The minute.
        is_down: Machines that stand still, bool (machines,).
        is_known: Jobs that have arrived, bool (jobs,).
        has_ended: Operations that have ended, bool (operations,).
    """

    compiled: Compiled
    now: int
    is_down: Bools
    is_known: Bools
    has_ended: Bools

    @property
    def is_open(self) -> Bools:
        """Operations that may be planned: known and not begun, bool (operations,)."""
        op = self.compiled.problem.op
        return np.asarray(op[:, at.OP_ROLE] == Role.NORMAL)

    def retimed(self, plan: Outcome, newcomers: Outcome) -> Outcome:
        """Return a plan in its order with what has begun since as it is, ready to be timed anew.

        Args:
            plan: The plan so far; may lack jobs and may be late.
            newcomers: A plan of everything known; has the place of operations that `plan` lacks.
        """
        op = self.compiled.problem.op
        is_open = self.is_open & newcomers.is_scheduled
        lacks = is_open & ~plan.is_scheduled
        slot = np.where(lacks, newcomers.slot, plan.slot)
        wanted = np.where(lacks, newcomers.start, plan.start)
        elig, pair = self.compiled.problem.elig, op[:, at.OP_ELIG_LO].copy()
        last = op[:, at.OP_ELIG_HI] - 1
        for _ in range(int((last - pair).max(initial=0))):
            pair += is_open & (pair < last) & (elig[np.minimum(pair, len(elig) - 1), at.ELIG_SLOT] != slot)
        run = elig[np.minimum(pair, len(elig) - 1), at.ELIG_RUN]
        order = np.lexsort((np.arange(len(op)), wanted))
        place = np.empty(len(op), dtype=np.int64)
        place[order] = self.now + 1 + np.arange(len(op))
        return Outcome(
            slot=np.where(is_open, slot, newcomers.slot),
            start=np.where(is_open, place, newcomers.start),
            end=np.where(is_open, place + 1, newcomers.end),
            setup=np.where(is_open, 0, newcomers.setup),
            run=np.where(is_open, run, newcomers.run),
            level=newcomers.level,
            code=newcomers.code,
            n_decisions=newcomers.n_decisions,
            end_time=newcomers.end_time,
        )


def require_plain(compiled: Compiled) -> None:
    """Check that a shop is of the kind that this module can look at.

    Raises:
        InvalidInstance: It has start pins, or commitments that have not begun.
    """
    problem = compiled.problem
    row = problem.reservation
    wrong = (row[:, at.RES_IS_PIN] == 1) | (row[:, at.RES_START] > problem.constant[at.CONST_NOW])
    if wrong.any():
        names = [compiled.operation_ids[i] for i in row[wrong, at.RES_OP]]
        raise InvalidInstance(
            f"pinned or frozen operations cannot be planned again event by event: {names[:3]}\n"
            "hint: re-planning knows what runs and what is free"
        )


def known_now(shop: Shop, outlook: Outlook) -> Known:
    """Return what is known at the shop's minute. Reads nothing of the scenario that lies later."""
    problem, world, state = shop.compiled.problem, shop.scenario.world, shop.state
    now = shop.now
    is_down = shop.machines_down()
    known = _with_repairs(problem, now, np.flatnonzero(is_down), outlook)
    status = state.op[:, at.ST_STATUS]
    has_ended = status == OpStatus.DONE
    has_begun = has_ended | (status == OpStatus.RUNNING)
    is_known = np.asarray(world.arrival <= now)
    left = np.ones(len(status), dtype=np.int64)
    end = state.op[:, at.ST_END] * has_ended
    expect_ends(problem, known, world, state, outlook.sigma, left, end)

    begun = np.flatnonzero(has_begun)
    begun = begun[np.lexsort((begun, end[begun], state.op[begun, at.ST_START], state.op[begun, at.ST_SLOT]))]
    row = np.zeros((len(begun), at.RES_COLUMNS), dtype=np.int64)
    row[:, at.RES_OP] = begun
    row[:, at.RES_SLOT] = state.op[begun, at.ST_SLOT]
    row[:, at.RES_START] = state.op[begun, at.ST_START]
    row[:, at.RES_END] = end[begun]
    row[:, at.RES_SETUP] = state.op[begun, at.ST_SETUP]
    row[:, at.RES_WORK] = left[begun]

    op = problem.op.copy()
    unknown = ~has_begun & ~is_known[op[:, at.OP_JOB]]
    op[has_begun, at.OP_ROLE] = Role.COMMITTED
    op[unknown, at.OP_ROLE] = Role.BLOCKED
    op[unknown, at.OP_CODE] = Code.MISSING_ROUTE
    op[:, at.OP_RESERVATION] = -1
    op[begun, at.OP_RESERVATION] = np.arange(len(begun))
    slot = problem.slot.copy()
    bounds = np.searchsorted(row[:, at.RES_SLOT], np.arange(len(slot) + 1))
    slot[:, at.SLOT_RES_LO], slot[:, at.SLOT_RES_HI] = bounds[:-1], bounds[1:]
    constant = problem.constant.copy()
    constant[at.CONST_NOW] = now
    patched = known._replace(op=op, slot=slot, reservation=row, constant=constant)
    return Known(replace(shop.compiled, problem=patched), now, is_down, is_known, has_ended)


def _with_repairs(problem: Problem, now: int, down: Ints, outlook: Outlook) -> Problem:
    """Return the problem with each machine that stands still closed until its expected repair."""
    if not len(down):
        return problem
    cal_of = problem.cal_of.copy()
    starts, ends, cums = [problem.cal_start], [problem.cal_end], [problem.cal_cum]
    lengths: list[int] = []
    for machine in down:
        calendar = problem.cal_of[machine, 0]
        lo, hi = problem.cal_off[calendar], problem.cal_off[calendar + 1]
        lo += np.searchsorted(problem.cal_end[lo:hi], now, side="right")
        until = now + max(1, round(float(outlook.repair[machine])))
        near = lo + np.searchsorted(problem.cal_start[lo:hi], until)
        start, end = without(problem.cal_start[lo:near], problem.cal_end[lo:near], [(now, until)])
        start = np.concatenate([start, problem.cal_start[near:hi]])
        end = np.concatenate([end, problem.cal_end[near:hi]])
        cal_of[machine, 0] = len(problem.cal_off) - 1 + len(lengths)
        lengths.append(len(start))
        starts.append(start)
        ends.append(end)
        cums.append(np.cumsum(end - start) - (end - start))
    return problem._replace(
        cal_of=cal_of,
        cal_off=np.concatenate([problem.cal_off, problem.cal_off[-1] + np.cumsum(lengths)]),
        cal_start=np.concatenate(starts),
        cal_end=np.concatenate(ends),
        cal_cum=np.concatenate(cums),
    )
