"""From the champion to a plan that people can run: proof, ladder, breaker, promotion, alerts.

Floor 6; imports downwards only. Light: importing it loads neither torch nor MLflow nor Prefect, because a
plan must be there in seconds; MLflow is reached through `tracking`, imported inside the function that needs
it.

Map: `champion.py` finds and proves the model; `promotion.py` moves the ledger (the truth), MLflow's aliases
follow; `solver_process.py` and `solver_child.py` run a search in a child that is killed at the deadline,
`solver_search.py` is that search, `search_settings.py` its order and its report, `wire.py` what crosses between
them; `ladder.py` picks the highest rung that is valid and no worse than greedy, `rungs.py` says by which
figures; `reproduce.py` makes a stored plan again; `breaker.py` keeps a failing policy away for a while;
`run_key.py` names a request by its content; `alerts.py` empties the outbox; `daily.py`, `daily_write.py`,
`daily_end.py` are the day, step by step,
`day_reasons.py` why its jobs are late; `failures.py` says what an error means, `exit_codes.py` what the
process answers; `local_incidents.py` keeps what the database could not take.

Invariants: greedy is in hand before anything clever starts; every step down leaves exactly one incident; no
failure of a model, a registry or an alert sink ends a run; nothing here unpickles what a bundle or a child
wrote.

A new rung: `ladder.py`. A new reason to refuse a model: `policies/bundle.py` and its code in the
tests.
"""
