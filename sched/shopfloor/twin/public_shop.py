"""A benchmark instance as the engine sees it: one slot per machine, open at every minute, no setups.

The domain knows one processing time per operation, so minutes that differ by machine are written into the
arrays after compiling.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime

import numpy as np

from shopfloor.data.public_instances import PublicInstance
from shopfloor.domain.calendar import OpenTime
from shopfloor.domain.instance import Instance, Job, Operation
from shopfloor.domain.plant import Machine, Plant
from shopfloor.engine import layout as at
from shopfloor.engine.arrays import Compiled, compile_instance

EPOCH = datetime(2026, 1, 5, tzinfo=UTC)


def instance_of(public: PublicInstance) -> Instance:
    """Return the shop as an instance; with alternatives, minutes are the mean and machines all of them."""
    longest = sum(max(t for _, t in operation) for job in public.jobs for operation in job)
    due = public.due or (longest,) * len(public.jobs)
    weights = public.weights or (1,) * len(public.jobs)
    kind = "all" if public.is_flexible else "M{:04d}"
    plant = Plant(tuple(Machine(f"M{m:04d}", kind.format(m)) for m in range(public.n_machines)))
    jobs = tuple(Job(f"J{j:04d}", "any", float(weights[j]), 0, due[j]) for j in range(len(public.jobs)))
    operations = []
    for j, job in enumerate(public.jobs):
        previous = None
        for k, alternatives in enumerate(job):
            mean = sum(t for _, t in alternatives) / len(alternatives)
            name = f"J{j:04d}-{k:03d}"
            operations.append(
                Operation(
                    name, f"J{j:04d}", "any", k + 1, kind.format(alternatives[0][0]),
                    max(1, math.ceil(mean)), previous,
                )
            )  # fmt: skip
            previous = name
    open_time = OpenTime.of([(0, max(1, longest + 1), 0)])
    return Instance(
        epoch=EPOCH,
        as_of=EPOCH,
        plant_tz="UTC",
        plant=plant,
        open_time={machine.machine_id: open_time for machine in plant.machines},
        jobs=jobs,
        operations=tuple(operations),
    )


def compile_public(public: PublicInstance) -> Compiled:
    """Return the arrays of the shop with the exact minutes of every operation on every machine."""
    compiled = compile_instance(instance_of(public))
    problem = compiled.problem
    slot_of = {slot.machine_id: i for i, slot in enumerate(compiled.slots)}
    op, work = problem.op.copy(), problem.op_work.copy()
    pairs: list[tuple[int, int]] = []
    rows = [operation for job in public.jobs for operation in job]
    for i, alternatives in enumerate(rows):
        op[i, at.OP_ELIG_LO] = len(pairs)
        pairs += sorted((slot_of[f"M{machine:04d}"], minutes) for machine, minutes in alternatives)
        op[i, at.OP_ELIG_HI] = len(pairs)
        work[i, at.WORK_MEAN] = max(1.0, sum(t for _, t in alternatives) / len(alternatives))
    work[:, at.WORK_AFTER] = 0.0
    for i in range(len(rows) - 1, -1, -1):
        if op[i, at.OP_PRED] >= 0:
            work[op[i, at.OP_PRED], at.WORK_AFTER] = work[i, at.WORK_MEAN] + work[i, at.WORK_AFTER]
    exact = problem._replace(op=op, op_work=work, elig=np.array(pairs, dtype=np.int64))
    return Compiled(
        exact,
        compiled.instance,
        compiled.operation_ids,
        compiled.job_ids,
        compiled.slots,
        compiled.work_centres,
    )
