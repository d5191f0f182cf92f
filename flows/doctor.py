"""What the scheduler needs, looked at one by one; each failure with its hint. It changes nothing."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from flows.services import is_answering
from shopfloor.domain.errors import ShopfloorError
from shopfloor.settings import Settings, read_settings

MINIMUM_FREE_GB = 1.0
WATCHED_PACKAGES = (
    "prefect", "fastapi", "pandas", "mlflow", "great-expectations", "evidently", "stable-baselines3", "torch",
    "sqlalchemy", "pymysql", "numba",
)  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """One thing looked at.

    Attributes:
        name: What.
        is_good: Whether it is as it should be.
        is_essential: Whether there is no plan without it.
        detail: What was found.
        hint: What to do when it is not good.
    """

    name: str
    is_good: bool
    is_essential: bool
    detail: str
    hint: str = ""


@dataclass(frozen=True)
class Examination:
    """All findings."""

    findings: tuple[Finding, ...]

    @property
    def is_healthy(self) -> bool:
        """Whether everything essential is good."""
        return all(finding.is_good or not finding.is_essential for finding in self.findings)

    def text(self) -> str:
        """Return one line per finding."""
        lines = []
        for finding in self.findings:
            mark = "ok  " if finding.is_good else "FAIL" if finding.is_essential else "warn"
            lines.append(f"{mark}  {finding.name:22} {finding.detail}")
            if not finding.is_good and finding.hint:
                lines.append(f"      {'':22} hint: {finding.hint}")
        return "\n".join(lines)


@dataclass(frozen=True)
class SettingRow:
    """One setting, its value (secrets masked) and meaning."""

    name: str
    value: str
    meaning: str


def describe_settings() -> tuple[SettingRow, ...]:
    """Return every setting of this process."""
    settings = read_settings()
    rows = []
    for name, field in Settings.model_fields.items():
        variable = str(field.validation_alias or f"SHOPFLOOR_{name.upper()}")
        rows.append(SettingRow(variable, str(getattr(settings, name)), field.description or ""))
    return tuple(rows)


def examine() -> Examination:
    """Look at everything."""
    settings = read_settings()
    looks: tuple[Callable[[Settings], Finding], ...] = (
        _python, _packages, _home, _database, _plant_rows, _champion, _kernels, _prefect, _mlflow,
    )  # fmt: skip
    return Examination(tuple(look(settings) for look in looks))


def _python(_settings: Settings) -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    return Finding("python", sys.version_info >= (3, 11), True, found, "use Python 3.11 or newer")


def _packages(_settings: Settings) -> Finding:
    found, missing = [], []
    for name in WATCHED_PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    detail = ", ".join(found) if not missing else f"missing: {', '.join(missing)}"
    return Finding("packages", not missing, True, detail, "pip install -c constraints.txt -e .")


def _home(settings: Settings) -> Finding:
    home = settings.home_dir
    try:
        home.mkdir(parents=True, exist_ok=True)
        probe = home / ".probe"
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        return Finding(
            "home", False, True, f"{home}: {error}", "set SHOPFLOOR_HOME to a folder that can be written"
        )
    free_gb = shutil.disk_usage(home).free / 1e9
    is_good = free_gb >= MINIMUM_FREE_GB
    return Finding("home", is_good, True, f"{home}, {free_gb:.1f} GB free", "make room: plans need disk")


def _database(settings: Settings) -> Finding:
    from shopfloor.data.connection import check_schema, describe_url, open_database

    shown = describe_url(settings.database)
    try:
        engine = open_database(settings.database)
        check_schema(engine)
    except ShopfloorError as error:
        message, _, hint = str(error).partition("hint:")
        return Finding("database", False, True, f"{shown}: {message.strip()}", hint.strip())
    return Finding("database", True, True, shown)


def _plant_rows(settings: Settings) -> Finding:
    from shopfloor.data.connection import open_readonly
    from shopfloor.data.plans import count_plant_rows

    try:
        counts = count_plant_rows(open_readonly(settings.database))
    except (ShopfloorError, OSError) as error:
        return Finding("plant rows", False, True, str(error).splitlines()[0], "see database")
    detail = ", ".join(f"{name} {count}" for name, count in counts.items())
    is_good = counts.get("machines", 0) > 0 and counts.get("production_jobs", 0) > 0
    return Finding(
        "plant rows", is_good, True, detail, "shopfloor seed writes a synthetic plant into an empty database"
    )


def _champion(settings: Settings) -> Finding:
    from shopfloor.data.connection import open_readonly
    from shopfloor.data.ledger import current_champion

    hint = "shopfloor weekly makes one; until then plans are greedy"
    try:
        row = current_champion(open_readonly(settings.database))
    except (ShopfloorError, OSError) as error:
        return Finding("champion", False, False, str(error).splitlines()[0], hint)
    detail = "none yet" if row is None else f"{row.champion_version}, epoch {row.epoch}"
    return Finding("champion", row is not None, False, detail, hint)


def _kernels(_settings: Settings) -> Finding:
    from shopfloor.engine.kernel_cache import CACHE_FOLDER

    count = sum(1 for _ in CACHE_FOLDER.rglob("*.nbi")) if CACHE_FOLDER.exists() else 0
    hint = "the first run compiles for about a minute"
    return Finding("kernel cache", count > 0, False, f"{count} compiled kernels in {CACHE_FOLDER}", hint)


def _prefect(settings: Settings) -> Finding:
    url = settings.prefect_api_url
    if url is None:
        return Finding("Prefect", True, False, "not configured: flows run without it")
    return Finding(
        "Prefect", is_answering(f"{url}/health"), False, url, "shopfloor up, or unset PREFECT_API_URL"
    )


def _mlflow(settings: Settings) -> Finding:
    uri = settings.tracking_uri
    if not uri.startswith("http"):
        return Finding("MLflow", True, False, uri)
    return Finding(
        "MLflow", is_answering(f"{uri}/health"), False, uri, "shopfloor up, or unset MLFLOW_TRACKING_URI"
    )
