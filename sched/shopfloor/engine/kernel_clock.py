"""Says that kernels are being compiled while it happens, and afterwards how long it took.

Nothing is said when they come from the cache. numba tells of every compilation, callees inside callers; only
the outermost count.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path

from numba.core import event

logger = logging.getLogger(__name__)

_WORTH_SAYING_S = 0.5


class KernelClock(event.Listener):
    """Listens to numba's compilations.

    Attributes:
        seconds: Wall seconds of compilation in this process so far.
    """

    def __init__(self, folder: Path) -> None:
        self.seconds = 0.0
        self._folder = folder
        self._depth = 0
        self._began = 0.0

    def on_start(self, event: event.Event) -> None:
        """A compilation begins."""
        if self._depth == 0:
            self._began = time.monotonic()
            if self.seconds == 0.0:
                logger.warning(
                    "kernels_compiling once per version, about a minute in all; kept in cache=%s",
                    self._folder,
                )
        self._depth += 1

    def on_end(self, event: event.Event) -> None:
        """A compilation has ended."""
        self._depth -= 1
        if self._depth > 0:
            return
        took = time.monotonic() - self._began
        self.seconds += took
        if took >= _WORTH_SAYING_S:
            name = event.data["dispatcher"].py_func.__name__
            logger.warning("kernel_compiled name=%s seconds=%.1f total_s=%.1f", name, took, self.seconds)


def start_clock(folder: Path) -> KernelClock:
    """Listen from now on, for as long as the process lives."""
    clock = KernelClock(folder)
    event.register("numba:compile", clock)
    return clock
