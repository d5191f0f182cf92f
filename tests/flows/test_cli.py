"""The command: help everywhere, exit codes that mean something, never a stack trace, never a password."""

import json
from pathlib import Path

import pytest
from shopfloor_command import shopfloor

from flows.cli import app
from shopfloor.serving.exit_codes import ExitCode

COMMANDS = sorted(
    [command.name or command.callback.__name__ for command in app.registered_commands if command.callback]
    + [group.name for group in app.registered_groups if group.name]
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    from typer.testing import CliRunner

    shown = CliRunner().invoke(app, [command, "--help"])
    assert shown.exit_code == 0
    assert command in shown.output


def test_without_a_database_the_answer_is_a_hint_and_a_code(tmp_path: Path) -> None:
    done = shopfloor("status", home=tmp_path)
    assert done.returncode == ExitCode.CONFIG
    assert "hint: shopfloor seed" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_option_is_a_usage_error(tmp_path: Path) -> None:
    assert shopfloor("daily", "--as-of", "yesterday", home=tmp_path).returncode == ExitCode.USAGE
    assert shopfloor("fly", home=tmp_path).returncode == ExitCode.USAGE


def test_a_password_is_never_shown(tmp_path: Path) -> None:
    url = "mysql+pymysql://planner:s3cr3t@127.0.0.1:1/plant"
    for command in ("doctor", "status", "daily"):
        done = shopfloor(command, home=tmp_path, SHOPFLOOR_DATABASE_URL=url)
        assert done.returncode not in (0, ExitCode.FALLBACK)
        assert "s3cr3t" not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr


def test_seeding_refuses_a_plant_that_is_there(tmp_path: Path) -> None:
    assert shopfloor("seed", "--plant", "tiny", home=tmp_path).returncode == 0
    again = shopfloor("seed", "--plant", "tiny", home=tmp_path)
    assert again.returncode == ExitCode.REFUSED
    assert "holds a plant already" in again.stderr
    analysed = json.loads(shopfloor("analyse", "--json", home=tmp_path).stdout)
    assert analysed["n_machines"] == 8
    assert analysed["n_open_operations"] == 40
