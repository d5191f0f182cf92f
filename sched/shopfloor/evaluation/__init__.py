"""Whether a candidate is really better: frozen suites, paired numbers, history replay, stress, gate, report.

Floor 6; imports everything below (domain, data, engine, twin, policies), never serving, monitoring or flows.
Order of reading: `contestant.py` (who competes), `scoring.py` (on the suite), `replay.py` (on the plant's own
weeks), `stress.py` (when things go wrong), `evidence.py` (all numbers of one judgement), `gate.py` (the
verdict), `report.py` + `plots.py` (the page), `evaluate.py` (all of it in one call).

Invariants: contestants always meet on the same instances and the same noise; a stored score is never compared
    with a fresh one; the gate sees numbers only and runs no solver; a sampled search on a case with a hidden
    future is never scored, because it would know that future; every plan that is scored passed through the
    validator. A new KPI of the gate goes to `bar.KPI_MARGINS`; a new stress scenario to `stress.py`; a
    new plot to `plots.py`.
"""
