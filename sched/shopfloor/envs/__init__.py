"""Where policies learn: the Markov game of the stations, and the exercises of a single dispatcher.

Floor 3: imports `engine` and `domain`; the door to gymnasium (and SB3's VecEnv).

Map: `markov_game.py` is the VecEnv with turn rows; `scenarios.py` says which instances and which
disturbances an episode has; `rewards.py` weighs the reward terms; `score.py` says what an episode amounts to.
`dispatcher.py` is one agent for the whole plant, from two machines to 74 (`dispatcher_presets.py`, books from
`dispatcher_shops.py`), with rewards, charts and a VecEnv of its own (`dispatcher_*.py`).

Invariants: no file, clock or environment is read; an episode depends on (seed, environment, episode number)
only; a decision never moves the noise.

A new reward term: a column in the engine's terms, a weight in `rewards.py`. A new stage: `scenarios.py`. What a
station sees, feature by feature, is in `docs/learning.md`, and a test holds it there.
"""
