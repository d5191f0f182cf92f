"""What decides: the learned dispatcher's network, its action distribution, its stored form.

Floor 4: imports `envs`, `engine`, `domain`; the door to torch, SB3 and OR-Tools (with `envs` and `training`).

Map: `model.py` is what a trained dispatcher is without torch (numpy arrays, a rule, a temperature); `bundle.py`
stores and proves it; `network.py` is its torch twin, equal to the engine's kernel to 1e-4; `distribution.py` is
the two masked heads; `sb3_policy.py` puts both into SB3's own PPO; `batch_play.py` plays ablations as they were
trained; `exact.py` is CP-SAT on the same instance (`exact_axis.py`, `exact_model.py`, `exact_arcs.py`,
`exact_decode.py`), a yardstick. The single dispatcher has its own: `dispatcher_model.py` and
`dispatcher_bundle.py` without torch, `dispatcher_network.py` and `dispatcher_policy.py` with it.

Invariants: `model.py` and `bundle.py` import no torch, so a daily plan never loads it; a policy sees the
observation of `engine.observation` and nothing else.

A new network: `network.py`, and the same forward pass in the engine's kernel; the test that compares them
must stay.
"""
