"""Plain Python with `heapq`: the twin with every feature, and a bare simulator without any.

Checks first that the twin and the kernel finish every operation of the measured week at the same minute.
"""

from __future__ import annotations

import heapq
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.factory import Factory, draw_factory
from benchmarks.heapq_twin import ATCS, EDD, Twin
from benchmarks.meters import Meter, serve
from benchmarks.our_cases import factory_instance, reality_of
from benchmarks.our_engine import rough_week
from shopfloor.engine.arrays import compile_instance
from shopfloor.engine.dispatch import dispatch
from shopfloor.engine.rules import Rule, RuleSpec


def bare_run(factory: Factory) -> list[int]:
    """Return each job's completion under EDD: no calendars, setups, speeds or restrictions."""
    n_types = 1 + max(factory.machine_type)
    idle = [factory.machine_type.count(kind) for kind in range(n_types)]
    waiting: list[list[tuple[int, int, int]]] = [[] for _ in range(n_types)]
    completion = [0] * len(factory.jobs)
    routes = [factory.routes[family] for family, *_ in factory.jobs]
    due = [job[3] for job in factory.jobs]
    heap = [(release, job, 0) for job, (_, _, release, _) in enumerate(factory.jobs)]
    heapq.heapify(heap)
    while heap:
        t = heap[0][0]
        touched = set()
        while heap and heap[0][0] == t:
            _, job, step = heapq.heappop(heap)
            if step:
                kind = routes[job][step - 1][0]
                idle[kind] += 1
                touched.add(kind)
            if step < len(routes[job]):
                kind = routes[job][step][0]
                heapq.heappush(waiting[kind], (due[job], job, step))
                touched.add(kind)
            else:
                completion[job] = t
        for kind in touched:
            while idle[kind] and waiting[kind]:
                _, job, step = heapq.heappop(waiting[kind])
                idle[kind] -= 1
                heapq.heappush(heap, (t + routes[job][step][1], job, step + 1))
    return completion


def meters() -> dict[str, Meter]:
    """Return the meters; the amount is operations."""
    compiled = compile_instance(factory_instance(500))
    scenario = rough_week(compiled)
    twin = Twin(compiled.instance, None, reality_of(compiled, scenario))
    outcome = dispatch(compiled, RuleSpec(Rule.EDD), scenario=scenario)
    ends = {name: int(outcome.end[i]) for i, name in enumerate(compiled.operation_ids)}
    assert twin.run(EDD) == ends, "the twin and the kernel disagree: run tests/engine first"
    nominal = Twin(compiled.instance)
    factory = draw_factory(500, 74)

    def features(rule: str) -> Meter:
        return lambda: len(twin.run(rule))

    def bare() -> float:
        bare_run(factory)
        return factory.n_operations

    def schedule() -> float:
        nominal.run(ATCS)
        return 1.0

    return {"edd": features(EDD), "atcs": features(ATCS), "bare": bare, "schedule": schedule}


if __name__ == "__main__":
    serve(f"heapq, Python {sys.version.split()[0]}", meters())
