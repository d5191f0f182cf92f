"""The cheapest sequences of one work centre's slots when every operation that is worked earns a reward.

A slot's plan is a path through its working time whose state is the family it is set up for: setups depend on
what ran before, exactly as on the floor, only that a path may work an operation twice. Rewards decide what is worth
working; no job is seen beyond what its completion costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shopfloor.policies.exact_bound_pools import Floats, Ints


@dataclass(frozen=True, eq=False)
class Work:
    """Operations of one centre in one pool, sorted by family; those that may not run there are left out.

    Attributes:
        operation: Position in the centre's list, shape (works,).
        family: State that working it leaves behind, shape (works,), ascending.
        same: Bins with the setup within the family, shape (works,), >= 1.
        change: Bins with the smallest other setup, shape (works,).
        first: First bin in which it may start, shape (works,).
        cost: Cost when it ends after so many bins, shape (works, bins + 1).
    """

    operation: Ints
    family: Ints
    same: Ints
    change: Ints
    first: Ints
    cost: Floats


@dataclass(frozen=True)
class Start:
    """Slots that begin alike: after so many bins, set up for a family (-1 = for none that matters)."""

    bin: int
    family: int
    n_slots: int


class PathPool:
    """Slots of one pool and the best path through their time.

    Cost-to-go arrays have a row per family and a last row for no family; shape (families + 1, bins + 1).
    """

    def __init__(self, work: Work, starts: Sequence[Start], *, n_families: int, n_bins: int) -> None:
        self.work = work
        self.starts = starts
        self.n_bins = n_bins
        self.n_families = n_families
        self.block = int(min(work.same.min(), work.change.min())) if len(work.same) else n_bins + 1
        self.same = self._variant(work.same)
        self.change = self._variant(work.change)
        present, self.first_of = np.unique(work.family, return_index=True)
        self.present = present

    def _variant(self, bins: Ints) -> tuple[Floats, NDArray[np.intp]]:
        """Return what each start costs, infinite where it may not be, and where its path goes on, by start bin."""
        n, width = len(bins), self.n_bins + 1
        start = np.arange(width)
        ends = start[None, :] + bins[:, None]
        is_possible = (ends <= self.n_bins) & (start[None, :] >= self.work.first[:, None])
        inside = np.minimum(ends, self.n_bins)
        cost = np.where(is_possible, self.work.cost[np.arange(n)[:, None], inside], np.inf)
        return cost, self.work.family[:, None] * width + inside

    def best(self, rewards: Floats, counts: Floats) -> float:
        """Return the least cost less rewards of all slots, and count what they work.

        Args:
            rewards: For each operation of the centre, shape (operations,).
            counts: Times that each is worked, shape (operations,); modified in place.
        """
        if not len(self.work.operation):
            return 0.0
        mine = rewards[self.work.operation]
        to_go = self._to_go(mine)
        total = 0.0
        for start in self.starts:
            value = float(to_go[start.family, start.bin])
            total += start.n_slots * value
            if value < 0:
                for k in self._retrace(to_go, mine, start):
                    counts[self.work.operation[k]] += start.n_slots
        return total

    def _to_go(self, rewards: Floats) -> Floats:
        """Return the cost to go, backwards over blocks so short that no operation begins and ends in one."""
        to_go = np.zeros((self.n_families + 1, self.n_bins + 1))
        flat = to_go.reshape(-1)
        reward = rewards[:, None]
        high = self.n_bins
        while high > 0:
            low = max(0, high - self.block)
            same = self.same[0][:, low:high] + flat[self.same[1][:, low:high]] - reward
            change = (self.change[0][:, low:high] + flat[self.change[1][:, low:high]] - reward).min(axis=0)
            row = np.empty((self.n_families + 1, high - low + 1))
            row[:, 0] = to_go[:, high]
            row[:, 1:] = change[::-1]
            hot = np.minimum.reduceat(same, self.first_of, axis=0)[:, ::-1]
            row[self.present, 1:] = np.minimum(row[self.present, 1:], hot)
            to_go[:, low:high] = np.minimum.accumulate(row, axis=1)[:, :0:-1]
            high = low
        return to_go

    def _retrace(self, to_go: Floats, rewards: Floats, start: Start) -> list[int]:
        """Return the works of the best path."""
        found: list[int] = []
        at, family, flat = start.bin, start.family, to_go.reshape(-1)
        while to_go[family, at] < 0:
            at = int(np.searchsorted(to_go[family], to_go[family, at], side="right")) - 1
            offers = []
            for (cost, onward), mine in ((self.same, self.work.family == family), (self.change, True)):
                value = np.where(mine, cost[:, at] + flat[onward[:, at]] - rewards, np.inf)
                k = int(np.argmin(value))
                offers.append((float(value[k]), k, int(onward[k, at])))
            _, k, goes_on = min(offers)
            found.append(k)
            family, at = divmod(goes_on, self.n_bins + 1)
        return found
