"""The entry of a single dispatcher: one call carries out a choice and shows the next decision."""

from __future__ import annotations

from shopfloor.engine.dispatcher_observation import N_JOB, N_MACHINE
from shopfloor.engine.kernel.desk import (
    BEGIN,
    TOLD_CENTRE,
    TOLD_COST,
    TOLD_EXTRA,
    TOLD_FINISHED,
    TOLD_GAIN,
    TOLD_ILLEGAL,
    TOLD_OP,
    TOLD_POTENTIAL,
    TOLD_WAITED,
    Desk,
    open_door,
)
from shopfloor.engine.kernel.desk_choice import carry_out, to_decision
from shopfloor.engine.kernel.desk_view import fill_window, find_others, show_jobs, show_machines, show_plant
from shopfloor.engine.kernel.door import write_door
from shopfloor.engine.kernel.estimates import EST_OPEN, job_estimates, state_cost
from shopfloor.engine.kernel.events import begin
from shopfloor.engine.kernel.jit import entry
from shopfloor.engine.layout import Ints


@entry
def open_desk(desk: Desk, door: Ints) -> None:
    """Write a desk into a buffer that `play` reads; again whenever one of its arrays is replaced."""
    write_door(desk, door)  # type: ignore[call-arg]  # numba gives the first argument


@entry
def play(door: Ints, n_machines: int, action: int) -> None:
    """Carry out an action and run on to the next decision or the end.

    Args:
        door: What `open_desk` wrote.
        n_machines: Rows of machines in the observation.
        action: A row of the window, the window's length to wait, or `BEGIN`.
    """
    desk = open_door(door)
    problem = desk.problem
    state = desk.state
    told = desk.told
    before = told[TOLD_POTENTIAL]
    told[TOLD_EXTRA] = 0.0
    told[TOLD_ILLEGAL] = 0.0
    told[TOLD_WAITED] = 0.0
    if action == BEGIN:
        begin(problem, desk.world, state, desk.levels, 0)
        before = job_estimates(problem, desk.world, state, desk.estimates)
        told[:] = 0.0
        told[TOLD_OP] = -1.0
    else:
        carry_out(desk, action)
    w = to_decision(desk)
    told[TOLD_CENTRE] = w
    told[TOLD_POTENTIAL] = job_estimates(problem, desk.world, state, desk.estimates)
    told[TOLD_GAIN] = before - told[TOLD_POTENTIAL]
    finished = 0
    for job in range(problem.job.shape[0]):
        if desk.estimates[job, EST_OPEN] == 0.0:
            finished += 1
    told[TOLD_FINISHED] = finished
    if w < 0:
        told[TOLD_COST] = state_cost(problem, state, desk.estimates)
        desk.obs[:] = 0.0
        desk.mask[:] = False
        desk.mask[desk.row.shape[0]] = True
        return
    find_others(desk)
    n = fill_window(desk)
    show_machines(desk)
    show_jobs(desk, n, N_MACHINE * n_machines)
    show_plant(desk, N_MACHINE * n_machines + N_JOB * desk.row.shape[0])
