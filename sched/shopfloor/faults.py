"""Named points where a test may break the program: kill it, delay it, make it raise.

`SHOPFLOOR_FAULT=point:action[,point:action...]` arms points, `point#3:action` the third passage only. It
reads the environment itself, because a child process must see the same faults as its parent. It refuses to
be armed in production (`SHOPFLOOR_ENV=production`) and does nothing at all when not armed.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter

VARIABLE = "SHOPFLOOR_FAULT"

_passages: Counter[str] = Counter()


class InjectedFault(RuntimeError):
    """The failure that an armed point raises."""


def fault_point(name: str) -> None:
    """Do what is armed for the point `name`; usually nothing.

    Actions: `kill9` (no clean-up runs), `stop` (SIGSTOP), `abort` (as a crash in native code), `exit0` (ends
    without a word), `sleep=SECONDS`, `raise`, `raise=TEXT`, `oom` (MemoryError), `storage` (OSError ENOSPC).

    Args:
        name: Package and step, for example `writeback.before_commit`.

    Raises:
        InjectedFault: Action `raise`, an unknown action, or armed in production.
    """
    armed = os.environ.get(VARIABLE)
    if not armed:
        return
    refuse_in_production()
    _passages[name] += 1
    for entry in armed.split(","):
        point, _, action = entry.strip().partition(":")
        point, _, passage = point.partition("#")
        if point == name and (not passage or int(passage) == _passages[name]):
            _act(name, action)


def refuse_in_production() -> None:
    """Raise when a fault is armed in production; called by every run at its start.

    Raises:
        InjectedFault: `SHOPFLOOR_FAULT` is set and `SHOPFLOOR_ENV` says production.
    """
    if os.environ.get(VARIABLE) and os.environ.get("SHOPFLOOR_ENV") == "production":
        raise InjectedFault(
            f"{VARIABLE} is set in production: {os.environ[VARIABLE]!r}\nhint: unset it; it is for tests only"
        )


def _act(name: str, action: str) -> None:
    verb, _, argument = action.partition("=")
    if verb == "kill9":
        os.kill(os.getpid(), signal.SIGKILL)
    elif verb == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif verb == "abort":
        os.abort()
    elif verb == "exit0":
        os._exit(0)
    elif verb == "sleep":
        time.sleep(float(argument))
    elif verb == "oom":
        raise MemoryError(f"injected at {name}")
    elif verb == "storage":
        raise OSError(28, "No space left on device (injected)", name)
    elif verb == "raise":
        raise InjectedFault(f"injected at {name}: {argument or 'raise'}")
    else:
        raise InjectedFault(
            f"unknown action at {name}: {action!r}\nhint: kill9 stop abort exit0 sleep=S oom storage raise"
        )
