"""One plant as a Gymnasium environment over the batch engine: the thinnest `step()` with observation and mask.

For the comparison with single environments; training steps 64 of them in one call instead.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from shopfloor.engine.arrays import Compiled
from shopfloor.engine.batch import BatchEngine
from shopfloor.engine.observation import MASK_SIZE, N_ACTIONS, N_HEADS, OBSERVATION_SIZE
from shopfloor.engine.rules import RuleSpec


class StationEnv(gymnasium.Env[dict[str, np.ndarray], Any]):
    """Each step is one decision of the station whose turn it is; forced choices are taken on the way.

    Observation: `real_obs` float32 (132,), `action_mask` bool (22,), head 1 then head 2, entry 10 of each =
    idle; copies, so a caller may keep them. Reward: minus the weighted tardiness in days that the step added
    by estimate; the sum over an episode is minus the exact weighted tardiness.
    """

    def __init__(self, compiled: Compiled, rule: RuleSpec) -> None:
        self._batch = BatchEngine([compiled], 1, rule=rule)
        self._action = np.zeros((1, N_HEADS), dtype=np.int64)
        seen = self._batch.observe()
        self._seen, self._mask = seen.local[0], seen.mask[0]
        self.action_space = spaces.MultiDiscrete([N_ACTIONS] * N_HEADS)
        self.observation_space = spaces.Dict(
            {
                "real_obs": spaces.Box(-np.inf, np.inf, (OBSERVATION_SIZE,), np.float32),
                "action_mask": spaces.MultiBinary(MASK_SIZE),
            }
        )

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Begin the episode anew; it is deterministic."""
        super().reset(seed=seed)
        self._batch.reset(0, 0, 0)
        return self._observation(), {}

    def step(self, action: Any) -> tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]:
        """Carry out both heads' choices and run on to the next decision."""
        self._action[0, 0], self._action[0, 1] = action
        result = self._batch.step(self._action)
        return self._observation(), result.terms.item(6), result.done.item(), False, {}

    def _observation(self) -> dict[str, np.ndarray]:
        return {"real_obs": self._seen.copy(), "action_mask": self._mask.copy()}
