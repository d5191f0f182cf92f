"""A proved lower bound of avoidable weighted tardiness: what no plan in regular time can get below.

Each of the busiest work centres is taken for itself (`exact_bound_centre`). That every operation is worked once is
relaxed with rewards: the slots' best paths less the rewards, and the rewards, are a bound for any rewards >= 0
(`exact_bound_paths`). Rewards are moved until they prove most (deflected subgradient steps), from coarse bins
of working time to fine ones, begun from the prices of a still simpler relaxation (`exact_bound_prices`).
Plans nothing and shares no code with the search: a plan below the bound means that one of them is wrong.

References:
    Dyer & Wolsey (1990), Formulating the single machine sequencing problem with release dates as a mixed integer
    program, Discrete Applied Mathematics 26: the time-indexed bound.
    Pessoa, Uchoa, Poggi de Aragao & Rodrigues (2010), Exact algorithm over an arc-time-indexed formulation for
    parallel machine scheduling problems, Mathematical Programming Computation 2: paths over time.
    Camerini, Fratta & Maffioli (1975), On improving relaxation methods by modified gradient techniques,
    Mathematical Programming Study 3: the steps.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from shopfloor.domain.instance import Instance
from shopfloor.policies.exact_bound_centre import Relaxation
from shopfloor.policies.exact_bound_pools import Floats
from shopfloor.policies.exact_bound_prices import PricedCentre

BIN_MINUTES = (60, 30, 15, 10)
"""Coarse to fine. Below 10 minutes nothing was gained that was worth its seconds."""

N_CENTRES = 3
FIRST_SHARES = (1.0, 0.75, 0.5)
"""What the busiest centre may carry of the cost of a job that needs two; tried on the coarsest bins."""

PRICE_ITERATIONS = 300

DEFLECTION = 0.7
"""Share of the step before in a step's direction."""

PATIENCE = 10
"""Iterations without a better bound before steps are halved."""

NOTHING = 1e-6
SHORTEST = 0.003
"""Scale of steps below which a level ends."""

_Look = Callable[[Floats], tuple[float, Floats]]


@dataclass(frozen=True)
class Bound:
    """A proof.

    Attributes:
        value: No plan in regular time has less avoidable weighted tardiness, days.
        by_centre: What each work centre contributes.
        iterations: Steps in all.
        seconds: Wall seconds.
    """

    value: float
    by_centre: Mapping[str, float]
    iterations: int
    seconds: float


def proved_bound(
    instance: Instance,
    *,
    target: float,
    bins: Sequence[int] = BIN_MINUTES,
    iterations: int = 200,
    n_centres: int = N_CENTRES,
) -> Bound:
    """Return a lower bound of the avoidable weighted tardiness of every plan in regular time.

    The answer is the same on every machine; some 400 operations take half a minute.

    Args:
        target: Avoidable weighted tardiness of a known plan, days; decides the length of steps, not the proof.
        bins: Working minutes of a bin on each level, coarse to fine.
        iterations: Of each level at most.
        n_centres: How many centres are looked at, the busiest first.
    """
    began = time.monotonic()
    shop = Relaxation(instance)
    names = shop.by_load()[:n_centres]
    tried = [
        _Proof.of(shop, name_shares, target).begun(bins[0])
        for name_shares in (shop.shares(names, first) for first in FIRST_SHARES)
    ]
    proof = max(tried, key=lambda proof: proof.value)
    for bin_minutes in bins:
        proof.sharpen(bin_minutes, iterations)
    n_steps = sum(each.n_steps for each in tried)
    return Bound(proof.value, proof.found, n_steps, time.monotonic() - began)


@dataclass
class _Proof:
    """What is proved with given shares, and the rewards that prove it, by centre."""

    shop: Relaxation
    shares: Mapping[str, Mapping[str, float]]
    target: float
    found: dict[str, float]
    rewards: dict[str, Floats]
    n_steps: int = 0

    @classmethod
    def of(cls, shop: Relaxation, shares: Mapping[str, Mapping[str, float]], target: float) -> _Proof:
        used = {name: part for name, part in shares.items() if part}
        return cls(shop, used, target, dict.fromkeys(used, 0.0), {})

    @property
    def value(self) -> float:
        """The bound: centres add up, because no share of a cost is counted twice."""
        return sum(_rounded_down(value) for value in self.found.values())

    def begun(self, bin_minutes: int) -> _Proof:
        """Find rewards to begin from."""
        for name, shares in self.shares.items():
            centre = self.shop.centre(name, shares, bin_minutes=bin_minutes)
            priced = PricedCentre(centre)
            at = np.zeros(len(priced.supply))
            ascent = _Ascent(priced.look, at, np.inf, self.rest(name), priced.unit)
            self.n_steps += ascent.climb(PRICE_ITERATIONS)
            self.found[name] = max(0.0, ascent.best)
            self.rewards[name] = priced.rewards(ascent.best_at)
        return self

    def sharpen(self, bin_minutes: int, iterations: int) -> None:
        """Move the rewards of every centre that proves something at all."""
        for name, shares in self.shares.items():
            if self.found[name] <= NOTHING:
                continue
            centre = self.shop.centre(name, shares, bin_minutes=bin_minutes)
            rewards = np.minimum(self.rewards[name], centre.never)
            ascent = _Ascent(centre.look, rewards, centre.never, self.rest(name))
            self.n_steps += ascent.climb(iterations)
            self.rewards[name] = ascent.best_at
            self.found[name] = max(self.found[name], ascent.best)

    def rest(self, name: str) -> float:
        """Return what of the target may be this centre's."""
        others = sum(value for other, value in self.found.items() if other != name)
        return max(self.target - others, 0.1 * self.target)


def _rounded_down(value: float) -> float:
    """Return the value less what rounding of floats may have added."""
    return max(0.0, value - 1e-7 * max(1.0, value))


class _Ascent:
    """A point on its way up a concave function that has corners.

    Attributes:
        best: Highest value.
        best_at: Where.
    """

    def __init__(
        self, look: _Look, at: Floats, high: Floats | float, target: float, unit: Floats | float = 1.0
    ) -> None:
        self.look = look
        self.at = self.best_at = at
        self.high = high
        self.target = target
        self.unit = unit
        self.best = -np.inf

    def climb(self, iterations: int) -> int:
        """Take steps until they are short, or so many; return how many."""
        scale, stuck, direction = 1.0, 0, np.zeros_like(self.at)
        for n in range(iterations):
            value, slope = self.look(self.at)
            stuck = 0 if value > self.best + 1e-4 * max(1.0, abs(self.best)) else stuck + 1
            if value > self.best:
                self.best, self.best_at = value, self.at
            if stuck >= PATIENCE:
                scale, stuck = scale / 2, 0
                self.at, direction = self.best_at, np.zeros_like(direction)
                if scale < SHORTEST:
                    return n + 1
                continue
            is_held = ((self.at <= 0) & (slope < 0)) | ((self.at >= self.high) & (slope > 0))
            direction = np.where(is_held, 0.0, slope) + DEFLECTION * direction
            norm = float(((direction / self.unit) ** 2).sum())
            if norm == 0.0:
                return n + 1
            move = scale * max(self.target - value, 1e-3) / norm * direction / self.unit**2
            self.at = np.clip(self.at + move, 0.0, self.high)
        return iterations
