"""A TCP proxy in the test's own process that can lose the server's answer to COMMIT, or the COMMIT itself."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa


class Proxy:
    """Forwards bytes between one port and a server.

    Attributes:
        mode: `pass`; `lose_answer` cuts both sides after COMMIT was forwarded; `lose_commit` cuts before.
            Either works once, then the proxy passes again.
        refuse_after: After the cut no further connection is accepted.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.mode = "pass"
        self.refuse_after = False
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self.cuts and self.refuse_after:
                    client.close()
                    continue
                server = socket.create_connection(self._target)
                state = {"is_mute": False}
                for source, sink, step in (
                    (client, server, self._to_server),
                    (server, client, self._to_client),
                ):
                    threading.Thread(target=self._pump, args=(source, sink, step, state), daemon=True).start()

    def _pump(
        self, source: socket.socket, sink: socket.socket, step: Callable[..., bool], state: dict[str, bool]
    ) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if not step(data, sink, state):
                    break
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        source.close()

    def _to_server(self, data: bytes, sink: socket.socket, state: dict[str, bool]) -> bool:
        if self.mode == "lose_commit" and data[5:11].upper() == b"COMMIT":
            self.mode, self.cuts = "pass", self.cuts + 1
            return False
        if self.mode == "lose_answer" and data[5:11].upper() == b"COMMIT":
            self.mode, self.cuts, state["is_mute"] = "pass", self.cuts + 1, True
        sink.sendall(data)
        return True

    def _to_client(self, data: bytes, sink: socket.socket, state: dict[str, bool]) -> bool:
        if state["is_mute"]:
            return False
        sink.sendall(data)
        return True


@contextmanager
def proxied(url: str) -> Iterator[tuple[Proxy, str]]:
    """Yield a proxy in front of a database, and the URL through it."""
    parsed = sa.make_url(url)
    proxy = Proxy(parsed.host or "127.0.0.1", parsed.port or 3306)
    try:
        yield proxy, parsed.set(host="127.0.0.1", port=proxy.port).render_as_string(hide_password=False)
    finally:
        proxy.close()
