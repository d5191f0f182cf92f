"""Speed of the engine as ratios of CPU seconds against peers, in one interleaved run; nothing is stored.

Every round asks each player once, so a busy machine slows all of them alike. Medians and ranges are over the
rounds. Peers that are not built are named in their rows.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from flows.bench_goals import RATIOS, BenchRow, Meter, Ratio, row_of
from flows.bench_players import (
    OUR_PYTHON,
    PEER_PYTHON,
    Player,
    PlayerMissing,
    Round,
    require_scripts,
    run_child,
)

PLAYERS = {
    "engine": (OUR_PYTHON, "our_engine.py"),
    "env": (OUR_PYTHON, "our_env.py"),
    "heapq": (OUR_PYTHON, "peer_heapq.py"),
    "maskable": (OUR_PYTHON, "peer_maskable.py"),
    "simpy": (PEER_PYTHON, "peer_simpy.py"),
    "jssenv": (PEER_PYTHON, "peer_jssenv.py"),
    "jumanji": (PEER_PYTHON, "peer_jumanji.py"),
}
TA41 = "lib/python*/site-packages/JSSEnv/envs/instances/ta41"
SCALE = ("edd", "atcs")
STARTS = 5
SMALL_JOBS, FACTORY_JOBS, LARGE_JOBS = 70, 500, 4700

Say = Callable[[str], None]
Rounds = dict[Meter, list[Round]]


@dataclass(frozen=True)
class EngineBench:
    """The answer of `bench engine`."""

    n_rounds: int
    about: dict[str, str]
    seconds: float
    rows: tuple[BenchRow, ...]

    def text(self) -> str:
        """Return the table for a terminal."""
        head = f"{'':4}{'work per CPU second, ours : peer':72}{'median [range]':28}{'must':>8}{'aim':>8}  verdict"
        played = ", ".join(f"{name}: {about}" for name, about in self.about.items())
        return "\n".join(
            [f"{self.n_rounds} interleaved rounds, {self.seconds:.0f} s; {played}", head]
            + [row.text() for row in self.rows]
        )


def run_bench_engine(*, n_rounds: int, seconds: float, is_quick: bool, say: Say) -> EngineBench:
    """Measure every speed goal.

    Args:
        n_rounds: Interleaved rounds, >= 1.
        seconds: CPU seconds of each meter in each round.
        is_quick: Ours only: no peers, no cold compilation.
        say: Hears what is going on.

    Raises:
        RefusedInput: The benchmarks are not here.
    """
    require_scripts()
    began = time.monotonic()
    wanted = ["engine", "env"] if is_quick else list(PLAYERS)
    with _players(wanted, say) as (players, missing):
        rounds = _play(players, missing, (n_rounds, seconds), say)
        about = {name: player.about for name, player in players.items()} | missing
    rows = [_ratio_row(goal, rounds, missing) for goal in RATIOS if not is_quick]
    rows += _own_rows(rounds)
    rows += _start_rows(2 if is_quick else STARTS, is_quick=is_quick, say=say)
    rows.sort(key=lambda row: (len(row.goal), row.goal))
    return EngineBench(n_rounds, about, time.monotonic() - began, tuple(rows))


@contextmanager
def _players(names: list[str], say: Say) -> Iterator[tuple[dict[str, Player], dict[str, str]]]:
    """Start the players one after the other; yield those that run, and why the others do not."""
    running: dict[str, Player] = {}
    missing: dict[str, str] = {}
    try:
        for name in names:
            say(f"starting {name}")
            python, script = PLAYERS[name]
            try:
                running[name] = Player(python, script, _arguments(name), say=say)
            except PlayerMissing as reason:
                missing[name] = str(reason)
                say(f"{name} is left out: {reason}")
        yield running, missing
    finally:
        for player in running.values():
            player.close()


def _arguments(name: str) -> list[str]:
    """JSSEnv ships ta41; without it ours plays a random job shop of that size."""
    found = sorted(PEER_PYTHON.parents[1].glob(TA41)) if name == "env" else []
    return [str(path) for path in found[:1]]


def _play(players: dict[str, Player], missing: dict[str, str], size: tuple[int, float], say: Say) -> Rounds:
    """Ask everybody once per round; who fails is left out from then on."""
    n_rounds, seconds = size
    order = list(dict.fromkeys(meter for goal in RATIOS for meter in (goal.ours, goal.peer)))
    order += [Meter("engine", name) for name in ("schedule_plant", "latency", "validate")]
    order += [Meter("engine", name) for name in _scale_meters(players)]
    rounds: Rounds = defaultdict(list)
    for number in range(n_rounds):
        say(f"round {number + 1} of {n_rounds}")
        for meter in order:
            if meter.player not in players or meter.player in missing:
                continue
            try:
                rounds[meter].append(players[meter.player].ask(meter.name, seconds))
            except PlayerMissing as reason:
                missing[meter.player] = str(reason)
                say(f"{meter.player} is left out from here: {reason}")
    return rounds


def _scale_meters(players: dict[str, Player]) -> list[str]:
    return (
        [name for name in players["engine"].meters if name.startswith("scale_")]
        if "engine" in players
        else []
    )


def _ratio_row(goal: Ratio, rounds: Rounds, missing: dict[str, str]) -> BenchRow:
    ours, peer = rounds.get(goal.ours, []), rounds.get(goal.peer, [])
    ratios = [a.speed / b.speed for a, b in zip(ours, peer, strict=False)]
    reason = missing.get(goal.ours.player) or missing.get(goal.peer.player) or ""
    return row_of(
        goal.goal,
        goal.what,
        ratios,
        unit="x",
        must=goal.must,
        aim=goal.aim,
        ours=_speed(ours),
        peer=_speed(peer) or reason,
    )


def _speed(rounds: list[Round]) -> str:
    return f"{median(one.speed for one in rounds):,.0f}/s" if rounds else ""


def _own_rows(rounds: Rounds) -> list[BenchRow]:
    """The goals that need no peer."""

    def speeds(name: str) -> list[float]:
        return [one.speed for one in rounds.get(Meter("engine", name), [])]

    decisions = rounds.get(Meter("engine", "latency"), [])
    p50, p99 = ([one.beside[name] for one in decisions] for name in ("p50_us", "p99_us"))
    rows = [
        row_of("G2", "one schedule, 500x74, ATCS, warm", [1e3 / v for v in speeds("schedule_factory")],
               unit="ms", must=20, aim=3, at_least=False),
        row_of("G6", "one decision: observation, mask, network, choice; p50", p50, unit="us", at_least=False),
        row_of("G6", "the same; p99", p99, unit="us", must=50, aim=5, at_least=False),
        row_of("G20", "validator, 500x74", [1e3 / v for v in speeds("validate")], unit="ms", at_least=False),
        row_of("443", "schedules of 443 operations, default plant, ATCS, one core", speeds("schedule_plant"),
               unit="/s", must=2000),
    ]  # fmt: skip
    for rule in SCALE:
        sizes = sorted(
            (int(meter.name.rpartition("_")[2]), [one.speed for one in made])
            for meter, made in rounds.items()
            if meter.name.startswith(f"scale_{rule}_")
        )
        exponents = [
            _exponent([(n, 1.0 / made[k]) for n, made in sizes])
            for k in range(len(sizes[0][1]) if sizes else 0)
        ]
        span = f"{sizes[0][0]:,}-{sizes[-1][0]:,}" if sizes else "?"
        spent = " ".join(f"{1e3 / median(made):.3g}" for _, made in sizes) + " ms"
        rows.append(
            row_of("G17", f"time ~ operations^a, {rule.upper()}, {span} operations", exponents, unit="",
                   must=1.25, aim=1.10, at_least=False, ours=spent)
        )  # fmt: skip
    return rows


def _exponent(points: list[tuple[int, float]]) -> float:
    """Return the slope of log seconds over log operations by least squares."""
    x = [math.log(n) for n, _ in points]
    y = [math.log(seconds) for _, seconds in points]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    spread = sum((a - mean_x) ** 2 for a in x)
    return sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / spread


def _start_rows(n_starts: int, *, is_quick: bool, say: Say) -> list[BenchRow]:
    """Fresh processes: memory, time to the first valid plan, compilation from nothing."""
    rows = []
    run_child("our_start.py", [str(SMALL_JOBS)])  # compiles where the cache is cold: not what is measured
    for jobs in (SMALL_JOBS, LARGE_JOBS):
        say(f"memory of a fresh process that plans {jobs} jobs")
        made = [run_child("our_start.py", [str(jobs)]) for _ in range(1 if is_quick else 2)]
        what = f"peak memory of a process that plans {made[0]['operations']:,} operations"
        rows.append(
            row_of(
                "G18", what, [one["peak_mb"] for one in made], unit="MB", must=300, aim=200, at_least=False
            )
        )
    say(f"{n_starts} fresh processes to a first valid plan")
    warm = []
    for _ in range(n_starts):
        began = time.monotonic()
        made_once = run_child("our_start.py", [str(FACTORY_JOBS)])
        warm.append((made_once["cpu_s"], time.monotonic() - began))
    what = "fresh process to the first valid plan, 500x74, kernels cached, CPU"
    wall = f"wall {median(seconds for _, seconds in warm):.2f} s"
    rows.append(
        row_of("G19", what, [cpu for cpu, _ in warm], unit="s", must=3, aim=1, at_least=False, ours=wall)
    )
    if not is_quick:
        say("compiling the kernels of a rule from nothing")
        with tempfile.TemporaryDirectory() as empty:
            cold = run_child("our_start.py", [str(FACTORY_JOBS)], cache=Path(empty))
        say(f"compiled in {cold['first_call_s']:.1f} CPU seconds")
        what = "the same with an empty kernel cache, CPU"
        rows.append(row_of("G19", what, [cold["cpu_s"]], unit="s", must=20, at_least=False))
    return rows
