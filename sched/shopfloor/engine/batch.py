"""Episodes for learning: many environments stepped together.

No reward is made here: `step` returns raw terms and whoever trains gives them their weights and signs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from shopfloor.engine import layout as at
from shopfloor.engine.arrays import Compiled
from shopfloor.engine.dispatch import Outcome, outcome_of
from shopfloor.engine.episode import heap_capacity
from shopfloor.engine.kernel.bank import (
    LAST_COLUMNS,
    N_TERMS,
    ROW_CALENDARS,
    ROW_CENTRE,
    ROW_COLUMNS,
    ROW_IS_SCENARIO,
    ROW_PROBLEM,
    ROW_STRETCHES,
    Bank,
    Batch,
    Envs,
)
from shopfloor.engine.kernel.batch import advance, open_door
from shopfloor.engine.kernel.door import WORDS_PER_ARRAY
from shopfloor.engine.kernel.estimates import EST_COLUMNS
from shopfloor.engine.layout import Bools, Floats, Ints, Problem, Singles, State, World
from shopfloor.engine.observation import (
    MASK_SIZE,
    MAX_WORK_CENTRES,
    N_CANDIDATES,
    N_HEADS,
    OBSERVATION_SIZE,
    STATE_SIZE,
)
from shopfloor.engine.rules import RuleSpec
from shopfloor.engine.scenario import Disturbances, nominal_world, realise

_NESTED = ("world", "state")
_OWN_WORLD = ("run", "arrival", "res_end", "res_work")


class Observation(NamedTuple):
    """What the acting station of each environment sees; views that the next step overwrites.

    Attributes:
        local: float32 (envs, 132).
        mask: bool (envs, 22), head 1 then head 2; entry 10 of each head is idle.
        glob: float32 (envs, 88), the critic's state.
        agent: int64 (envs,), work centre that must decide, -1 where the episode is over.
    """

    local: Singles
    mask: Bools
    glob: Singles
    agent: Ints


class StepResult(NamedTuple):
    """What happened between two decisions; views that the next step overwrites.

    Attributes:
        terms: float64 (envs, 7), raw amounts in the order of `REWARD_TERMS`: jobs completed; 1 when every
            operation of the episode is done; weighted tardiness days of the jobs completed; mean clipped
            slack of the open jobs (-1..1) x days; waiting and running operations per slot x days; idle or
            invalid actions; decrease of the estimated weighted tardiness in days, which telescopes to minus
            the exact final one.
        done: bool (envs,), the episode is over.
        elapsed: float64 (envs,), minutes.
    """

    terms: Floats
    done: Bools
    elapsed: Floats


class BatchEngine:
    """Environments over a bank of compiled instances; a `step` is one kernel call for all of them.

    One row per environment is the station that must act now. Forced choices (one operation that may start)
    are taken on the way, so every row is a real decision.
    """

    def __init__(
        self,
        compiled: Sequence[Compiled],
        n_envs: int,
        *,
        rule: RuleSpec,
        disturbances: Disturbances | None = None,
    ) -> None:
        """Allocate the environments; each must be reset before the first step.

        Args:
            compiled: The bank, not empty.
            n_envs: Environments, >= 1.
            rule: Preselects and orders the candidates.
            disturbances: Of disturbed episodes; None = `reset(disturbed=True)` is refused.
        """
        if not compiled or n_envs < 1:
            raise ValueError(
                f"a batch needs an instance and an environment: {len(compiled)} and {n_envs}\n"
                "hint: sample instances from the twin first"
            )
        self.compiled = tuple(compiled)
        self.n_envs = n_envs
        self.rule = rule
        self.disturbances = disturbances
        self._bank = _bank_of(self.compiled)
        self._envs = _envs_of(self.compiled, n_envs, rule)
        self._envs.done[:] = True
        self._no_actions = np.zeros((0, N_HEADS), dtype=np.int64)
        self._shape = (n_envs, N_HEADS)
        self._open()

    def _open(self) -> None:
        """Tell the kernels, and whoever looks, where the arrays are."""
        envs = self._envs
        self._seen = Observation(envs.obs, envs.mask, envs.glob, envs.row[:, ROW_CENTRE])
        self._result = StepResult(envs.terms, envs.done, envs.elapsed)
        n_arrays = sum(map(len, (self._bank.problem, self._bank.world, envs, envs.world, envs.state)))
        self._door = np.zeros(WORDS_PER_ARRAY * n_arrays, dtype=np.int64)
        open_door(Batch(self._bank, envs), self._door)

    def reset(self, env: int, compiled_index: int, seed: int, *, disturbed: bool = False) -> None:
        """Begin a new episode in one environment.

        Args:
            seed: Names the realisation; unused when undisturbed.
            disturbed: Whether to draw what really happens.
        """
        row = self._envs.row[env]
        row[ROW_PROBLEM] = compiled_index
        row[ROW_IS_SCENARIO] = int(disturbed)
        if disturbed:
            if self.disturbances is None:
                raise ValueError(
                    f"environment {env} cannot be disturbed: the batch has no disturbances\n"
                    "hint: BatchEngine(..., disturbances=Disturbances(...))"
                )
            self._adopt(env, realise(self.compiled[compiled_index], self.disturbances, seed).world)
        advance(self._door, self._no_actions, env)

    def _adopt(self, env: int, world: World) -> None:
        """Copy a realised world into an environment's buffers, growing them where needed."""
        before = self._envs
        buffers = before.world
        grown = {}
        for name, value in world._asdict().items():
            buffer = getattr(buffers, name)
            if buffer.shape[1] < len(value):
                shape = (self.n_envs, int(len(value) * 1.25) + 1, *buffer.shape[2:])
                grown[name] = np.zeros(shape, dtype=buffer.dtype)
                grown[name][:, : buffer.shape[1]] = buffer
        if grown:
            self._envs = self._envs._replace(world=buffers._replace(**grown))
        states = self._envs.state
        n_hints = len(world.cal_off) + max(len(item.problem.cal_off) for item in self.compiled)
        if states.hint.shape[1] < n_hints:
            hint = np.zeros((self.n_envs, 2 * n_hints), dtype=np.int64)
            hint[:, : states.hint.shape[1]] = states.hint
            self._envs = self._envs._replace(state=states._replace(hint=hint))
        for name, value in world._asdict().items():
            getattr(self._envs.world, name)[env, : len(value)] = value
        if self._envs is not before:
            self._open()
        self._envs.row[env, ROW_CALENDARS] = len(world.cal_off) - 1
        self._envs.row[env, ROW_STRETCHES] = len(world.cal_start)

    def observe(self) -> Observation:
        """Return what each environment's acting station sees."""
        return self._seen

    def step(self, actions: Ints) -> StepResult:
        """Carry out both heads' actions in every environment and run on to the next decision.

        Environments whose episode is over stand still until they are reset.

        Args:
            actions: int (envs, 2), 0..9 a candidate, 10 idle.
        """
        actions = np.ascontiguousarray(actions, dtype=np.int64)
        if actions.shape != self._shape:
            raise ValueError(
                f"actions have the wrong shape: {actions.shape}, wanted {self._shape}\n"
                "hint: one row per environment, one column per head"
            )
        advance(self._door, actions, -1)
        return self._result

    def snapshot(self) -> dict[str, np.ndarray]:
        """Return a copy of every environment's arrays by name, for a checkpoint."""
        envs = self._envs
        own = {name: array for name, array in envs._asdict().items() if name not in _NESTED}
        nested = {
            f"{part}.{name}": array
            for part in _NESTED
            for name, array in getattr(envs, part)._asdict().items()
        }
        return {name: np.array(array) for name, array in (own | nested).items()}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Go on exactly where `snapshot` was taken, of a batch over the same instances.

        Raises:
            ValueError: It was taken of another number of environments.
        """
        if len(arrays["done"]) != self.n_envs:
            raise ValueError(
                f"snapshot has another number of environments: {len(arrays['done'])}, wanted {self.n_envs}\n"
                "hint: restore it into a batch of the same size"
            )
        copied = {name: np.array(array) for name, array in arrays.items()}
        world = World(*(copied[f"world.{name}"] for name in World._fields))
        state = State(*(copied[f"state.{name}"] for name in State._fields))
        own = {name: copied[name] for name in Envs._fields if name not in _NESTED}
        self._envs = Envs(world=world, state=state, **own)
        self._open()

    def outcome(self, env: int) -> Outcome:
        """Return where every operation of an environment's finished episode went; ask before its reset."""
        n = self.compiled[int(self._envs.row[env, ROW_PROBLEM])].n_operations
        states = self._envs.state
        own = states._replace(clock=states.clock[env], op=states.op[env, :n])
        return outcome_of(own, np.zeros(n, dtype=np.int64))

    @property
    def cost(self) -> Floats:
        """Weighted tardiness in days of each environment's last finished episode, float64 (envs,)."""
        return self._envs.cost

    @property
    def minute(self) -> Ints:
        """Minute of each environment's clock, int64 (envs,)."""
        return self._envs.state.clock[:, at.CLOCK_TIME]


def _bank_of(compiled: Sequence[Compiled]) -> Bank:
    def end_to_end(rows: Sequence[tuple[np.ndarray, ...]]) -> list[np.ndarray]:
        return [np.ascontiguousarray(np.concatenate(arrays)) for arrays in zip(*rows, strict=True)]

    problems = [item.problem for item in compiled]
    worlds = [nominal_world(item)[: len(_OWN_WORLD)] for item in compiled]
    offsets = np.zeros((len(compiled) + 1, len(Problem._fields)), dtype=np.int64)
    np.cumsum([[len(array) for array in problem] for problem in problems], axis=0, out=offsets[1:])
    problem = Problem._make(end_to_end(problems))
    calendars = [getattr(problem, name) for name in World._fields[len(_OWN_WORLD) :]]
    return Bank(problem=problem, world=World._make([*end_to_end(worlds), *calendars]), off=offsets)


def _envs_of(compiled: Sequence[Compiled], n: int, rule: RuleSpec) -> Envs:
    problems = [item.problem for item in compiled]

    def most(name: str) -> int:
        return max(len(getattr(problem, name)) for problem in problems)

    def ints(*shape: int) -> Ints:
        return np.zeros((n, *shape), dtype=np.int64)

    return Envs(
        world=World(
            run=ints(1),
            arrival=ints(1),
            res_end=ints(1),
            res_work=ints(1),
            cal_of=ints(1, 3),
            cal_off=ints(1),
            cal_start=ints(1),
            cal_end=ints(1),
            cal_cum=ints(1),
        ),
        state=State(
            clock=ints(at.CLOCK_COLUMNS),
            heap=ints(max(heap_capacity(item) for item in compiled)),
            op=ints(most("op"), at.ST_COLUMNS),
            slot=ints(most("slot"), at.SS_COLUMNS),
            wc=ints(most("wc"), at.SW_COLUMNS),
            queue=ints(most("op")),
            hint=ints(2 * most("cal_off")),
        ),
        row=ints(ROW_COLUMNS),
        last=np.zeros((n, LAST_COLUMNS)),
        cand=ints(N_CANDIDATES, 3),
        estimates=np.zeros((n, most("job"), EST_COLUMNS)),
        known=np.zeros((n, MAX_WORK_CENTRES, 3)),
        seen=np.zeros((most("op") + N_CANDIDATES, 6)),
        counts=np.zeros(3),
        levels=np.zeros(most("op"), dtype=np.int64),
        obs=np.zeros((n, OBSERVATION_SIZE), dtype=np.float32),
        mask=np.zeros((n, MASK_SIZE), dtype=np.bool_),
        glob=np.zeros((n, STATE_SIZE), dtype=np.float32),
        terms=np.zeros((n, N_TERMS)),
        elapsed=np.zeros(n),
        done=np.zeros(n, dtype=np.bool_),
        cost=np.zeros(n),
        par=rule.parameters(),
        rule=np.array([int(rule.rule)]),
    )
