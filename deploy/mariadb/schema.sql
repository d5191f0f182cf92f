-- Generated: python -m shopfloor.data.ddl schema

SET NAMES utf8mb4;

CREATE TABLE IF NOT EXISTS calendar_exceptions (
  exception_id INTEGER NOT NULL,
  calendar_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
  exception_date DATE NOT NULL,
  start_time VARCHAR(5) COMMENT 'NULL: the whole day is closed',
  end_time VARCHAR(5),
  kind VARCHAR(16),
  reason VARCHAR(255),
  PRIMARY KEY (exception_id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS incidents (
  incident_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
  run_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin COMMENT 'the run or flow that raised it',
  code VARCHAR(48) NOT NULL,
  severity VARCHAR(16) NOT NULL COMMENT 'info | warning | error | critical',
  summary VARCHAR(512) NOT NULL,
  context LONGTEXT CHARACTER SET utf8mb4 NOT NULL COMMENT 'JSON',
  as_of DATETIME(6),
  raised_at DATETIME(6) NOT NULL,
  resolved_at DATETIME(6),
  PRIMARY KEY (incident_id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS job_schedules (
  schedule_id INTEGER NOT NULL,
  job_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
  machine_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
  scheduled_date DATE NOT NULL,
  start_time DATETIME(6) NOT NULL COMMENT 'actual start of setup',
  end_time DATETIME(6) COMMENT 'actual end; NULL while it runs',
  setup_minutes DOUBLE,
  processing_time DOUBLE COMMENT 'actual work hours without setup and closed time',
  overtime_minutes DOUBLE COMMENT 'work minutes in overtime and night windows',
  PRIMARY KEY (schedule_id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS kpi_daily (
  day DATE NOT NULL,
  source VARCHAR(16) NOT NULL COMMENT 'plan | greedy | actual',
  name VARCHAR(64) NOT NULL,
  value DOUBLE NOT NULL,
  run_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  PRIMARY KEY (day, source, name)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS machine_calendars (
  calendar_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL COMMENT 'a machine names it; else its type; else ''default''',
  weekday INTEGER NOT NULL COMMENT '0 = Monday',
  start_time VARCHAR(5) NOT NULL COMMENT 'HH:MM plant-local',
  end_time VARCHAR(5) NOT NULL COMMENT 'HH:MM, 24:00 = end of the day',
  kind VARCHAR(16) NOT NULL COMMENT 'regular | overtime | night',
  PRIMARY KEY (calendar_id, weekday, start_time)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS machine_downtime (
  downtime_id INTEGER NOT NULL,
  machine_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
  start_time DATETIME(6) NOT NULL,
  end_time DATETIME(6) COMMENT 'NULL: an open breakdown',
  kind VARCHAR(16) NOT NULL COMMENT 'planned | breakdown',
  reason VARCHAR(255),
  PRIMARY KEY (downtime_id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS machine_restrictions (
  restriction_id INTEGER NOT NULL,
  machine_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
  family_name VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  process_order VARCHAR(16),
  reason VARCHAR(255),
  PRIMARY KEY (restriction_id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS machines (
  machine_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
  machine_type VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
  capacity INTEGER NOT NULL DEFAULT '1',
  setup_time_same DOUBLE NOT NULL COMMENT 'minutes',
  setup_time_different DOUBLE NOT NULL COMMENT 'minutes',
  status VARCHAR(16) NOT NULL COMMENT 'ACTIVE | INACTIVE | RETIRED',
  calendar_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  speed_factor DOUBLE,
  current_setup_family VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  PRIMARY KEY (machine_id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS model_ledger (
  epoch INTEGER NOT NULL COMMENT '1, 2, 3 ...: compare-and-set',
  action VARCHAR(16) NOT NULL COMMENT 'promote | rollback | keep',
  champion_version VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL COMMENT 'champion after this row',
  challenger_version VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin COMMENT 'who was judged',
  previous_version VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  bundle_hash VARCHAR(64) NOT NULL,
  bundle_path VARCHAR(512) NOT NULL,
  verdict LONGTEXT CHARACTER SET utf8mb4 NOT NULL COMMENT 'JSON',
  decided_by VARCHAR(64) NOT NULL,
  decided_at DATETIME(6) NOT NULL,
  PRIMARY KEY (epoch)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS outbox (
  message_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
  dedupe_key VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
  title VARCHAR(255) NOT NULL,
  body LONGTEXT CHARACTER SET utf8mb4 NOT NULL,
  created_at DATETIME(6) NOT NULL,
  sent_at DATETIME(6),
  attempts INTEGER NOT NULL DEFAULT '0',
  last_error VARCHAR(512),
  PRIMARY KEY (message_id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS production_jobs (
  job_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL COMMENT 'one operation, e.g. O00123_P02',
  order_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin COMMENT 'defaults to job_id without its process suffix',
  family_name VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  process_order VARCHAR(16) COMMENT 'P01..Pn',
  processing_time DOUBLE COMMENT 'hours at speed 1.0',
  priority INTEGER COMMENT '1..5, 5 is the most urgent',
  lcd_date DATE COMMENT 'due: end of this plant-local day',
  plan_date DATE COMMENT 'release: start of this plant-local day',
  machine_type VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  status VARCHAR(16) COMMENT 'PENDING | READY | IN_PROGRESS | COMPLETED | CANCELLED',
  created_at DATETIME(6),
  quantity INTEGER,
  lot_size INTEGER,
  material_ready_at DATETIME(6),
  actual_start DATETIME(6),
  remaining_minutes DOUBLE,
  is_interruptible BOOL,
  PRIMARY KEY (job_id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS quarantine (
  quarantine_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL COMMENT 'hash of snapshot, table, key, rule',
  snapshot_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
  table_name VARCHAR(64) NOT NULL,
  row_key VARCHAR(255) NOT NULL,
  column_name VARCHAR(64) NOT NULL,
  value VARCHAR(255) NOT NULL COMMENT 'escaped, at most 200 characters',
  rule VARCHAR(128) NOT NULL,
  row_json LONGTEXT CHARACTER SET utf8mb4 NOT NULL COMMENT 'the whole row: nothing is lost',
  created_at DATETIME(6) NOT NULL,
  PRIMARY KEY (quarantine_id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS rollout_state (
  id INTEGER NOT NULL COMMENT 'always 1',
  stage VARCHAR(16) NOT NULL COMMENT 'shadow | canary | full',
  challenger_version VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  breaker VARCHAR(16) NOT NULL COMMENT 'closed | open | half_open',
  breaker_runs_left INTEGER NOT NULL DEFAULT '0',
  recent_failures VARCHAR(64) NOT NULL COMMENT 'last policy runs, oldest first: 0 good, 1 bad',
  updated_at DATETIME(6) NOT NULL,
  PRIMARY KEY (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS run_leases (
  name VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL COMMENT 'what is leased, e.g. daily, weekly',
  owner VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  fence BIGINT NOT NULL COMMENT 'grows with every take-over' DEFAULT '0',
  acquired_at DATETIME(6),
  expires_at DATETIME(6),
  PRIMARY KEY (name)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS schedule_pins (
  pin_id INTEGER NOT NULL AUTO_INCREMENT,
  operation_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
  machine_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  start_time DATETIME(6),
  position INTEGER,
  pinned_by VARCHAR(64) NOT NULL,
  reason VARCHAR(255) NOT NULL,
  created_at DATETIME(6) NOT NULL,
  expires_at DATETIME(6),
  PRIMARY KEY (pin_id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS schedule_runs (
  run_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
  run_key VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL COMMENT 'content address of the request',
  as_of DATETIME(6) NOT NULL,
  freeze_until DATETIME(6),
  plant_tz VARCHAR(64) NOT NULL,
  solver VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL COMMENT 'who made it: policy+search, search, rule:ATCS, greedy ...',
  model_version VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  snapshot_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  data_hash VARCHAR(64),
  config_hash VARCHAR(64),
  plan_hash VARCHAR(64) NOT NULL COMMENT 'fingerprint of the schedule',
  git_sha VARCHAR(40),
  seed BIGINT,
  status VARCHAR(16) NOT NULL COMMENT 'written | superseded',
  row_count INTEGER NOT NULL,
  kpis LONGTEXT CHARACTER SET utf8mb4 NOT NULL COMMENT 'JSON: name -> value',
  solver_facts LONGTEXT CHARACTER SET utf8mb4 COMMENT 'JSON: what the plan depends on besides data, model, seed and code',
  created_at DATETIME(6) NOT NULL,
  PRIMARY KEY (run_id),
  UNIQUE (run_key)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS schema_version (
  version INTEGER NOT NULL,
  applied_at DATETIME(6) NOT NULL,
  PRIMARY KEY (version)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS setup_rules (
  rule_id INTEGER NOT NULL,
  machine_type VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  from_family VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  to_family VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  minutes DOUBLE NOT NULL,
  PRIMARY KEY (rule_id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS schedule_active (
  id INTEGER NOT NULL COMMENT 'always 1',
  run_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  fence BIGINT NOT NULL DEFAULT '0',
  as_of DATETIME(6),
  activated_at DATETIME(6),
  PRIMARY KEY (id),
  CONSTRAINT one_active_row CHECK (id = 1),
  FOREIGN KEY(run_id) REFERENCES schedule_runs (run_id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS schedule_blocks (
  run_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
  operation_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
  block INTEGER NOT NULL,
  machine_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
  activity VARCHAR(8) NOT NULL COMMENT 'setup | run',
  window_kind VARCHAR(16) NOT NULL COMMENT 'regular | overtime | night',
  start_time DATETIME(6) NOT NULL,
  end_time DATETIME(6) NOT NULL,
  PRIMARY KEY (run_id, operation_id, block),
  FOREIGN KEY(run_id) REFERENCES schedule_runs (run_id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS schedule_reasons (
  run_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
  job_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
  cause VARCHAR(32) NOT NULL,
  minutes INTEGER NOT NULL,
  blockers LONGTEXT CHARACTER SET utf8mb4 NOT NULL COMMENT 'JSON list of job ids',
  PRIMARY KEY (run_id, job_id, cause),
  FOREIGN KEY(run_id) REFERENCES schedule_runs (run_id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS schedule_unassigned (
  run_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
  operation_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
  code VARCHAR(32) NOT NULL,
  detail VARCHAR(255) NOT NULL,
  PRIMARY KEY (run_id, operation_id),
  FOREIGN KEY(run_id) REFERENCES schedule_runs (run_id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS scheduled_jobs (
  run_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
  operation_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL COMMENT 'production_jobs.job_id, #k for lot k',
  job_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL COMMENT 'the order',
  machine_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
  slot INTEGER NOT NULL,
  start_time DATETIME(6) NOT NULL,
  end_time DATETIME(6) NOT NULL,
  setup_minutes INTEGER NOT NULL,
  run_minutes INTEGER NOT NULL,
  overtime_level INTEGER NOT NULL,
  status VARCHAR(16) NOT NULL COMMENT 'proposed | approved | confirmed | in_progress',
  is_committed BOOL NOT NULL,
  lcd_date DATE,
  completion_date DATETIME(6) COMMENT 'planned completion of the whole order',
  scheduled_date DATETIME(6) NOT NULL COMMENT 'when this plan was made',
  machine_utilization DOUBLE COMMENT 'of its machine over the plan, 0..1',
  PRIMARY KEY (run_id, operation_id),
  FOREIGN KEY(run_id) REFERENCES schedule_runs (run_id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_nopad_bin;

ALTER TABLE schedule_runs ADD COLUMN IF NOT EXISTS solver_facts LONGTEXT AFTER kpis;

INSERT IGNORE INTO schedule_active (id, fence) VALUES (1, 0);

INSERT IGNORE INTO schema_version (version, applied_at) VALUES (2, UTC_TIMESTAMP(6));
