"""Whether a candidate is really better: frozen suites, paired numbers, history replay, stress, gate, report.

Floor 6; imports everything below (domain, data, engine, twin, policies), never serving, monitoring or flows.
Order of reading: `contestant.py` (who competes), `scoring.py` (on the suite), `replay.py` (on the plant's
own weeks), `stress.py` (when things go wrong), `evidence.py` (all numbers of one judgement), `bar.py`,
`criteria.py`, `gate.py` (the verdict), `report.py`, `plots.py` (the page), `evaluate.py` (all in one call).
`search_*.py` bench the optimiser: cases, players, stored rows, goals, the planner's figures, presets, bounds,
large books. `ablation.py` and `ablation_page.py` tell what each part of the learning is worth.
`milestones.py` and `milestones_goals.py` hold the single dispatcher against random, greedy and tuned rules.
`replanning.py` plans again while a shop runs; `replan_bench.py` holds that against who decides alone.

Invariants: contestants always meet on the same instances and the same noise; a stored score is never compared
with a fresh one; the gate sees numbers only and runs no solver; a sampled search on a case with a hidden
future is never scored, because it would know that future; every scored plan passed through the validator.

A new KPI of the gate goes to `bar.KPI_MARGINS`, a new criterion to `criteria.py` and `gate.RULES`, a new
stress scenario to `stress.py`, a new figure to `plots.py`.
"""
