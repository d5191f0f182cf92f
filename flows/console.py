"""How the command talks: results to stdout as text or JSON, all else to stderr, exit codes that mean something.

A planner never sees a stack trace: expected errors end in their message and hint, unexpected ones in one line
and the path of the log that holds the rest.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict, is_dataclass
from datetime import date, datetime
from enum import Enum
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

import typer

from shopfloor.domain.errors import ShopfloorError
from shopfloor.serving.exit_codes import ExitCode
from shopfloor.settings import read_settings

log = logging.getLogger(__name__)


def show(result: Any, *, as_json: bool, text: Callable[[], str]) -> None:
    """Print a result: JSON for programs, text for people."""
    typer.echo(json.dumps(plain(result), indent=2, sort_keys=True) if as_json else text())


def plain(value: Any) -> Any:
    """Return `value` as what JSON knows: ISO 8601 times, names of enums, no NaN."""
    if hasattr(value, "as_dict"):
        return plain(value.as_dict())
    if isinstance(value, Enum):
        return value.name if isinstance(value, int) else value.value
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float) and value != value:
        return None
    return value.item() if hasattr(value, "item") else value


class _WithoutTraces(logging.Formatter):
    """One line per record: the stack trace goes to the log file only."""

    def format(self, record: logging.LogRecord) -> str:
        plain_record = logging.makeLogRecord(record.__dict__ | {"exc_info": None, "exc_text": None})
        return super().format(plain_record)


def set_up_logging(*, verbose: bool) -> None:
    """Log to stderr without stack traces (with `verbose` all of ours), and everything of ours to a file."""
    form = "%(asctime)s %(levelname)s %(name)s %(message)s"
    terminal = logging.StreamHandler(sys.stderr)
    terminal.setLevel(logging.INFO if verbose else logging.WARNING)
    terminal.setFormatter(_WithoutTraces(form))
    handlers: list[logging.Handler] = [terminal]
    try:
        path = read_settings().home_dir / "logs" / "shopfloor.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        file = RotatingFileHandler(path, maxBytes=5_000_000, backupCount=3)
        file.setFormatter(logging.Formatter(form))
        handlers.append(file)
    except OSError as error:
        typer.echo(f"warning: no log file: {error}", err=True)
    logging.basicConfig(level=logging.WARNING, handlers=handlers)
    for name in ("shopfloor", "flows", "expectations"):
        logging.getLogger(name).setLevel(logging.INFO)


def run_guarded(command: Callable[[], None]) -> int:
    """Run the command line and return its exit code."""
    try:
        command()
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        return 130
    except SystemExit as stop:
        return _usage_code(stop.code)
    except ShopfloorError as error:
        typer.echo(f"error: {error}", err=True)
        return _code_of(error)
    except Exception as error:
        typer.echo(
            f"internal error: {type(error).__name__}: {error}\nhint: details in {_write_trace()}", err=True
        )
        return _code_of(error)
    return 0


def _code_of(error: Exception) -> int:
    from shopfloor.serving.failures import meaning_of

    return int(meaning_of(error).exit_code)


def _usage_code(code: object) -> int:
    # click ends with 2 on wrong usage; sysexits calls it 64.
    return int(ExitCode.USAGE) if code == 2 else int(code) if isinstance(code, int) else 0


def _write_trace() -> Path:
    path = read_settings().home_dir / "logs" / "errors.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(traceback.format_exc() + "\n")
    return path
