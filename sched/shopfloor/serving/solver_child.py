"""The child that searches: proves the bundle, tries plans, sends every better one, stops before its deadline.

It opens no database and no socket, and it ends when its parent does, whatever the parent died of. Started by
`solver_process` only: `python -m shopfloor.serving.solver_child ANSWERS LIFELINE PARENT`.
"""

from __future__ import annotations

import ctypes
import logging
import math
import os
import pickle
import resource
import signal
import sys
import threading
import time

from shopfloor.domain.errors import ModelRefused
from shopfloor.faults import fault_point
from shopfloor.serving.solver_process import SolverLimits, SolverRequest
from shopfloor.serving.wire import schedule_rows, send

CHUNK = 32
"""Samples between two looks at the clock and the pipe."""
_PR_SET_PDEATHSIG = 1


class PolicyNan(ArithmeticError):
    """The policy's plan has a cost that is not a number."""


def main(arguments: list[str]) -> int:
    """Answer one request; every failure but a crash becomes a frame."""
    answers, lifeline, parent = (int(text) for text in arguments)
    _die_with(parent, lifeline)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    try:
        task = pickle.load(sys.stdin.buffer)
        limits: SolverLimits = task["limits"]
        resource.setrlimit(resource.RLIMIT_AS, (limits.memory_mb << 20, limits.memory_mb << 20))
        _search(answers, task["request"], limits.deadline_s - task["grace_s"])
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


def _search(answers: int, request: SolverRequest, budget_s: float) -> None:
    fault_point("solver.start")
    from shopfloor.engine.arrays import compile_instance
    from shopfloor.engine.dispatch import best_of, dispatch, quick_cost, to_schedule
    from shopfloor.policies.bundle import load_bundle

    model = load_bundle(request.bundle_path, expected_hash=request.bundle_hash)
    compiled = compile_instance(request.instance)
    send(answers, "ready")
    stop_at = time.monotonic() + max(0.05, budget_s)
    fault_point("solver.ready")

    # the tuned rule is in the portfolio: the champion's plan is then never worse than the rung below it
    outcome, name = dispatch(compiled, model.rule), model.rule.name
    best = _finite(quick_cost(compiled, outcome))
    send(answers, "plan", schedule=schedule_rows(to_schedule(compiled, outcome, name)))
    evaluated, chunk = 1, 0
    while evaluated < request.samples and (left := stop_at - time.monotonic()) > 0:
        outcome, tried = best_of(
            compiled,
            model.spec(),
            n=1 if chunk == 0 else min(CHUNK, request.samples - evaluated),
            seed=(request.seed + 7919 * chunk) % 2**31,
            temperature=model.temperature,
            deadline_s=left,
        )
        evaluated, chunk = evaluated + max(1, tried), chunk + 1
        cost = _finite(quick_cost(compiled, outcome))
        if cost < best - 1e-9:
            best = cost
            send(answers, "plan", schedule=schedule_rows(to_schedule(compiled, outcome, model.name)))
            fault_point("solver.improved")
    fault_point("solver.before_done")
    send(answers, "done", evaluated=evaluated)


def _finite(cost: float) -> float:
    if not math.isfinite(cost):
        raise PolicyNan(f"the cost of a plan is {cost}")
    return cost


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
