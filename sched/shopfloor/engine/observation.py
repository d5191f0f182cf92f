"""What a policy sees, by name: 132 local numbers, a mask of 2 x 11, and the critic's global state.

Names and sizes only; the numbers are computed in `kernel/observe.py`, in this order. The schema hash goes
into every stored model: a model that was trained on another order or meaning is refused.

All features are scaled to roughly [-3, 3]. Minutes of work are divided by the work centre's mean run
(`scale`); calendar minutes by `stretch x scale`. `squash(x) = x / (1 + |x| / 3)`.
"""

from __future__ import annotations

import hashlib
from typing import Final

N_CANDIDATES: Final = 10
N_HEADS: Final = 2
N_ACTIONS: Final = N_CANDIDATES + 1
IDLE: Final = N_CANDIDATES
MASK_SIZE: Final = N_HEADS * N_ACTIONS

STATION: Final = (
    "free_share",
    "running_share",
    "unusable_share",
    "mean_busy_left",
    "min_busy_left",
    "open_left",
    "queue_per_slot",
    "queued_work_per_slot",
)
QUANTITIES: Final = ("log_run", "slack", "weight", "setup", "waited", "log_index")
STATISTICS: Final = ("mean", "std", "min", "max", "best")
QUEUE: Final = tuple(f"{quantity}_{statistic}" for quantity in QUANTITIES for statistic in STATISTICS)
CANDIDATE: Final = (
    "log_index",
    "log_run",
    "setup",
    "slack",
    "weight",
    "work_after",
    "next_queue",
    "waited",
    "same_family_share",
)
GLOBAL: Final = ("done_share", "waiting_per_slot", "running_share", "congested_share")

OBSERVATION_NAMES: Final = (
    *(f"station_{name}" for name in STATION),
    *(f"queue_{name}" for name in QUEUE),
    *(f"candidate_{k}_{name}" for k in range(N_CANDIDATES) for name in CANDIDATE),
    *(f"global_{name}" for name in GLOBAL),
)
OBSERVATION_SIZE: Final = len(OBSERVATION_NAMES)
N_CONTEXT: Final = len(STATION) + len(QUEUE) + len(GLOBAL)
N_CANDIDATE_FEATURES: Final = len(CANDIDATE)
CANDIDATES_AT: Final = len(STATION) + len(QUEUE)
GLOBAL_AT: Final = CANDIDATES_AT + N_CANDIDATES * N_CANDIDATE_FEATURES
LOG_INDEX_SCALE: Final = 2.0
"""A candidate's first feature times this is the clipped log-index relative to the best, in [-6, 0]."""

MAX_WORK_CENTRES: Final = 16
CENTRE: Final = ("free_share", "running_share", "queue_per_slot", "queued_work_per_slot", "least_slack")
PLANT: Final = (
    *GLOBAL,
    "potential",
    "elapsed",
    "late_share",
    "work_left_per_slot",
)
STATE_NAMES: Final = (
    *(f"centre_{w}_{name}" for w in range(MAX_WORK_CENTRES) for name in CENTRE),
    *(f"plant_{name}" for name in PLANT),
)
STATE_SIZE: Final = len(STATE_NAMES)

REWARD_TERMS: Final = (
    "completed_jobs",
    "all_done",
    "due_date_penalty",
    "slack",
    "wip",
    "idle_or_invalid",
    "potential_decrease",
)

_SEMANTICS: Final = "1"
OBSERVATION_SCHEMA_HASH: Final = hashlib.sha256(
    "\n".join((_SEMANTICS, *OBSERVATION_NAMES, *STATE_NAMES)).encode()
).hexdigest()

assert OBSERVATION_SIZE == 132
