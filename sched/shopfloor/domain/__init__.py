"""What the plant is and what a correct plan is: plain Python and numpy, nothing outside.

Floor 1. Types (machines, calendars, jobs, instance, schedule), the validator, KPIs, bounds, fingerprints.
Nothing here reads a file, the environment or a clock; no solver is imported and no solver code is shared.
`explain*.py` say why jobs are late, to the minute.
A new plan rule goes to `rules_*.py`, a new KPI to `kpis.py`, a new fact about the plant to `plant.py`.
"""
