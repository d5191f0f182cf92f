"""The only door to the plant's database: tables, snapshots, assembly of an instance, write-back.

Floor 2; imports `domain` and `settings`, opens SQLAlchemy, pandas and pyarrow. Invariants: every read of a
run happens in one snapshot transaction, every write of a plan in one transaction; an error on COMMIT is
unknown and is read back; nothing here reads this host's clock (leases use the database's, runs get `as_of`);
no message holds a password.

`tables.py` is the one metadata, `connection.py` the engines, `errors.py` what a failure means, `frames.py`
the dtypes, `snapshot.py` the picture, `assembly*.py` rows to an instance, `plan_rows.py` and `writeback.py` a
plan to rows; `public_instances.py` and `taillard.py` are the literature's shops; the rest is one file per
table of ours. A new column goes to `tables.py` first, then to `deploy/mariadb/schema.sql` (`python -m
shopfloor.data.ddl schema`), then to the assembly file of its idea. A new table of ours gets a file of its own
and a line in the grants.
"""
