"""Prices for the bins of one work centre: a quick, coarse bound, and rewards to begin the paths from.

Every bin of a pool has a price, every operation buys the cheapest window for itself, and what all pay less the worth
of the capacity is a bound. Setups within a family have a fee where not every operation of the family can save
one. Order does not exist here.
"""

from __future__ import annotations

import numpy as np

from shopfloor.policies.exact_bound_centre import Centre
from shopfloor.policies.exact_bound_paths import PathPool
from shopfloor.policies.exact_bound_pools import Floats, Ints

FEE_UNIT = 60.0
"""One setup saved weighs as much as so many bins in a step."""


class PricedCentre:
    """Bins of all pools, then families, as one vector of prices >= 0."""

    def __init__(self, centre: Centre) -> None:
        self.centre = centre
        capacity = []
        at_first: set[int] = set()
        self.family = np.zeros(len(centre.never), dtype=np.int64)
        for pool in centre.pools:
            slots = np.zeros(pool.n_bins)
            for start in pool.starts:
                slots[start.bin :] += start.n_slots
                at_first.add(start.family)
            capacity.append(slots)
            self.family[pool.work.operation] = pool.work.family
        counts = np.bincount(self.family)
        saved = [n if family in at_first else n - 1 for family, n in enumerate(counts)]
        self.cuts = np.cumsum([len(row) for row in capacity])
        self.supply = np.concatenate([*capacity, np.maximum(0, saved)]).astype(np.float64)
        self.unit = np.ones(len(self.supply))
        self.unit[self.cuts[-1] :] = FEE_UNIT

    def look(self, at: Floats) -> tuple[float, Floats]:
        """Return the bound at these prices, and its slope."""
        paid, chosen = self._buy(at)
        *rows, fees = np.split(np.zeros(len(at)), self.cuts)
        for operation, (pool, first, end, is_same) in chosen.items():
            rows[pool][first:end] += 1
            fees[self.family[operation]] += is_same
        return float(paid.sum() - at @ self.supply), np.concatenate([*rows, fees]) - self.supply

    def rewards(self, at: Floats) -> Floats:
        """Return what each operation pays, cost included."""
        return np.clip(self._buy(at)[0], 0.0, self.centre.never)

    def _buy(self, at: Floats) -> tuple[Floats, dict[int, tuple[int, int, int, bool]]]:
        """Return what each operation pays, and its pool, first bin, end bin and whether it saves a setup."""
        *rates, fees = np.split(at, self.cuts)
        paid = self.centre.never.copy()
        chosen: dict[int, tuple[int, int, int, bool]] = {}
        for number, (pool, rate) in enumerate(zip(self.centre.pools, rates, strict=True)):
            sums = np.append(0.0, np.cumsum(rate))
            work = pool.work
            for is_same, bins in ((True, work.same), (False, work.change)):
                start, price = _cheapest(pool, sums, is_same=is_same)
                if is_same:
                    price = price + fees[work.family]
                for k in np.flatnonzero(price < paid[work.operation]).tolist():
                    operation, first = int(work.operation[k]), int(start[k])
                    paid[operation] = price[k]
                    chosen[operation] = (number, first, first + int(bins[k]), is_same)
        return paid, chosen


def _cheapest(pool: PathPool, sums: Floats, *, is_same: bool) -> tuple[Ints, Floats]:
    """Return the cheapest start of each work and its price with cost."""
    cost, onward = pool.same if is_same else pool.change
    total = cost + sums[onward % (pool.n_bins + 1)] - sums
    start = total.argmin(axis=1)
    return start, total[np.arange(len(start)), start]
