"""The single dispatcher as a Gymnasium environment: one agent, a window of jobs, start one or wait.

The simulator underneath is the engine's: calendars, setups, overtime and the rules of who may start are those
of every plan in this house. Observation: `engine.dispatcher_observation`. Action: a row of the window, or
the last number to wait. `action_masks` says what is legal, as sb3-contrib's MaskablePPO asks for it. An
illegal action starts the first legal job instead and costs its price.
"""

from __future__ import annotations

from typing import Any, Final

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from shopfloor.domain.schedule import Schedule
from shopfloor.engine.arrays import Compiled, compile_instance
from shopfloor.engine.dispatch import to_schedule
from shopfloor.engine.dispatcher_desk import DispatcherDesk, Told
from shopfloor.engine.layout import Bools, Ints, Singles
from shopfloor.engine.rules import RuleSpec
from shopfloor.envs.dispatcher_presets import Exercise, exercise_named
from shopfloor.envs.dispatcher_render import gantt_image, gantt_text
from shopfloor.envs.dispatcher_rewards import DispatcherReward
from shopfloor.envs.dispatcher_shops import HELD_OUT_SEEDS, Source, drawn_from

DEFAULT_INSTANCES: Final = 512
"""Books that an environment draws from: enough that a dispatcher cannot learn them by heart."""


class InstanceBank:
    """Books of one source, compiled when they are first wanted.

    Args:
        source: Draws an instance from (seed, operations at most).
        n: Books to choose from; their seeds are `first` and the n - 1 behind it.
        first: Smallest seed.
    """

    def __init__(self, source: Source, *, n: int = DEFAULT_INSTANCES, first: int = 0) -> None:
        if n < 1 or first < 0 or first < HELD_OUT_SEEDS < first + n:
            raise ValueError(
                f"a bank of {n} books from seed {first} is impossible or mixes learning and judging\n"
                f"hint: seeds for learning lie below {HELD_OUT_SEEDS}"
            )
        self.source, self.n, self.first = source, n, first
        self._known: dict[tuple[int, int], Compiled] = {}

    def book(self, number: int, max_operations: int) -> Compiled:
        """Return one of the n books, by number."""
        key = (number, max_operations)
        if key not in self._known:
            self._known[key] = compile_instance(self.source(self.first + number, max_operations))
        return self._known[key]


class DispatcherEnv(gym.Env[Singles, np.int64]):
    """One dispatcher, one book per episode.

    Args:
        exercise: Its name, or one of your own.
        bank: Where books come from; None = drawn from the exercise's shop.
        reward: Worth of what happens.
        rule: Behind the feature `index`.
        memory: Contiguous arrays to write observation and mask into; None = its own.
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi", "rgb_array"], "render_fps": 4}  # noqa: RUF012 - gymnasium's

    def __init__(
        self,
        exercise: str | Exercise = "toy",
        *,
        bank: InstanceBank | None = None,
        reward: DispatcherReward | None = None,
        rule: RuleSpec | None = None,
        memory: tuple[Singles, Bools] | None = None,
        render_mode: str | None = None,
    ) -> None:
        self.exercise = exercise_named(exercise) if isinstance(exercise, str) else exercise
        self.bank = bank or InstanceBank(drawn_from(self.exercise.shop))
        self.reward = reward or DispatcherReward()
        self.render_mode = render_mode
        self.job_limit = self.exercise.max_operations
        observation, mask = memory or (None, None)
        layout = self.exercise.layout
        self.desk = DispatcherDesk(
            layout, rule=rule, may_wait=self.exercise.may_wait, observation=observation, mask=mask
        )
        self.observation_space = spaces.Box(-1.0, 1.0, (layout.size,), np.float32)
        self.action_space = spaces.Discrete(layout.n_actions)
        self._return, self._length = 0.0, 0

    def set_job_limit(self, job_limit: int) -> None:
        """Let books that begin from now on have so many operations at most; the curriculum's knob."""
        if not 1 <= job_limit <= self.exercise.max_operations:
            raise ValueError(
                f"job limit of {self.exercise.name!r} is out of range: {job_limit}\n"
                f"hint: 1 to {self.exercise.max_operations}"
            )
        self.job_limit = job_limit

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Singles, dict[str, Any]]:
        """Begin an episode on a book of the bank.

        Args:
            seed: Of the choice of books from now on.
            options: `{"book": k}` names the book; `{"compiled": ...}` brings one.

        Raises:
            ValueError: Nobody has anything to choose in any of many books.
        """
        super().reset(seed=seed)
        given = options or {}
        for _ in range(1000):
            if "compiled" in given:
                compiled: Compiled = given["compiled"]
            else:
                number = given.get("book")
                number = int(self.np_random.integers(self.bank.n)) if number is None else int(number)
                compiled = self.bank.book(number, self.job_limit)
            self._return, self._length = 0.0, 0
            self.desk.begin(compiled, levels=self.exercise.levels(compiled))
            if not self.desk.is_over or given:
                return self.desk.observation.copy(), {"potential": self.desk.potential}
        raise ValueError(
            f"no book of {self.exercise.name!r} leaves anything to choose\n"
            "hint: books need more operations than machines"
        )

    def step(self, action: np.int64) -> tuple[Singles, float, bool, bool, dict[str, Any]]:
        """Start the job in that row of the window, or wait; run on to the next choice."""
        reward, told = self.play(int(action))
        return self.desk.observation.copy(), reward, told.is_over, False, self.info(told)

    def play(self, action: int) -> tuple[float, Told]:
        """Do what `step` does, and leave the observation where it was written."""
        told = self.desk.choose(action)
        reward = self.reward.of(told)
        self._return += reward
        self._length += 1
        return reward, told

    def info(self, told: Told) -> dict[str, Any]:
        """Return what an info tells: of an ended episode its cost and how long it was."""
        if not told.is_over:
            return {"is_illegal": told.is_illegal}
        return {
            "is_illegal": told.is_illegal,
            "cost": told.cost,
            "episode": {"r": self._return, "l": self._length, "t": 0.0},
        }

    def action_masks(self) -> Bools:
        """Return which actions are legal, bool (actions,); a copy."""
        return self.desk.mask.copy()

    def schedule(self) -> Schedule:
        """Return the plan of an ended episode."""
        return to_schedule(self.desk.compiled, self.desk.outcome(), f"dispatcher:{self.exercise.name}")

    @property
    def levels(self) -> Ints:
        """Overtime level of each operation of this episode."""
        return self.exercise.levels(self.desk.compiled)

    def render(self) -> Any:
        """Return the plan so far: text for `ansi`, uint8 (height, width, 3) for `rgb_array`."""
        if self.render_mode is None:
            gym.logger.warn("render was called without a render_mode")
            return None
        draw = gantt_text if self.render_mode == "ansi" else gantt_image
        return draw(self.desk.compiled, self.desk.running(), now=self.desk.minute)
