"""What a person types for `daily`, and the table that answers."""

import pytest
from shopfloor_command import shopfloor

from flows.daily_gains import gains, gains_table
from flows.durations import hours_of
from shopfloor.serving.exit_codes import ExitCode


@pytest.mark.parametrize(
    ("text", "hours"), [("4h", 4.0), ("90m", 1.5), ("4", 4.0), ("0.5h", 0.5), (" 15 M ", 0.25), ("0", 0.0)]
)
def test_a_length_of_time_is_hours_or_minutes(text, hours):
    assert hours_of(text) == hours


@pytest.mark.parametrize("text", ["", "h", "-4h", "4d", "four", "4h30m", "1e3", "nan"])
def test_other_text_is_no_length_of_time(text):
    with pytest.raises(ValueError, match="not a length of time"):
        hours_of(text)


@pytest.mark.parametrize(
    "wrong", [("--freeze", "soon"), ("--freeze", "200h"), ("--objective", "best"), ("--workers", "0")]
)
def test_a_wrong_option_is_wrong_usage(wrong, tmp_path):
    done = shopfloor("daily", *wrong, home=tmp_path)
    assert done.returncode == ExitCode.USAGE and wrong[0] in done.stderr


def test_a_gain_is_positive_when_the_plan_is_better_whichever_way_the_figure_runs():
    plan = {"weighted_tardiness": 60.0, "on_time_rate": 0.75, "overtime_hours": 3.0}
    plan |= {"unavoidable_weighted_tardiness": 20.0, "attainable_on_time_rate": 0.9}
    greedy = {"weighted_tardiness": 80.0, "on_time_rate": 0.5, "overtime_hours": 0.0}
    by_name = {row.name: row for row in gains(plan, greedy)}
    assert by_name["weighted_tardiness"].gain == 0.25
    assert by_name["weighted_tardiness"].unavoidable == 20.0
    assert by_name["on_time_rate"].gain == 0.5
    assert by_name["on_time_rate"].unavoidable == 0.9
    assert by_name["overtime_hours"].gain is None
    assert "+25.0%" in gains_table(gains(plan, greedy))
