"""The readers of the literature's formats: what they understand and what they refuse, with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest
from classic_shops import FT06, LA16_TWT, MK01, classic

from shopfloor.data.public_instances import parse_flexible, parse_job_shop, read_bounds, read_set
from shopfloor.data.taillard import PUBLISHED, taillard
from shopfloor.domain.errors import InvalidInstance


def test_a_job_shop_has_its_machines_minutes_and_bound() -> None:
    shop = parse_job_shop(FT06, "ft06")
    assert (len(shop.jobs), shop.n_machines, shop.n_operations) == (6, 6, 36)
    assert shop.jobs[0][:2] == (((2, 1),), ((0, 3),))
    assert not shop.is_flexible and not shop.is_tardiness
    assert shop.simple_bound == 47


def test_a_flexible_shop_has_alternatives_and_its_header_is_not_believed() -> None:
    shop = parse_flexible(MK01.replace("10 6", "10 99", 1), "mk01")
    assert shop.jobs[0][0] == ((0, 5), (2, 4))
    assert (shop.n_machines, shop.n_operations, shop.is_flexible) == (6, 55, True)


def test_due_dates_and_weights_follow_the_jobs() -> None:
    shop = parse_job_shop(LA16_TWT, "la16_f15")
    assert shop.is_tardiness
    assert (shop.weights[0], shop.due[0], shop.weights[-1], shop.due[-1]) == (4, 666, 1, 1075)


@pytest.mark.parametrize(
    ("text", "line", "value"),
    [
        ("2 2\n0 3 1 x\n0 1 1 1\n", 2, "x"),
        ("2 2\n0 3 1 -2\n0 1 1 1\n", 2, "-2"),
        ("2 2\n0 3 1\n0 1 1 1\n", 2, "1"),
        ("2 2\n0 3 7 2\n0 1 1 1\n", 2, "7"),
        ("2 2\n0 3 1 2\n", 2, "job 2 of 2 is missing"),
        ("2 2\n0 3 1 2\n0 1 1 1\n5 9\n", 4, "weight and due date of job 2 is missing"),
        ("2 2\n0 3 1 2\n0 1 1 1\n5 9\n5\n", 5, "[5]"),
        ("0 2\n", 1, "[0, 2]"),
        ("", 1, "the header is missing"),
    ],
)
def test_a_broken_job_shop_is_refused_with_file_line_and_value(text: str, line: int, value: str) -> None:
    with pytest.raises(InvalidInstance) as refusal:
        parse_job_shop(text, "bad", "folder/bad.txt")
    first = str(refusal.value).splitlines()[0]
    assert f"folder/bad.txt line {line}: {value}" in first


@pytest.mark.parametrize("row", ["1 2 0 3", "2 1 0 3", "1 1 0 3 9", "1 0"])
def test_a_flexible_job_that_does_not_add_up_is_refused(row: str) -> None:
    with pytest.raises(InvalidInstance, match="bad line 2"):
        parse_flexible(f"1 2\n{row}\n", "bad")


def test_a_folder_is_read_with_its_bounds(tmp_path: Path) -> None:
    (tmp_path / "jsp" / "ft").mkdir(parents=True)
    (tmp_path / "jsp" / "ft" / "ft06.txt").write_text(FT06)
    header = "instance,problem,path,lower_bound,upper_bound,status\n"
    (tmp_path / "bounds.csv").write_text(header + "ft06,jsp,jsp/ft/ft06.txt,55,55,closed\n")
    (shop,) = read_set(tmp_path, "ft")
    assert (shop.name, shop.lower, shop.best, shop.is_proved) == ("ft06", 55, 55, True)
    assert read_set(tmp_path, "ft", ["ft10"]) == []
    (tmp_path / "bounds.csv").write_text(header + "ft06,jsp,jsp/ft/ft06.txt,55,many,closed\n")
    with pytest.raises(InvalidInstance, match=r"bounds\.csv line 2: 'many'"):
        read_bounds(tmp_path)


def test_unknown_sets_and_empty_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInstance, match="no set 'swv'"):
        read_set(tmp_path, "swv")
    with pytest.raises(InvalidInstance, match="no instances in"):
        read_set(tmp_path, "la")


@pytest.mark.parametrize("name", PUBLISHED)
def test_taillards_generator_gives_the_published_bound(name: str) -> None:
    shop = taillard(name)
    assert shop.simple_bound == PUBLISHED[name].bound
    assert all({m for ((m, _),) in job} == set(range(shop.n_machines)) for job in shop.jobs)


def test_the_classics_of_the_tests_are_whole() -> None:
    assert [classic(name).n_operations for name in ("ft06", "ft10", "la01", "mk01")] == [36, 100, 50, 55]
