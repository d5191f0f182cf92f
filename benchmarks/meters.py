"""The line protocol between `shopfloor bench engine` and whoever is measured.

A player is a process that prepares its work, says `{"ready": ..., "meters": [...]}`, and then answers each
line `{"meter": name, "seconds": s}` with one timed round: the amount of work done and the CPU seconds it
took. So players of different environments take turns in one run. Standard library only.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

Meter = Callable[[], "dict[str, float] | float"]
"""Does one unit of work; returns its amount, or a dict with `amount` and figures to report beside it."""

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")


def round_of(meter: Meter, seconds: float) -> dict[str, Any]:
    """Repeat a meter for so many CPU seconds (once at least) and return what was done in which time."""
    beside: dict[str, float] = {}
    amount = 0.0
    gc.collect()
    gc.disable()
    begin = time.process_time()
    while True:
        made = meter()
        spent = time.process_time() - begin
        if isinstance(made, dict):
            amount += made["amount"]
            beside = made
        else:
            amount += made
        if spent >= seconds:
            break
    gc.enable()
    return beside | {"amount": amount, "cpu_s": spent}


def serve(about: str, meters: dict[str, Meter]) -> None:
    """Answer requests until the input ends; what libraries print must not get between the lines."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def say(row: dict[str, Any]) -> None:
        answers.write(json.dumps(row) + "\n")
        answers.flush()

    say({"ready": about, "meters": list(meters)})
    for line in sys.stdin:
        request = json.loads(line)
        try:
            say(round_of(meters[request["meter"]], float(request["seconds"])))
        except Exception as error:
            say({"error": f"{type(error).__name__}: {error}"})
