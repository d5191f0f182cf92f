"""Planning again against rules and the learned policy on cases with a hidden future: players, rows, table.

Everybody meets the same arrivals, breakdowns and durations; nobody sees them before they happen. Budgets are
moves of the search; what they took in CPU stands beside them. Plays no static case.
"""

from __future__ import annotations

import hashlib
import inspect
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache

from shopfloor.domain.fingerprint import instance_fingerprint
from shopfloor.domain.schedule import Schedule
from shopfloor.engine.actor import ActorSpec
from shopfloor.engine.arrays import compile_instance
from shopfloor.engine.dispatch import dispatch, to_schedule
from shopfloor.engine.objective import PRESETS
from shopfloor.engine.portfolio import fitted_rules
from shopfloor.engine.rules import Rule, RuleSpec
from shopfloor.engine.short_search import chain_from, improved
from shopfloor.evaluation import replanning
from shopfloor.evaluation.contestant import TUNED, Contestant
from shopfloor.evaluation.replanning import ReplanSettings, When, replan
from shopfloor.evaluation.scoring import Arena, kpis_of
from shopfloor.evaluation.search_rows import RowStore, solver_hash
from shopfloor.evaluation.statistics import PairedComparison, compare_by_case
from shopfloor.twin.bank import SuiteCase

TOTAL, AVOIDABLE = "weighted_tardiness", "avoidable_weighted_tardiness"
POLICY = "policy"
HINDSIGHT = "search in hindsight (knows the future)"
"""A yardstick and no player: how little could have been late, as far as a search can tell."""

HINDSIGHT_MOVES = MORNING_MOVES = 300_000
HINDSIGHT_TRIES = 60
N_FUTURES = 4
"""Sampled futures at each planning of the combination."""


@dataclass(frozen=True)
class ReplanPlayer:
    """One way to run the shop.

    Attributes:
        spec: A rule or a policy that decides alone, or the one whose content is in the key of stored rows.
        settings: How it plans again; None = it never plans.
        rival: Player that it is compared with besides the best tuned rule, "" = none.
    """

    name: str
    spec: RuleSpec | ActorSpec
    settings: ReplanSettings | None = None
    rival: str = ""

    @property
    def content(self) -> str:
        """What decides what it does; its name does not."""
        if self.settings is None:
            kind = self.name if self.name == HINDSIGHT else ""
            return Contestant(self.name, self.spec).content_hash + kind
        plain = repr(replace(self.settings, policy=None))
        policy = self.settings.policy
        return plain + ("" if policy is None else Contestant(self.name, policy).content_hash)


@dataclass(frozen=True)
class ReplanRow:
    """One player on one case.

    Attributes:
        key: Of everything that the row depends on.
        kpis: Of what happened, numbers only.
        facts: What planning again has cost, see `Account.facts`.
    """

    key: str
    case: str
    player: str
    n_operations: int
    n_violations: int
    kpis: Mapping[str, float]
    facts: Mapping[str, float] = field(default_factory=dict)


def players(
    rules: Sequence[RuleSpec], policy: ActorSpec | None, moves: Mapping[str, int], *, are_all: bool = True
) -> tuple[ReplanPlayer, ...]:
    """Return everybody.

    Args:
        rules: Tuned, the best first: it places newcomers and starts the search.
        policy: The learned one; None = there is none, and nothing that needs it.
        moves: Of the search by the name of its budget; the first budget also plays every other way to follow
            and to be woken.
        are_all: Also play those other ways.
    """
    best = rules[0]
    found = [ReplanPlayer(TUNED + Rule(spec.rule).name, spec) for spec in rules]
    found.append(ReplanPlayer(HINDSIGHT, best))
    if policy is not None:
        found.append(ReplanPlayer(POLICY, policy))

    def planner(name: str, settings: ReplanSettings, rival: str = "") -> None:
        found.append(ReplanPlayer(name, best, settings, rival))

    for number, (budget, n_moves) in enumerate(moves.items()):
        plain = ReplanSettings(n_moves, best)
        name = f"replan {budget}"
        planner(name, plain)
        if policy is not None:
            planner(f"{name}, policy as a start", replace(plain, policy=policy), name)
        if number:
            continue
        others = "the rule's" if policy is None else "the rule's, or the policy's"
        futures = replace(plain, policy=policy, n_futures=N_FUTURES)
        planner(f"{name}, or {others}, on {N_FUTURES} futures", futures, name)
        if are_all:
            planner("replan without search", replace(plain, moves=0), name)
            planner(f"{name}, slots take the next", replace(plain, waits=False), name)
            planner(f"{name}, after a morning plan", replace(plain, first_moves=MORNING_MOVES), name)
            planner(f"{name}, at every moment", replace(plain, when=When.ALWAYS), name)
            planner(f"{name}, at arrivals only", replace(plain, when=When.ARRIVALS), name)
    return tuple(found)


def key_of(case: SuiteCase, player: ReplanPlayer, *, seed: int) -> str:
    """Return what names a player's row on a case."""
    facts = (instance_fingerprint(case.instance), repr(case.disturbances), str(case.scenario_seed), str(seed))
    parts = (solver_hash(), _replanning_source(), *facts, player.content)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


@lru_cache(maxsize=1)
def _replanning_source() -> str:
    return inspect.getsource(replanning)


def play(arena: Arena, case: SuiteCase, player: ReplanPlayer, *, seed: int) -> ReplanRow:
    """Return the player's scores on a case with a hidden future."""
    assert arena.scenario is not None
    assert case.disturbances is not None
    facts: Mapping[str, float] = {}
    if player.name == HINDSIGHT:
        schedule = in_hindsight(arena, seed=seed)
    elif player.settings is None:
        lived = dispatch(arena.compiled, player.spec, scenario=arena.scenario)
        schedule = arena.schedule_of(lived, player.name)
    else:
        lived, account = replan(arena.compiled, arena.scenario, case.disturbances, player.settings, seed=seed)
        schedule = arena.schedule_of(lived, player.name)
        facts = account.facts()
    return ReplanRow(
        key=key_of(case, player, seed=seed),
        case=case.name,
        player=player.name,
        n_operations=arena.compiled.n_operations,
        n_violations=len(arena.violations(schedule)),
        kpis=kpis_of(arena, schedule),
        facts=facts,
    )


def in_hindsight(arena: Arena, *, seed: int) -> Schedule:
    """Return the plan that a search makes of the world as it turned out."""
    compiled = compile_instance(arena.world)
    fitted, _ = fitted_rules(compiled, tries=HINDSIGHT_TRIES, seed=seed, deadline=math.inf)
    chain = chain_from(
        compiled, fitted[0][1], objective=PRESETS["tardiness"], moves=HINDSIGHT_MOVES, seed=seed
    )
    return to_schedule(compiled, improved(chain), HINDSIGHT)


def stored(store: RowStore, case: SuiteCase, player: ReplanPlayer, *, seed: int) -> ReplanRow | None:
    """Return the row that was played before, under the name that the player has now."""
    known = store.get(key_of(case, player, seed=seed))
    return None if known is None else replace(ReplanRow(**known), player=player.name)


def keep(store: RowStore, row: ReplanRow) -> None:
    """Store a row at once."""
    store.add(asdict(row))


@dataclass(frozen=True)
class ReplanLine:
    """One player over all cases.

    Attributes:
        mean: Weighted tardiness per case, weighted days.
        total, avoidable: Against the best tuned rule: all of it, and what somebody could have avoided.
        against: All of it against the rival; None = there is none.
        search_ms, other_ms: CPU milliseconds of a planning; 0 for who never plans.
    """

    player: str
    n_cases: int
    mean: float
    total: PairedComparison
    avoidable: PairedComparison
    rival: str
    against: PairedComparison | None
    plannings: float
    search_ms: float
    other_ms: float
    n_violations: int


@dataclass(frozen=True)
class ReplanTable:
    """Everybody's line, the best tuned rule's name, and what follows from both."""

    opponent: str
    lines: tuple[ReplanLine, ...]

    def text(self) -> str:
        """Return the table for a terminal."""
        width = max(len(line.player) for line in self.lines)
        head = (
            f"{'player':{width}}{'cases':>6}{'days':>8}{'ratio':>8}  {'95 % interval':17}{'avoidable':>10}  "
            f"{'95 % interval':17}{'wins':>6}{'plans':>7}{'search':>8}{'other ms':>9}"
        )
        rows = [f"weighted tardiness, ratio of sums to {self.opponent}, same hidden futures", head]
        for line in self.lines:
            rows.append(
                f"{line.player:{width}}{line.n_cases:6d}{line.mean:8.1f}{line.total.ratio:8.3f}  "
                f"{_interval(line.total):17}{line.avoidable.ratio:10.3f}  {_interval(line.avoidable):17}"
                f"{line.total.wins:6.0%}{line.plannings:7.0f}{line.search_ms:8.1f}{line.other_ms:9.1f}"
            )
        rows += [
            f"{line.player} against {line.rival}: {line.against.ratio:.3f} {_interval(line.against)}"
            for line in self.lines
            if line.against is not None
        ]
        wrong = sum(line.n_violations for line in self.lines)
        return "\n".join([*rows, f"violations found by the validator: {wrong}", self.verdict()])

    def verdict(self) -> str:
        """Say whether planning again wins over the policy and the rule, and whether the policy helps it."""
        replans = [line for line in self.lines if line.plannings]
        alone = [line for line in self.lines if not line.plannings and line.player != HINDSIGHT]
        best, other = min(replans, key=_ratio), min(alone, key=_ratio)
        words = "wins over" if best.total.ratio < other.total.ratio else "does not win over"
        return (
            f"planning again ({best.player}, {best.total.ratio:.3f} {_interval(best.total)}) {words} whoever "
            f"decides alone ({other.player}, {other.total.ratio:.3f})"
        )

    def as_dict(self) -> dict[str, object]:
        """Return JSON values."""
        rows = []
        for line in self.lines:
            row = {**asdict(line), "total": line.total.as_dict(), "avoidable": line.avoidable.as_dict()}
            row["against"] = None if line.against is None else line.against.as_dict()
            rows.append(row)
        return {"opponent": self.opponent, "lines": rows, "verdict": self.verdict()}


def _ratio(line: ReplanLine) -> float:
    return line.total.ratio


def _interval(compared: PairedComparison) -> str:
    return f"[{compared.ratio_interval.low:.3f}, {compared.ratio_interval.high:.3f}]"


def table_of(rows: Iterable[ReplanRow], everybody: Sequence[ReplanPlayer]) -> ReplanTable:
    """Return everybody against the best tuned rule, which is chosen on these cases, in its favour.

    Args:
        rows: Of any players and cases; each player is compared on the cases that it has.
    """
    by_player: dict[str, dict[str, ReplanRow]] = {player.name: {} for player in everybody}
    for row in rows:
        by_player[row.player][row.case] = row
    played = [player for player in everybody if by_player[player.name]]

    def values(name: str, kpi: str) -> dict[str, float]:
        return {case: row.kpis[kpi] for case, row in by_player[name].items()}

    tuned = [player.name for player in played if player.name.startswith(TUNED)]
    opponent = min(tuned, key=lambda name: sum(values(name, TOTAL).values()))

    def line(player: ReplanPlayer) -> ReplanLine:
        mine = list(by_player[player.name].values())
        has_rival = bool(player.rival and by_player.get(player.rival))

        def mean(name: str) -> float:
            return sum(row.facts.get(name, 0.0) for row in mine) / len(mine)

        return ReplanLine(
            player=player.name,
            n_cases=len(mine),
            mean=sum(row.kpis[TOTAL] for row in mine) / len(mine),
            total=compare_by_case(values(player.name, TOTAL), values(opponent, TOTAL)),
            avoidable=compare_by_case(values(player.name, AVOIDABLE), values(opponent, AVOIDABLE)),
            rival=player.rival if has_rival else "",
            against=compare_by_case(values(player.name, TOTAL), values(player.rival, TOTAL))
            if has_rival
            else None,
            plannings=mean("plannings"),
            search_ms=mean("search_ms"),
            other_ms=mean("other_ms"),
            n_violations=sum(row.n_violations for row in mine),
        )

    return ReplanTable(opponent, tuple(line(player) for player in played))
