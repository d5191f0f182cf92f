"""What the exit code of a daily run means to whoever started it."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Outcome of a run; 0 and 10 mean that a fresh plan is active."""

    CHAMPION = 0
    FALLBACK = 10
    LAST_GOOD = 11
    REFUSED = 20
    LEASE_HELD = 30
    LEASE_LOST = 31
    STORAGE = 40
    INTERNAL = 50
    USAGE = 64
    CONFIG = 78


MEANING = {
    ExitCode.CHAMPION: "a plan by the champion is active",
    ExitCode.FALLBACK: "a plan by a fallback rung (search, rule or greedy) is active",
    ExitCode.LAST_GOOD: "no new plan: the last good one stays active",
    ExitCode.REFUSED: "the input was refused: the old plan stays active",
    ExitCode.LEASE_HELD: "another run holds the lease",
    ExitCode.LEASE_LOST: "the lease was taken over, or a newer plan is active",
    ExitCode.STORAGE: "no space or the storage failed: the old plan stays active",
    ExitCode.INTERNAL: "a bug of ours, or an outcome that could not be resolved",
    ExitCode.USAGE: "wrong command line",
    ExitCode.CONFIG: "settings, rights or schema are wrong",
}
