"""The child that searches: proves the bundle, sends every better plan, stops before its deadline.

It opens no database and no socket, and it ends when its parent does, whatever the parent died of. Started by
`solver_process` only: `python -m shopfloor.serving.solver_child ANSWERS LIFELINE PARENT`. What it searches is
in `solver_search`.
"""

from __future__ import annotations

import ctypes
import logging
import os
import pickle
import resource
import signal
import sys
import threading
import time

from shopfloor.domain.errors import ModelRefused
from shopfloor.domain.schedule import Schedule
from shopfloor.faults import fault_point
from shopfloor.serving.solver_process import SolverLimits, SolverRequest, note_compiled
from shopfloor.serving.solver_search import PolicyNan, search, warm_up
from shopfloor.serving.wire import schedule_rows, send

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> int:
    """Answer one request; every failure but a crash becomes a frame."""
    answers, lifeline, parent = (int(text) for text in arguments)
    _die_with(parent, lifeline)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    try:
        task = pickle.load(sys.stdin.buffer)
        limits: SolverLimits = task["limits"]
        resource.setrlimit(resource.RLIMIT_AS, (limits.memory_mb << 20, limits.memory_mb << 20))
        _answer(answers, task["request"], limits.deadline_s - task["grace_s"])
    except ModelRefused as error:
        send(answers, "failed", code=error.code, text=str(error), error="ModelRefused")
    except MemoryError as error:
        send(answers, "failed", code="SOLVER_MEMORY", text=f"out of memory: {error}", error="MemoryError")
    except (PolicyNan, FloatingPointError) as error:
        send(answers, "failed", code="POLICY_NAN", text=str(error), error=type(error).__name__)
    except Exception as error:
        send(answers, "failed", code="SOLVER_ERROR", text=str(error), error=type(error).__name__)
        raise
    return 0


def _answer(answers: int, request: SolverRequest, budget_s: float) -> None:
    fault_point("solver.start")
    from shopfloor.engine.arrays import compile_instance
    from shopfloor.policies.bundle import load_bundle

    model = None
    if request.bundle_path is not None:
        model = load_bundle(request.bundle_path, expected_hash=request.bundle_hash)
        fault_point("solver.model")
    compiled = compile_instance(request.instance)
    warm_up(model)
    note_compiled()
    send(answers, "ready")
    ready_at = time.monotonic()
    fault_point("solver.ready")

    def hand_on(plan: Schedule, cost: float) -> None:
        send(answers, "plan", schedule=schedule_rows(plan), cost=cost)
        fault_point("solver.improved")

    left = max(0.05, budget_s - (time.monotonic() - ready_at))
    report = search(compiled, model, request.order, seconds=left, send=hand_on, replay=request.replay)
    fault_point("solver.before_done")
    send(answers, "done", report=report.as_dict())


def _die_with(parent: int, lifeline: int) -> None:
    """Make sure that no solver outlives its run: a signal from the kernel, and the end of a pipe."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(3)

    def watch() -> None:
        os.read(lifeline, 1)
        os._exit(3)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
