"""sb3-contrib's MaskablePPO.predict, one observation at a time, on a free environment of our shapes."""

from __future__ import annotations

from importlib.metadata import version

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from meters import Meter, serve
from sb3_contrib import MaskablePPO


class Free(gymnasium.Env):
    """Costs nothing: 132 numbers in, two heads of 11 actions out."""

    observation_space = spaces.Box(-1, 1, (132,), np.float32)
    action_space = spaces.MultiDiscrete([11, 11])

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple[np.ndarray, dict]:
        return np.zeros(132, np.float32), {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict]:
        return np.zeros(132, np.float32), 0.0, False, False, {}

    def action_masks(self) -> np.ndarray:
        return np.ones(22, bool)


def meters() -> dict[str, Meter]:
    """Return the meters; the amount is decisions."""
    torch.set_num_threads(1)
    model = MaskablePPO("MlpPolicy", Free(), n_steps=64, device="cpu", seed=0)
    observation, mask = np.zeros(132, np.float32), np.ones(22, bool)

    def predict() -> float:
        for _ in range(50):
            model.predict(observation, action_masks=mask, deterministic=True)
        return 50

    predict()
    return {"predict": predict}


if __name__ == "__main__":
    serve(f"MaskablePPO of sb3-contrib {version('sb3-contrib')}", meters())
