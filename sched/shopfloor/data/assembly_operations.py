"""Operations of an open order: lots, durations, the chain of predecessors, and what cannot be planned.

Nothing is dropped: a row that cannot be planned stays an operation of its job and gets a code. A missing
family, work centre or duration is never guessed.
"""

from __future__ import annotations

from dataclasses import dataclass

from shopfloor.data.assembly_clock import whole_minutes
from shopfloor.data.assembly_history import History
from shopfloor.data.assembly_orders import Order, OrderOptions, Orders, Row
from shopfloor.domain.instance import Operation, UnassignedCode

MAX_LOTS = 200


@dataclass(frozen=True)
class _Part:
    """One lot of one row, or the whole row.

    Attributes:
        lots: Lots that it stands for; all of them when a split order runs this step whole.
        share: Part of the order's quantity, 0..1.
    """

    operation_id: str
    lots: range
    share: float


def add_operations(orders: Orders, order: Order, history: History, *, options: OrderOptions) -> None:
    """Append the open operations of `order`, predecessors first; set aside those that cannot be planned."""
    shares = lot_shares(order)
    previous: dict[int, str] = {}
    for row in order.rows:
        if not row["is_open"]:
            continue
        for part in _parts(row, shares, history):
            is_running = part.operation_id in history.running
            operation = Operation(
                operation_id=part.operation_id,
                job_id=order.job_id,
                family=row["family_name"] or "",
                sequence=row["sequence"] or 0,
                machine_type=row["machine_type"] or "",
                processing_minutes=_minutes(row, part.share, options),
                predecessor=None if is_running else previous.get(part.lots.start),
                is_interruptible=row["is_interruptible"] is not False,
                lot=part.lots.start,
            )
            previous |= dict.fromkeys(part.lots, part.operation_id)
            orders.operations.append(operation)
            _note_rest(orders, row, part, history)
            if is_running:
                continue
            detail = _problem(order, row, part, options) or ("" if shares else f"more than {MAX_LOTS} lots")
            if detail:
                is_lost = row["sequence"] is None
                code = UnassignedCode.MISSING_ROUTE if is_lost else UnassignedCode.QUARANTINED
                orders.set_aside(part.operation_id, code, detail)


def lot_shares(order: Order) -> tuple[float, ...]:
    """Return each lot's share of the order: one lot unless `lot_size` is smaller than `quantity`.

    The first row of the route that has both decides, because a lot flows through the whole route. Empty when
    there would be more than `MAX_LOTS`.
    """
    for row in order.rows:
        quantity, lot_size = row["quantity"], row["lot_size"]
        if quantity and lot_size and 0 < lot_size < quantity:
            full, rest = divmod(quantity, lot_size)
            if full + bool(rest) > MAX_LOTS:
                return ()
            return (lot_size / quantity,) * full + ((rest / quantity,) if rest else ())
    return (1.0,)


def _parts(row: Row, shares: tuple[float, ...], history: History) -> list[_Part]:
    row_id = row["job_id"]
    if len(shares) <= 1 or row_id in history.running:
        return [_Part(row_id, range(1, max(1, len(shares)) + 1), 1.0)]
    parts = [
        _Part(f"{row_id}#{lot}", range(lot, lot + 1), share) for lot, share in enumerate(shares, start=1)
    ]
    return [part for part in parts if part.operation_id not in history.done]


def _minutes(row: Row, share: float, options: OrderOptions) -> int:
    """Return the work of a part, rounded up once, at least 1."""
    hours = row["processing_time"]
    if hours is None or not hours > 0:
        return 1
    return max(1, whole_minutes(hours * options.minutes_per_unit * share))


def _note_rest(orders: Orders, row: Row, part: _Part, history: History) -> None:
    """Remember the plant's own remaining minutes where they are of now."""
    rest = row["remaining_minutes"]
    if rest is None or not rest >= 0 or part.share < 1.0:
        return
    running = history.running.get(part.operation_id)
    if (running is not None and running.is_current) or (
        running is None and part.operation_id in history.done
    ):
        orders.remaining[part.operation_id] = max(1, whole_minutes(rest))


def _problem(order: Order, row: Row, part: _Part, options: OrderOptions) -> str:
    """Return why a part cannot be planned, or ""."""
    if part.operation_id in options.quarantined or row["job_id"] in options.quarantined:
        return "set aside by validation"
    if row["sequence"] is None:
        return f"process_order cannot be read: {row['process_order']!r}"
    for column in ("family_name", "machine_type"):
        if not row[column]:
            return f"{column} is missing"
    if row["processing_time"] is None or not row["processing_time"] > 0:
        return f"processing_time is not positive: {row['processing_time']}"
    if all(other["lcd_date"] is None for other in order.rows):
        return "lcd_date is missing"
    return ""


def set_aside_successors(orders: Orders, committed: frozenset[str]) -> None:
    """Set aside what waits for an operation that is set aside; a committed one breaks the chain."""
    for operation in orders.operations:
        before = operation.predecessor
        if before in orders.aside and operation.operation_id not in committed:
            detail = f"waits for {before}"
            orders.set_aside(operation.operation_id, UnassignedCode.PREDECESSOR_UNASSIGNED, detail)
