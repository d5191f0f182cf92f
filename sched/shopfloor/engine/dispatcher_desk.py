"""The desk of a single dispatcher: begin an episode, choose, look again. Every call is one kernel call.

No reward is made here and nothing is drawn at random: `told` returns raw amounts, and whoever trains gives
them their worth.
"""

from __future__ import annotations

from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from shopfloor.engine.arrays import Compiled
from shopfloor.engine.dispatch import Outcome, outcome_of
from shopfloor.engine.dispatcher_observation import DeskLayout
from shopfloor.engine.episode import checked_levels, new_state
from shopfloor.engine.kernel import desk as kernel
from shopfloor.engine.kernel.desk import Desk
from shopfloor.engine.kernel.desk_play import open_desk, play
from shopfloor.engine.kernel.door import WORDS_PER_ARRAY
from shopfloor.engine.layout import ST_STATUS, Bools, Ints, OpStatus, Singles
from shopfloor.engine.rules import RuleSpec
from shopfloor.engine.scenario import nominal_world


class Told(NamedTuple):
    """What happened between two decisions.

    Attributes:
        gain: Decrease of the estimated weighted tardiness, days; over an episode it adds up to the estimate at
            the beginning minus the exact figure at the end.
        extra: Cost of the overtime that was begun, beyond that of regular hours, in regular hours.
        is_illegal: The action was not legal and the first legal job was started instead.
        has_waited: The action started nothing.
        finished: Jobs finished so far.
        started: Row of the operation that was started by choice, -1 = none.
        is_over: The episode is over.
        cost: Exact weighted tardiness of a finished episode, days; 0 before.
    """

    gain: float
    extra: float
    is_illegal: bool
    has_waited: bool
    finished: int
    started: int
    is_over: bool
    cost: float


class DispatcherDesk:
    """One dispatcher that is asked job by job.

    Attributes:
        layout: Size of what it sees.
        observation: float32 (layout.size,), overwritten by every call.
        mask: bool (layout.n_actions,), which actions are legal; overwritten by every call.
    """

    def __init__(
        self,
        layout: DeskLayout,
        *,
        rule: RuleSpec | None = None,
        may_wait: bool = False,
        observation: Singles | None = None,
        mask: Bools | None = None,
    ) -> None:
        """Allocate what outlives an episode.

        Args:
            rule: Behind the feature `index`; None = ATCS of the textbook.
            may_wait: Whether the dispatcher may leave machines idle.
            observation, mask: Contiguous memory to write into; None = memory of its own.
        """
        self.layout = layout
        self.rule = rule or RuleSpec()
        self.may_wait = may_wait
        self.observation = np.zeros(layout.size, np.float32) if observation is None else observation
        self.mask = np.zeros(layout.n_actions, np.bool_) if mask is None else mask
        self._row = np.zeros((layout.window, kernel.ROW_COLUMNS), np.int64)
        self._key = np.zeros(layout.window)
        self._told = np.zeros(kernel.TOLD_COLUMNS)
        self._rule = np.array([int(self.rule.rule)])
        self._compiled: Compiled | None = None

    def begin(self, compiled: Compiled, *, levels: Ints | None = None) -> Told:
        """Begin an episode and run on to the first decision.

        Args:
            compiled: The instance; everything happens as planned.
            levels: Overtime level of each operation; None = regular time.

        Raises:
            ValueError: The instance has more machines than the layout, or impossible levels.
        """
        n_machines = len(compiled.problem.machine)
        if n_machines > self.layout.n_machines:
            raise ValueError(
                f"the plant has more machines than the desk shows: {n_machines}, {self.layout.n_machines}\n"
                "hint: take a preset with more machines"
            )
        world = nominal_world(compiled)
        n_jobs = len(compiled.problem.job)
        local = compiled.instance.epoch.astimezone(ZoneInfo(compiled.instance.plant_tz))
        at_zero = local.weekday() * 1440 + local.hour * 60 + local.minute
        self._desk = Desk(
            problem=compiled.problem,
            world=world,
            state=new_state(compiled, world),
            levels=checked_levels(compiled, levels),
            row=self._row,
            key=self._key,
            seen=np.zeros((n_jobs, kernel.SEEN_COLUMNS), np.int64),
            urgency=np.zeros(n_jobs),
            estimates=np.zeros((n_jobs, 2)),
            obs=self.observation,
            mask=self.mask,
            told=self._told,
            knob=np.array([*self.rule.parameters(), float(at_zero), float(self.may_wait)]),
            rule=self._rule,
        )
        self.observation[:] = 0.0
        self._compiled = compiled
        n_arrays = sum(len(part) if isinstance(part, tuple) else 1 for part in self._desk)
        self._door = np.zeros(WORDS_PER_ARRAY * n_arrays, np.int64)
        open_desk(self._desk, self._door)
        return self.choose(kernel.BEGIN)

    def choose(self, action: int) -> Told:
        """Carry out an action and run on to the next decision or the end.

        Args:
            action: A row of the window, or `layout.wait`.

        Raises:
            RuntimeError: No episode was begun, or it is over.
        """
        if self._compiled is None or (action != kernel.BEGIN and self.is_over):
            raise RuntimeError("there is nothing to choose: no episode runs\nhint: call begin first")
        play(self._door, self.layout.n_machines, action)
        return self.told()

    def told(self) -> Told:
        """Return what happened since the last decision."""
        told = self._told
        return Told(
            gain=float(told[kernel.TOLD_GAIN]),
            extra=float(told[kernel.TOLD_EXTRA]),
            is_illegal=bool(told[kernel.TOLD_ILLEGAL]),
            has_waited=bool(told[kernel.TOLD_WAITED]),
            finished=int(told[kernel.TOLD_FINISHED]),
            started=int(told[kernel.TOLD_OP]),
            is_over=self.is_over,
            cost=float(told[kernel.TOLD_COST]),
        )

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to choose."""
        return bool(self._told[kernel.TOLD_CENTRE] < 0)

    @property
    def compiled(self) -> Compiled:
        """The instance of the episode."""
        assert self._compiled is not None
        return self._compiled

    @property
    def centre(self) -> int:
        """Work centre that is asked, -1 = the episode is over."""
        return int(self._told[kernel.TOLD_CENTRE])

    @property
    def minute(self) -> int:
        """Minute of the clock."""
        return int(self._desk.state.clock[0])

    @property
    def potential(self) -> float:
        """Weighted tardiness that the book would have if nothing made a job wait from now on, days."""
        return float(self._told[kernel.TOLD_POTENTIAL])

    @property
    def window(self) -> Ints:
        """Rows of jobs and operations that the window shows, int64 (window, 2), -1 = none; a copy."""
        return self._row[:, : kernel.ROW_PAIR].copy()

    def outcome(self) -> Outcome:
        """Return where every operation went so far; those that have not ended count as without a place."""
        return outcome_of(self._desk.state, self._desk.levels)

    def running(self) -> Outcome:
        """Return the same with the operations that run now in their places."""
        state = self._desk.state
        op = state.op.copy()
        op[op[:, ST_STATUS] == OpStatus.RUNNING, ST_STATUS] = OpStatus.DONE
        return outcome_of(state._replace(op=op), self._desk.levels)
