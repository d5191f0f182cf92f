"""OR-Tools CP-SAT on a benchmark instance: the plain interval model, as a yardstick at equal time.

No calendars, setups or commitments; nothing of it plans the plant.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from ortools.sat.python import cp_model

from shopfloor.data.public_instances import PublicInstance

POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class CpAnswer:
    """What came back.

    Attributes:
        plan: (machine, start, end) of each operation; None = no plan was found.
        bound: Proved lower bound.
        is_optimal: Whether the plan is proved to be optimal.
        cpu_seconds: Processor seconds of this process, model building included.
    """

    plan: list[tuple[int, int, int]] | None
    bound: float
    is_optimal: bool
    cpu_seconds: float


def solve_public(public: PublicInstance, *, cpu_seconds: float, workers: int, seed: int = 0) -> CpAnswer:
    """Return the best plan that CP-SAT finds within processor seconds, all workers together.

    Processor time, not wall time: on a busy machine the comparison stays fair. The process must be otherwise
    idle.
    """
    began = time.process_time()
    model = cp_model.CpModel()
    horizon = sum(max(t for _, t in operation) for job in public.jobs for operation in job)
    on_machine: dict[int, list[cp_model.IntervalVar]] = {}
    rows = []
    ends = []
    for job in public.jobs:
        ready: cp_model.IntVar | None = None
        for alternatives in job:
            start = model.new_int_var(0, horizon, "")
            end = model.new_int_var(0, horizon, "")
            choices = []
            for machine, minutes in alternatives:
                if len(alternatives) == 1:
                    chosen: cp_model.IntVar | int = 1
                    interval = model.new_interval_var(start, minutes, end, "")
                else:
                    chosen = model.new_bool_var("")
                    interval = model.new_optional_interval_var(start, minutes, end, chosen, "")
                on_machine.setdefault(machine, []).append(interval)
                choices.append((machine, chosen))
            if len(choices) > 1:
                model.add_exactly_one(chosen for _, chosen in choices)
            if ready is not None:
                model.add(start >= ready)
            ready = end
            rows.append((start, end, choices))
        assert ready is not None
        ends.append(ready)
    for intervals in on_machine.values():
        model.add_no_overlap(intervals)
    _set_objective(model, public, ends, horizon)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = workers
    solver.parameters.random_seed = seed
    solver.parameters.max_time_in_seconds = 20.0 * cpu_seconds
    over = threading.Event()
    watch = threading.Thread(target=_stop_when_spent, args=(solver, began + cpu_seconds, over), daemon=True)
    watch.start()
    status = solver.solve(model)
    over.set()
    watch.join()
    spent = time.process_time() - began
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return CpAnswer(None, float(solver.best_objective_bound), False, spent)
    plan = []
    for start, end, choices in rows:
        machine = next(m for m, chosen in choices if isinstance(chosen, int) or solver.value(chosen))
        plan.append((machine, solver.value(start), solver.value(end)))
    return CpAnswer(plan, float(solver.best_objective_bound), status == cp_model.OPTIMAL, spent)


def _set_objective(
    model: cp_model.CpModel, public: PublicInstance, ends: list[cp_model.IntVar], horizon: int
) -> None:
    if not public.is_tardiness:
        latest = model.new_int_var(0, horizon, "")
        model.add_max_equality(latest, ends)
        model.minimize(latest)
        return
    late = []
    for end, due in zip(ends, public.due, strict=True):
        minutes = model.new_int_var(0, horizon, "")
        model.add(minutes >= end - due)
        late.append(minutes)
    model.minimize(sum(w * minutes for w, minutes in zip(public.weights, late, strict=True)))


def _stop_when_spent(solver: cp_model.CpSolver, until: float, over: threading.Event) -> None:
    while not over.wait(POLL_S):
        if time.process_time() >= until:
            solver.stop_search()
