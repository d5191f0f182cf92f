"""What a search is asked for and what it answers: budget, limits of the guard, the plan with its facts.

Values only; `optimise.py` is the door.
"""

from __future__ import annotations

from dataclasses import dataclass

from shopfloor.engine.dispatch import Outcome


@dataclass(frozen=True, slots=True)
class Budget:
    """How long to search.

    Attributes:
        iterations: Moves that each worker tries; None = as many as the seconds allow, and the plan then
            depends on the machine's speed.
        seconds: Wall seconds from the call after which the incumbent is returned.
        workers: Chains side by side, each on one core with its own seed.
        samples: Runs of each policy among the starts; rules run once each.
        stop_after: Moves after which each worker stops although more were planned: repeats a run that the
            deadline cut.
        rule_tries: Rules fitted to the instance before the search; None = by the iterations or the seconds.
    """

    iterations: int | None = None
    seconds: float = 5.0
    workers: int = 1
    samples: int = 32
    stop_after: tuple[int, ...] | None = None
    rule_tries: int | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What the guard allows beyond greedy.

    Attributes:
        overtime_hours: More overtime than greedy's.
        max_moved: Operations that may move against the active plan; None = any.
        is_guarded: False lets every figure but overtime be worse than greedy's: for questions about a plan in
            force, which may be so itself, and which is not to be turned over for it.
    """

    overtime_hours: float = 0.0
    max_moved: int | None = None
    is_guarded: bool = True


@dataclass(frozen=True, eq=False)
class Optimised:
    """The answer.

    Attributes:
        outcome: The plan.
        cost: By the objective.
        start_cost: Of the best start.
        start_name: Who made it.
        iterations: Moves tried by each worker.
        guard_acted: The cheapest plan was worse than greedy on a guarded figure, and a dearer one was taken.
        seconds: Wall time.
        trace: (wall seconds since the search began, cost) of each improvement, best worker.
        planned: Moves that each worker was to try.
        is_even: Whether the guard on the spread of utilisation held; False where it would have cost too much.
        rule_tries: Rules that were fitted to the instance before the search.
    """

    outcome: Outcome
    cost: float
    start_cost: float
    start_name: str
    iterations: tuple[int, ...]
    guard_acted: bool
    seconds: float
    trace: tuple[tuple[float, float], ...] = ()
    planned: int = 0
    is_even: bool = True
    rule_tries: int = 0
