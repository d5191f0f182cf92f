"""The operations of an order as a route: which order, which step, and whether the steps before it are there.

A route is broken by two operations in one place and by a hole between two steps. A missing beginning is no
hole: plants archive what is done. It knows nothing of severities.
"""

from __future__ import annotations

import pandas as pd

PROCESS_ORDER = r"^\s*[Pp]?\s*\d{1,6}\s*$"
SUFFIX = r"^(.+?)[_\-. ]?[Pp]\d+$"


def order_ids(jobs: pd.DataFrame) -> pd.Series:
    """Return the order of each operation: `order_id`, else `job_id` without its process suffix."""
    derived = jobs["job_id"].astype("str").str.replace(SUFFIX, r"\1", regex=True)
    return jobs["order_id"].astype("str").where(jobs["order_id"].notna(), derived)


def step_numbers(jobs: pd.DataFrame) -> pd.Series:
    """Return the number after the P; missing where it cannot be read."""
    text = jobs["process_order"].astype("str")
    return pd.to_numeric(text.str.extract(r"^\s*[Pp]?\s*(\d{1,6})\s*$", expand=False), errors="coerce")


def has_own_place(jobs: pd.DataFrame, *, is_unique: pd.Series) -> pd.Series:
    """Return per operation whether no other operation of its order has its number.

    Args:
        is_unique: Rows that repeat nothing: a repeated row is one operation, not two.
    """
    places = pd.DataFrame({"order": order_ids(jobs), "step": step_numbers(jobs)})[is_unique].dropna()
    return ~places.duplicated(keep=False).reindex(jobs.index, fill_value=False)


def has_predecessor(jobs: pd.DataFrame) -> pd.Series:
    """Return per operation whether no step is missing between the first one that is there and this one.

    A plant that numbers its steps 10, 20, 30 has no holes: the usual distance of two steps is learned from
    the data.
    """
    places = pd.DataFrame({"order": order_ids(jobs), "step": step_numbers(jobs)})
    # An unreadable number is a fault of its own, not a hole.
    places = places[~places["step"].isna().groupby(places["order"]).transform("any")]
    steps = places.drop_duplicates().sort_values(["order", "step"], kind="stable")
    gap = steps.groupby("order")["step"].diff()
    if gap.notna().sum() == 0:
        return pd.Series(True, index=jobs.index)
    usual = float(gap.mode().iloc[0])
    after_hole = (gap > usual).groupby(steps["order"]).cummax()
    broken = steps.assign(broken=after_hole)
    marked = places.reset_index().merge(broken, on=["order", "step"], how="left").set_index("index")["broken"]
    return ~marked.reindex(jobs.index, fill_value=False).astype(bool)


def after_broken(jobs: pd.DataFrame, *, is_broken: pd.Series, may_move: pd.Series) -> pd.Series:
    """Return the operations that cannot be planned because one before them in their order was set aside.

    Args:
        is_broken: Open operations that were set aside.
        may_move: Operations that could be set aside in consequence: open and not running.
    """
    order, step = order_ids(jobs), step_numbers(jobs)
    # An operation whose number cannot be read could be anywhere: the whole order waits.
    first = step[is_broken].fillna(float("-inf")).groupby(order[is_broken]).min()
    return may_move & ~is_broken & (step > order.map(first).astype("float64"))
