"""Dispatching rules by name, with their parameters. What each index is stands in `kernel/rules.py`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from shopfloor.engine.layout import Floats


class Rule(IntEnum):
    """Rules of dispatching; the operation with the largest index goes first.

    FIFO arrival at the queue; SPT shortest run; EDD earliest due date; WSPT weight per run minute; CR
    critical ratio; SLACK least slack; ATC apparent tardiness cost; ATCS the same with setups;
    GREEDY_DISPATCH weight, then release, then route position; RANDOM.
    """

    FIFO = 0
    SPT = 1
    EDD = 2
    WSPT = 3
    CR = 4
    SLACK = 5
    ATC = 6
    ATCS = 7
    GREEDY_DISPATCH = 8
    RANDOM = 9


@dataclass(frozen=True, slots=True)
class RuleSpec:
    """A rule with its parameters.

    Attributes:
        rule: Which one.
        k1: Look-ahead of ATC and ATCS in mean run times of the work centre, > 0; smaller = slack matters
            more.
        k2: Setup scale of ATCS in mean setups of the work centre, > 0; smaller = setups matter more.
        tail: Share of the remaining route that counts into the slack, >= 0.
    """

    rule: Rule = Rule.ATCS
    k1: float = 2.0
    k2: float = 0.5
    tail: float = 1.0

    def __post_init__(self) -> None:
        if not (self.k1 > 0 and self.k2 > 0 and self.tail >= 0):
            raise ValueError(
                f"rule {self.rule.name} has impossible parameters: {self.k1}, {self.k2}, {self.tail}\n"
                "hint: k1 and k2 are positive, tail is not negative"
            )

    def parameters(self) -> Floats:
        """Return what the kernels read: k1, k2, tail, float64 (3,)."""
        return np.array([self.k1, self.k2, self.tail], dtype=np.float64)

    @property
    def name(self) -> str:
        """Short name for reports, for example `rule:ATCS`."""
        return f"rule:{self.rule.name}"
