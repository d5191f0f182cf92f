"""The only door to the plant's database: tables, snapshots, assembly of an instance, write-back.

Floor 2; imports `domain` and `settings`, opens SQLAlchemy and pandas. Every read of a run happens in one
snapshot transaction; every write of a plan in one transaction. A new column goes to `tables.py` first, then
to `frames.py`.
"""
