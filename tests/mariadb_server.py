"""A private MariaDB for tests: temporary datadir, free port, loopback only, killed by its own process id."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

START_TIMEOUT_S = 60.0


class MariadbMissing(RuntimeError):
    """There is no server binary, or it does not start."""


@contextmanager
def private_server() -> Iterator[str]:
    """Yield the URL of a server of our own, stopped and removed at the end.

    Raises:
        MariadbMissing: No binaries, or the server did not answer.
    """
    server, installer = _find("mariadbd", "mysqld"), _find("mariadb-install-db", "mysql_install_db")
    if server is None or installer is None:
        raise MariadbMissing(
            "mariadbd and mariadb-install-db are not installed (apt-get install mariadb-server-core)"
        )
    folder = Path(tempfile.mkdtemp(prefix="mariadb-"))
    try:
        process, port = _start(server, installer, folder)
        try:
            yield f"mysql+pymysql://root@127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait(timeout=30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _find(*names: str) -> str | None:
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", "/usr/local/bin"])
    return next((found for name in names if (found := shutil.which(name, path=path))), None)


def _start(server: str, installer: str, folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    datadir = folder / "data"
    user = ["--user=root"] if os.geteuid() == 0 else []
    log = folder / "server.log"
    with log.open("wb") as output:
        made = subprocess.run(
            [
                installer,
                "--no-defaults",
                f"--datadir={datadir}",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                *user,
            ],
            stdout=output,
            stderr=output,
            timeout=120,
            check=False,
        )
        if made.returncode != 0:
            raise MariadbMissing(f"mariadb-install-db failed: {log.read_text(errors='replace')[-300:]}")
        port = _free_port()
        process = subprocess.Popen(
            [
                server,
                "--no-defaults",
                f"--datadir={datadir}",
                f"--socket={folder / 's.sock'}",
                f"--pid-file={folder / 'server.pid'}",
                f"--port={port}",
                "--bind-address=127.0.0.1",
                "--skip-log-bin",
                "--innodb-buffer-pool-size=64M",
                "--innodb-log-file-size=16M",
                "--innodb-flush-log-at-trx-commit=2",
                *user,
            ],
            stdout=output,
            stderr=output,
        )
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        if _answers(port):
            return process, port
        time.sleep(0.1)
    process.kill()
    process.wait(timeout=30)
    raise MariadbMissing(f"mariadbd did not start: {log.read_text(errors='replace')[-300:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(port: int) -> bool:
    engine = sa.create_engine(f"mysql+pymysql://root@127.0.0.1:{port}", connect_args={"connect_timeout": 2})
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("SELECT 1")
    except OperationalError:
        return False
    finally:
        engine.dispose()
    return True


def administer(server_url: str, *statements: str) -> None:
    """Run statements on the server as its administrator, outside any database."""
    engine = sa.create_engine(sa.make_url(server_url).set(database=None), isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            plain = connection.execution_options(no_parameters=True)
            for statement in statements:
                plain.exec_driver_sql(statement)
    finally:
        engine.dispose()


def fresh_database(server_url: str) -> str:
    """Make an empty database and return its URL."""
    name = f"shopfloor_test_{uuid.uuid4().hex[:12]}"
    administer(server_url, f"CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin")
    return sa.make_url(server_url).set(database=name).render_as_string(hide_password=False)


def drop_database(url: str) -> None:
    """Drop a database that `fresh_database` made."""
    name = sa.make_url(url).database or ""
    assert name.startswith("shopfloor_test_"), name
    administer(url, f"DROP DATABASE IF EXISTS {name}")
