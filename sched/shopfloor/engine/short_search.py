"""A search of milliseconds from one given plan: one chain, no guard, so many moves.

For who plans again and again; the day's plan is `optimise.py`'s, with its starts, its guard and its deadline.
"""

from __future__ import annotations

import numpy as np

from shopfloor.engine import layout as at
from shopfloor.engine.arrays import Compiled
from shopfloor.engine.dispatch import Outcome
from shopfloor.engine.kernel.guard import FIGURES
from shopfloor.engine.layout import Role
from shopfloor.engine.objective import Objective
from shopfloor.engine.optimise import cooling_of
from shopfloor.engine.search import Chain, Cooling, new_chain

_NEVER = 1 << 60


def chain_from(
    compiled: Compiled,
    start: Outcome,
    *,
    objective: Objective,
    moves: int,
    seed: int,
    heat: float = 1.0,
) -> Chain:
    """Return a chain that is to try so many moves from a plan.

    Args:
        start: Its order counts, its times are worked out anew.
        heat: Factor on the temperatures of a search from scratch; a plan that was improved before needs less.

    Raises:
        InfeasibleStart: The plan cannot be timed.
    """
    op = compiled.problem.op
    has_choice = np.zeros(len(compiled.problem.job), dtype=bool)
    has_choice[op[(op[:, at.OP_ROLE] == Role.NORMAL) & start.is_scheduled, at.OP_JOB]] = True
    cooling = cooling_of(compiled, objective)
    return new_chain(
        compiled,
        start,
        objective=objective,
        limit=np.full(FIGURES, np.inf),
        safe=start,
        worth=np.where(has_choice, compiled.problem.job[:, at.JOB_DUE], _NEVER),
        planned=max(1, moves),
        seed=seed,
        cooling=Cooling(hot=heat * cooling.hot, cold=cooling.cold),
    )


def improved(chain: Chain) -> Outcome:
    """Try the moves that the chain has planned, and return the best plan it came by."""
    chain.advance(chain.planned)
    chain.settle()
    return chain.kept()
