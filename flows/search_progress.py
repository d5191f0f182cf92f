"""The progress of a search as a bar: seconds left and the best cost so far; nothing where nobody looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.artifacts import current_listener

if TYPE_CHECKING:
    from shopfloor.serving.ladder import Solve
    from shopfloor.serving.solver_process import Beat


def watched_solve() -> Solve:
    """Return the solver of the ladder; whoever listens to this run's progress hears of every search."""
    from functools import partial

    from shopfloor.serving.solver_process import solve_in_child

    listen = current_listener()
    if listen is None:
        return solve_in_child
    longest = {"startup": 0.0, "search": 0.0}

    def watch(beat: Beat) -> None:
        longest[beat.phase] = max(longest[beat.phase], beat.left_s)
        if beat.phase == "startup":
            spent = longest["startup"] - beat.left_s
            note = "compiling kernels, once, a minute or two" if spent > 5 else "loading kernels"
            listen("search", 0.0, note)
            return
        share = 1.0 - beat.left_s / longest["search"]
        cost = "" if beat.cost is None else f", best cost {beat.cost:,.1f}"
        listen("search", share, f"{beat.left_s:.1f} s left{cost}")

    return partial(solve_in_child, watch=watch)
