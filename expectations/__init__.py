"""What the plant's data must look like before a plan is made from it: one suite per table, as code.

Top floor beside `flows`; imports `domain`, `settings` and `data`, opens Great Expectations (inside
functions only: the import takes seconds). Each expectation has a severity: *stop* refuses the data,
*quarantine* sets the row aside with its key, column, value and rule, *warn* is written down.

Order of reading: `findings.py` (what comes out), `facts.py` (what is known about the run and the tables),
`vocabulary.py` (how a rule is written), one module per table (`production_jobs_closed.py`: its finished
rows), `routes.py` (the operations of an order), `suites.py` (the list of all), `judge.py` (the only module
that runs Great Expectations), `consequences.py` (what a row that was set aside takes with it), `run.py` (all
of it), `guard.py` (the same door without Great Expectations), `data_docs.py` and `report_page.py` (the pages).

Invariants: a suite never passes on an empty table or an empty column; every value is escaped before Great
Expectations sees it, because its pages escape nothing; one bad row never stops the good ones, masses of
them do; finished rows never stop a run. A new rule: one expectation in its table's module, one case in
`tests/expectations`.
"""
