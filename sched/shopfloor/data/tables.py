"""All tables, once, for MariaDB and SQLite: the plant's own (read only) and ours.

Times are UTC DATETIMEs, dates are plant-local; `processing_time` is hours, setup times are minutes. Ids
compare byte by byte on both engines. Nothing here connects to anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import sqlalchemy as sa

from shopfloor.data.column_types import Id, Instant, LongText, Minutes, Name

SCHEMA_VERSION = 2
"""2: `schedule_runs.solver_facts`."""

metadata = sa.MetaData()


def _table(name: str, *columns: sa.schema.SchemaItem) -> sa.Table:
    return sa.Table(
        name,
        metadata,
        *columns,
        sqlite_strict=True,
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_nopad_bin",
        mariadb_engine="InnoDB",
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_nopad_bin",
    )


# --- the plant's tables: we only read them --------------------------------------------------------

machines = _table(
    "machines",
    sa.Column("machine_id", Id, primary_key=True),
    sa.Column("machine_type", Id, nullable=False),
    sa.Column("capacity", sa.Integer, nullable=False, server_default="1"),
    sa.Column("setup_time_same", sa.Float, nullable=False, comment="minutes"),
    sa.Column("setup_time_different", sa.Float, nullable=False, comment="minutes"),
    sa.Column("status", sa.String(16), nullable=False, comment="ACTIVE | INACTIVE | RETIRED"),
    sa.Column("calendar_id", Id),
    sa.Column("speed_factor", sa.Float),
    sa.Column("current_setup_family", Id),
)

production_jobs = _table(
    "production_jobs",
    sa.Column("job_id", Id, primary_key=True, comment="one operation, e.g. O00123_P02"),
    sa.Column("order_id", Id, comment="defaults to job_id without its process suffix"),
    sa.Column("family_name", Id),
    sa.Column("process_order", sa.String(16), comment="P01..Pn"),
    sa.Column("processing_time", sa.Float, comment="hours at speed 1.0"),
    sa.Column("priority", sa.Integer, comment="1..5, 5 is the most urgent"),
    sa.Column("lcd_date", sa.Date, comment="due: end of this plant-local day"),
    sa.Column("plan_date", sa.Date, comment="release: start of this plant-local day"),
    sa.Column("machine_type", Id),
    sa.Column("status", sa.String(16), comment="PENDING | READY | IN_PROGRESS | COMPLETED | CANCELLED"),
    sa.Column("created_at", Instant),
    sa.Column("quantity", sa.Integer),
    sa.Column("lot_size", sa.Integer),
    sa.Column("material_ready_at", Instant),
    sa.Column("actual_start", Instant),
    sa.Column("remaining_minutes", sa.Float),
    sa.Column("is_interruptible", sa.Boolean),
)

job_schedules = _table(
    "job_schedules",
    sa.Column("schedule_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("job_id", Id, nullable=False),
    sa.Column("machine_id", Id, nullable=False),
    sa.Column("scheduled_date", sa.Date, nullable=False),
    sa.Column("start_time", Instant, nullable=False, comment="actual start of setup"),
    sa.Column("end_time", Instant, comment="actual end; NULL while it runs"),
    sa.Column("setup_minutes", sa.Float),
    sa.Column("processing_time", sa.Float, comment="actual work hours without setup and closed time"),
    sa.Column("overtime_minutes", sa.Float, comment="work minutes in overtime and night windows"),
)

machine_calendars = _table(
    "machine_calendars",
    sa.Column(
        "calendar_id", Id, primary_key=True, comment="a machine names it; else its type; else 'default'"
    ),
    sa.Column("weekday", sa.Integer, primary_key=True, autoincrement=False, comment="0 = Monday"),
    sa.Column("start_time", sa.String(5), primary_key=True, comment="HH:MM plant-local"),
    sa.Column("end_time", sa.String(5), nullable=False, comment="HH:MM, 24:00 = end of the day"),
    sa.Column("kind", sa.String(16), nullable=False, comment="regular | overtime | night"),
)

calendar_exceptions = _table(
    "calendar_exceptions",
    sa.Column("exception_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("calendar_id", Id, nullable=False),
    sa.Column("exception_date", sa.Date, nullable=False),
    sa.Column("start_time", sa.String(5), comment="NULL: the whole day is closed"),
    sa.Column("end_time", sa.String(5)),
    sa.Column("kind", sa.String(16)),
    sa.Column("reason", sa.String(255)),
)

machine_downtime = _table(
    "machine_downtime",
    sa.Column("downtime_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("machine_id", Id, nullable=False),
    sa.Column("start_time", Instant, nullable=False),
    sa.Column("end_time", Instant, comment="NULL: an open breakdown"),
    sa.Column("kind", sa.String(16), nullable=False, comment="planned | breakdown"),
    sa.Column("reason", sa.String(255)),
)

setup_rules = _table(
    "setup_rules",
    sa.Column("rule_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("machine_type", Id),
    sa.Column("from_family", Id),
    sa.Column("to_family", Id),
    sa.Column("minutes", sa.Float, nullable=False),
)

machine_restrictions = _table(
    "machine_restrictions",
    sa.Column("restriction_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("machine_id", Id, nullable=False),
    sa.Column("family_name", Id),
    sa.Column("process_order", sa.String(16)),
    sa.Column("reason", sa.String(255)),
)

PLANT_TABLES: Mapping[str, sa.Table] = MappingProxyType(
    {
        table.name: table
        for table in (
            machines,
            production_jobs,
            job_schedules,
            machine_calendars,
            calendar_exceptions,
            machine_downtime,
            setup_rules,
            machine_restrictions,
        )
    }
)

# --- ours: plans ----------------------------------------------------------------------------------

schedule_runs = _table(
    "schedule_runs",
    sa.Column("run_id", Id, primary_key=True),
    sa.Column("run_key", Id, nullable=False, unique=True, comment="content address of the request"),
    sa.Column("as_of", Instant, nullable=False),
    sa.Column("freeze_until", Instant),
    sa.Column("plant_tz", sa.String(64), nullable=False),
    sa.Column(
        "solver", Name, nullable=False, comment="who made it: policy+search, search, rule:ATCS, greedy ..."
    ),
    sa.Column("model_version", Name),
    sa.Column("snapshot_id", Id),
    sa.Column("data_hash", sa.String(64)),
    sa.Column("config_hash", sa.String(64)),
    sa.Column("plan_hash", sa.String(64), nullable=False, comment="fingerprint of the schedule"),
    sa.Column("git_sha", sa.String(40)),
    sa.Column("seed", sa.BigInteger),
    sa.Column("status", sa.String(16), nullable=False, comment="written | superseded"),
    sa.Column("row_count", sa.Integer, nullable=False),
    sa.Column("kpis", LongText, nullable=False, comment="JSON: name -> value"),
    sa.Column(
        "solver_facts", LongText, comment="JSON: what the plan depends on besides data, model, seed and code"
    ),
    sa.Column("created_at", Instant, nullable=False),
)

schedule_active = _table(
    "schedule_active",
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False, comment="always 1"),
    sa.Column("run_id", Id, sa.ForeignKey("schedule_runs.run_id")),
    sa.Column("fence", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("as_of", Instant),
    sa.Column("activated_at", Instant),
    sa.CheckConstraint("id = 1", name="one_active_row"),
)

scheduled_jobs = _table(
    "scheduled_jobs",
    sa.Column("run_id", Id, sa.ForeignKey("schedule_runs.run_id"), primary_key=True),
    sa.Column("operation_id", Id, primary_key=True, comment="production_jobs.job_id, #k for lot k"),
    sa.Column("job_id", Id, nullable=False, comment="the order"),
    sa.Column("machine_id", Id, nullable=False),
    sa.Column("slot", sa.Integer, nullable=False),
    sa.Column("start_time", Instant, nullable=False),
    sa.Column("end_time", Instant, nullable=False),
    sa.Column("setup_minutes", Minutes, nullable=False),
    sa.Column("run_minutes", Minutes, nullable=False),
    sa.Column("overtime_level", sa.Integer, nullable=False),
    sa.Column(
        "status", sa.String(16), nullable=False, comment="proposed | approved | confirmed | in_progress"
    ),
    sa.Column("is_committed", sa.Boolean, nullable=False),
    sa.Column("lcd_date", sa.Date),
    sa.Column("completion_date", Instant, comment="planned completion of the whole order"),
    sa.Column("scheduled_date", Instant, nullable=False, comment="when this plan was made"),
    sa.Column("machine_utilization", sa.Float, comment="of its machine over the plan, 0..1"),
)

schedule_blocks = _table(
    "schedule_blocks",
    sa.Column("run_id", Id, sa.ForeignKey("schedule_runs.run_id"), primary_key=True),
    sa.Column("operation_id", Id, primary_key=True),
    sa.Column("block", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("machine_id", Id, nullable=False),
    sa.Column("activity", sa.String(8), nullable=False, comment="setup | run"),
    sa.Column("window_kind", sa.String(16), nullable=False, comment="regular | overtime | night"),
    sa.Column("start_time", Instant, nullable=False),
    sa.Column("end_time", Instant, nullable=False),
)

schedule_unassigned = _table(
    "schedule_unassigned",
    sa.Column("run_id", Id, sa.ForeignKey("schedule_runs.run_id"), primary_key=True),
    sa.Column("operation_id", Id, primary_key=True),
    sa.Column("code", sa.String(32), nullable=False),
    sa.Column("detail", sa.String(255), nullable=False),
)

schedule_reasons = _table(
    "schedule_reasons",
    sa.Column("run_id", Id, sa.ForeignKey("schedule_runs.run_id"), primary_key=True),
    sa.Column("job_id", Id, primary_key=True),
    sa.Column("cause", sa.String(32), primary_key=True),
    sa.Column("minutes", Minutes, nullable=False),
    sa.Column("blockers", LongText, nullable=False, comment="JSON list of job ids"),
)

schedule_pins = _table(
    "schedule_pins",
    sa.Column("pin_id", sa.Integer, primary_key=True),
    sa.Column("operation_id", Id, nullable=False),
    sa.Column("machine_id", Id),
    sa.Column("start_time", Instant),
    sa.Column("position", sa.Integer),
    sa.Column("pinned_by", sa.String(64), nullable=False),
    sa.Column("reason", sa.String(255), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant),
)

# --- ours: running --------------------------------------------------------------------------------

run_leases = _table(
    "run_leases",
    sa.Column("name", Id, primary_key=True, comment="what is leased, e.g. daily, weekly"),
    sa.Column("owner", Id),
    sa.Column(
        "fence", sa.BigInteger, nullable=False, server_default="0", comment="grows with every take-over"
    ),
    sa.Column("acquired_at", Instant),
    sa.Column("expires_at", Instant),
)

model_ledger = _table(
    "model_ledger",
    sa.Column(
        "epoch", sa.Integer, primary_key=True, autoincrement=False, comment="1, 2, 3 ...: compare-and-set"
    ),
    sa.Column("action", sa.String(16), nullable=False, comment="promote | rollback | keep"),
    sa.Column("champion_version", Name, nullable=False, comment="champion after this row"),
    sa.Column("challenger_version", Name, comment="who was judged"),
    sa.Column("previous_version", Name),
    sa.Column("bundle_hash", sa.String(64), nullable=False),
    sa.Column("bundle_path", sa.String(512), nullable=False),
    sa.Column("verdict", LongText, nullable=False, comment="JSON"),
    sa.Column("decided_by", sa.String(64), nullable=False),
    sa.Column("decided_at", Instant, nullable=False),
)

rollout_state = _table(
    "rollout_state",
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False, comment="always 1"),
    sa.Column("stage", sa.String(16), nullable=False, comment="shadow | canary | full"),
    sa.Column("challenger_version", Name),
    sa.Column("breaker", sa.String(16), nullable=False, comment="closed | open | half_open"),
    sa.Column("breaker_runs_left", sa.Integer, nullable=False, server_default="0"),
    sa.Column(
        "recent_failures",
        sa.String(64),
        nullable=False,
        comment="last policy runs, oldest first: 0 good, 1 bad",
    ),
    sa.Column("updated_at", Instant, nullable=False),
)

incidents = _table(
    "incidents",
    sa.Column("incident_id", Id, primary_key=True),
    sa.Column("run_id", Id, comment="the run or flow that raised it"),
    sa.Column("code", sa.String(48), nullable=False),
    sa.Column("severity", sa.String(16), nullable=False, comment="info | warning | error | critical"),
    sa.Column("summary", sa.String(512), nullable=False),
    sa.Column("context", LongText, nullable=False, comment="JSON"),
    sa.Column("as_of", Instant),
    sa.Column("raised_at", Instant, nullable=False),
    sa.Column("resolved_at", Instant),
)

outbox = _table(
    "outbox",
    sa.Column("message_id", Id, primary_key=True),
    sa.Column("dedupe_key", Name, nullable=False),
    sa.Column("title", sa.String(255), nullable=False),
    sa.Column("body", LongText, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("sent_at", Instant),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("last_error", sa.String(512)),
)

quarantine = _table(
    "quarantine",
    sa.Column("quarantine_id", Id, primary_key=True, comment="hash of snapshot, table, key, rule"),
    sa.Column("snapshot_id", Id, nullable=False),
    sa.Column("table_name", sa.String(64), nullable=False),
    sa.Column("row_key", sa.String(255), nullable=False),
    sa.Column("column_name", sa.String(64), nullable=False),
    sa.Column("value", sa.String(255), nullable=False, comment="escaped, at most 200 characters"),
    sa.Column("rule", sa.String(128), nullable=False),
    sa.Column("row_json", LongText, nullable=False, comment="the whole row: nothing is lost"),
    sa.Column("created_at", Instant, nullable=False),
)

kpi_daily = _table(
    "kpi_daily",
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("source", sa.String(16), primary_key=True, comment="plan | greedy | actual"),
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("value", sa.Float, nullable=False),
    sa.Column("run_id", Id),
)

schema_version = _table(
    "schema_version",
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("applied_at", Instant, nullable=False),
)

OUR_TABLES: Mapping[str, sa.Table] = MappingProxyType(
    {name: table for name, table in metadata.tables.items() if name not in PLANT_TABLES}
)
