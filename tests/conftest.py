"""The test bench: a quiet environment, fresh databases on both engines, Hypothesis profiles.

A MariaDB is taken from `SHOPFLOOR_TEST_MARIADB_URL`, else started privately, else the test is skipped with
the reason; where `CI` is set a missing MariaDB is a failure.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings

REPOSITORY = Path(__file__).resolve().parent.parent
_HOME = tempfile.TemporaryDirectory(prefix="shopfloor-tests-", ignore_cleanup_errors=True)

os.environ.setdefault("NUMBA_CACHE_DIR", str(REPOSITORY / ".state" / "numba"))
os.environ["SHOPFLOOR_HOME"] = _HOME.name
for _name in ("SHOPFLOOR_DATABASE_URL", "SHOPFLOOR_FAULT", "PREFECT_API_URL", "MLFLOW_TRACKING_URI"):
    os.environ.pop(_name, None)

from shopfloor.settings import quiet_environment  # noqa: E402 - after the environment is set

quiet_environment()

hypothesis_settings.register_profile("shopfloor", deadline=None, max_examples=50)
hypothesis_settings.register_profile("ci", deadline=None, max_examples=50, derandomize=True)
hypothesis_settings.load_profile("ci" if os.environ.get("CI") else "shopfloor")

import sqlalchemy as sa  # noqa: E402
from mariadb_server import MariadbMissing, drop_database, fresh_database, private_server  # noqa: E402

from shopfloor.data.connection import create_tables, open_database  # noqa: E402


@pytest.fixture(scope="session")
def mariadb_server_url() -> Iterator[str]:
    """Yield the URL of a server on which databases may be made and dropped, without a database name."""
    given = os.environ.get("SHOPFLOOR_TEST_MARIADB_URL")
    if given:
        yield given
        return
    try:
        with private_server() as url:
            yield url
    except MariadbMissing as reason:
        if os.environ.get("CI"):
            pytest.fail(f"no MariaDB in CI: {reason}")
        pytest.skip(f"no MariaDB: {reason}")


@pytest.fixture(scope="session")
def mariadb_url(mariadb_server_url: str) -> Iterator[str]:
    """Yield the URL of an empty database, one per session, dropped at the end."""
    url = fresh_database(mariadb_server_url)
    yield url
    drop_database(url)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """Return the URL of a SQLite database with all tables."""
    url = f"sqlite:///{tmp_path / 'plant.db'}"
    create_tables(open_database(url))
    return url


@pytest.fixture
def sqlite_engine(sqlite_url: str) -> sa.Engine:
    """Return a writer on a fresh SQLite plant."""
    return open_database(sqlite_url)


@pytest.fixture
def fresh_mariadb_url(mariadb_server_url: str) -> Iterator[str]:
    """Yield the URL of a fresh MariaDB database with all tables, dropped after the test."""
    url = fresh_database(mariadb_server_url)
    engine = open_database(url)
    create_tables(engine)
    engine.dispose()
    yield url
    drop_database(url)


@pytest.fixture
def mariadb_engine(fresh_mariadb_url: str) -> Iterator[sa.Engine]:
    """Yield a writer on a fresh MariaDB plant."""
    engine = open_database(fresh_mariadb_url)
    yield engine
    engine.dispose()


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def database_url(request: pytest.FixtureRequest) -> str:
    """Return the URL of a fresh plant, once per engine."""
    name = "sqlite_url" if request.param == "sqlite" else "fresh_mariadb_url"
    url: str = request.getfixturevalue(name)
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[sa.Engine]:
    """Yield a writer on a fresh plant, once per engine."""
    engine = open_database(database_url)
    yield engine
    engine.dispose()
