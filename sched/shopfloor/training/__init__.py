"""How a dispatcher is made: tuned rule, rollout labels, warm start, PPO in two stages, best checkpoint.

Floor 5: imports everything below; the door to torch, SB3 and Optuna (with `envs` and `policies`).

Map: `train.py` is the table of contents; `presets.py` holds every knob; `bank.py` draws the instances;
`tune_rules.py`, `labels.py`, `warm_start.py`, `ppo.py` are the steps; `agent_buffer.py` credits each station;
`curriculum.py` decides about stages; `validation.py` scores a policy against the tuned rule; `checkpoint.py`
makes each step survive a kill; `one_thread.py` keeps sums in one order; `ablations.py` leaves one part out;
`tune_study.py` searches the knobs with Optuna.
`dispatcher_train.py` trains the single dispatcher with sb3-contrib's MaskablePPO; its knobs are in
`dispatcher_presets.py`, curriculum, evaluation and checkpoints in `dispatcher_callbacks.py`.

Invariants: the same inputs, preset and seed give the same weights on one thread; a step never sees held-out
instances; fine-tuning keeps or improves the validation score, never lowers it.

An ablation is one line in `ablations.py`; a knob to search is one in `tune_study.suggest`. All of it, figure by
figure: `docs/learning.md`. A new step: its module, its piece in `checkpoint.py`, one line in `train.py`.
"""
