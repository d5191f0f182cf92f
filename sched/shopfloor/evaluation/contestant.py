"""Who competes: the plant's greedy, a rule, a learned policy, or samples of one of them.

A contestant is a description; it holds no state between cases. Samples are for cases without a hidden future
only: the best of N tries on the true future would be clairvoyant.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from shopfloor.domain.errors import ShopfloorError
from shopfloor.engine.actor import ActorSpec
from shopfloor.engine.dispatch import Outcome, best_of, dispatch, greedy_list
from shopfloor.engine.layout import Ints
from shopfloor.engine.rules import Rule, RuleSpec
from shopfloor.evaluation.evidence import BEST_OF

if TYPE_CHECKING:
    from shopfloor.engine.arrays import Compiled
    from shopfloor.engine.scenario import Scenario
    from shopfloor.policies.model import DispatchModel

GREEDY = "greedy"
CANDIDATE = "candidate"
CHAMPION = "champion"
TUNED = "tuned "
TEXTBOOK = "textbook "
TEXTBOOK_RULES = (Rule.FIFO, Rule.SPT, Rule.EDD, Rule.WSPT, Rule.CR, Rule.SLACK, Rule.ATC, Rule.ATCS)


class ClairvoyantSampling(ShopfloorError, ValueError):
    """Samples were asked for on a case whose future a scheduler may not know."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """Best of N inside a deadline.

    Attributes:
        n: Samples at most, the deterministic run included.
        temperature: Of the sampling.
        deadline_s: Wall seconds.
    """

    n: int
    temperature: float
    deadline_s: float


@dataclass(frozen=True)
class Contestant:
    """One way of making plans.

    Attributes:
        name: Shown everywhere; unique among the contestants of one evaluation.
        spec: Rule or network; None = the plant's own greedy (a list on static cases, event-driven otherwise).
        sampling: Best of N; None = deterministic.
    """

    name: str
    spec: RuleSpec | ActorSpec | None
    sampling: Sampling | None = None

    @property
    def is_static_only(self) -> bool:
        """Whether it may not play a case with a hidden future."""
        return self.sampling is not None

    @property
    def content_hash(self) -> str:
        """SHA-256 of everything that decides what it does (its name does not)."""
        digest = hashlib.sha256(type(self.spec).__name__.encode())
        _feed(digest, self.spec)
        digest.update(b"" if self.sampling is None else json.dumps(asdict(self.sampling)).encode())
        return digest.hexdigest()

    def play(
        self,
        compiled: Compiled,
        *,
        scenario: Scenario | None = None,
        levels: Ints | None = None,
        seed: int = 0,
    ) -> Outcome:
        """Return what happens when it runs the shop.

        Args:
            compiled: The instance.
            scenario: What really happens; None = as planned.
            levels: Overtime level of each operation, int64 (operations,); None = regular time.
            seed: Of the samples.

        Raises:
            ClairvoyantSampling: It samples and there is a scenario.
        """
        if self.sampling is not None and scenario is not None:
            raise ClairvoyantSampling(
                f"{self.name!r} may not sample a case with a hidden future: best of {self.sampling.n}\n"
                "hint: score its deterministic form there"
            )
        if self.spec is None:
            if scenario is None:
                return greedy_list(compiled)
            return dispatch(compiled, RuleSpec(Rule.GREEDY_DISPATCH), scenario=scenario, levels=levels)
        if self.sampling is None:
            return dispatch(compiled, self.spec, scenario=scenario, levels=levels)
        outcome, _ = best_of(
            compiled,
            self.spec,
            n=self.sampling.n,
            seed=seed,
            temperature=self.sampling.temperature,
            deadline_s=self.sampling.deadline_s,
        )
        return outcome


def _feed(digest: Any, value: object) -> None:
    """Feed a nest of tuples, dataclasses, arrays and numbers to a hash."""
    if isinstance(value, np.ndarray):
        digest.update(f"{value.dtype.str}{value.shape}".encode() + np.ascontiguousarray(value).tobytes())
    elif isinstance(value, tuple | list):
        for item in value:
            _feed(digest, item)
    elif hasattr(value, "__dataclass_fields__"):
        for name in value.__dataclass_fields__:
            digest.update(name.encode())
            _feed(digest, getattr(value, name))
    else:
        digest.update(repr(value).encode() + b";")


def greedy() -> Contestant:
    """Return the plant's own greedy."""
    return Contestant(GREEDY, None)


def textbook_rules() -> tuple[Contestant, ...]:
    """Return the rules with the parameters that textbooks give."""
    return tuple(Contestant(TEXTBOOK + rule.name, RuleSpec(rule)) for rule in TEXTBOOK_RULES)


def tuned_rules(specs: Sequence[RuleSpec]) -> tuple[Contestant, ...]:
    """Return rules with the parameters that were tuned for this plant."""
    return tuple(Contestant(TUNED + Rule(spec.rule).name, spec) for spec in specs)


def learned(name: str, model: DispatchModel, *, sampling: Sampling | None = None) -> Contestant:
    """Return a stored model as a contestant."""
    suffix = "" if sampling is None else f"{BEST_OF}{sampling.n}"
    return Contestant(name + suffix, model.spec(), sampling)


def by_name(contestants: Sequence[Contestant]) -> Mapping[str, Contestant]:
    """Return contestants by name.

    Raises:
        ValueError: Two share a name.
    """
    named = {contestant.name: contestant for contestant in contestants}
    if len(named) != len(contestants):
        raise ValueError("two contestants share a name\nhint: rename one of them")
    return named
