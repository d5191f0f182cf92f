"""The only door to MLflow: runs, model versions, aliases.

Floor 2; imports `domain` and `settings`, and MLflow inside functions only (its import costs seconds). A
model is a directory of safetensors and JSON, stored as run artifacts and never as an MLflow flavour:
nothing is pickled and `mlflow.pyfunc` is not used. The promotion ledger in our own tables is the truth; the
aliases here mirror it.

Map: `runs.py` one MLflow run with its parameters, metrics, data sets and artifacts; `client.py` the store
and its patience; `registry.py` versions and aliases; `mirror.py` aliases made equal to a ledger row.
"""
