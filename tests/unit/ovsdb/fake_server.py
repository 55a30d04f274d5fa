"""A server that does what ovsdb-server does only in bad moments: it stops in the middle, is slow, talks rubbish.

The real one is in tests/functional/ovsdb.
"""

from __future__ import annotations

import contextlib
import json
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from typing import Any

SCHEMA = {
    "name": "Open_vSwitch",
    "version": "1.0.0",
    "tables": {
        "Port": {
            "columns": {
                "name": {"type": "string"},
                "tag": {"type": {"key": {"type": "integer", "minInteger": 0}, "min": 0, "max": 1}},
                "trunks": {"type": {"key": "integer", "min": 0, "max": 4096}},
                "external_ids": {
                    "type": {"key": "string", "value": "string", "min": 0, "max": "unlimited"},
                },
            }
        },
        "Open_vSwitch": {"columns": {"next_cfg": {"type": "integer"}, "cur_cfg": {"type": "integer"}}},
    },
}


class Peer:
    """One client, as the server sees it."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._text = ""

    def request(self) -> dict[str, Any]:
        """The next message of the client; EOFError when it has gone."""
        while True:
            try:
                message, end = json.JSONDecoder().raw_decode(self._text)
            except ValueError:
                data = self.sock.recv(65536)
                if not data:
                    raise EOFError from None
                self._text += data.decode()
            else:
                self._text = self._text[end:]
                return message  # type: ignore[no-any-return]

    def send(self, message: dict[str, Any]) -> None:
        self.sock.sendall(json.dumps(message).encode())

    def reply(self, request: dict[str, Any], result: Any, error: Any = None) -> None:
        self.send({"id": request["id"], "result": result, "error": error})

    def serve(self, answer: Callable[[dict[str, Any]], Any]) -> None:
        """Give the schema, and ``answer``'s results, until the client goes."""
        while True:
            request = self.request()
            if request["method"] == "get_schema":
                self.reply(request, SCHEMA)
            elif request["id"] is not None:
                self.reply(request, answer(request))


Script = Callable[[Peer], None]


class Server:
    """``clients`` is how many have been accepted so far; ``hung_up`` is released once for each script that ended."""

    def __init__(self, directory: str, scripts: list[Script]) -> None:
        self.path = f"{directory}/db.sock"
        self.remote = f"unix:{self.path}"
        self.clients = 0
        self.hung_up = threading.Semaphore(0)
        self.failures: list[BaseException] = []
        self._scripts = scripts
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(self.path)
        self._socket.listen()
        self._peers: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _address = self._socket.accept()
            except OSError:
                return
            script = self._scripts[min(self.clients, len(self._scripts) - 1)]
            self.clients += 1
            self._peers.append(sock)
            thread = threading.Thread(target=self._converse, args=(sock, script))
            self._threads.append(thread)
            thread.start()

    def _converse(self, sock: socket.socket, script: Script) -> None:
        try:
            script(Peer(sock))
        except (EOFError, OSError):
            pass
        except BaseException as failure:  # noqa: BLE001 - the test is told
            self.failures.append(failure)
        finally:
            # A client is told by shutdown() only if all it sent was read: close() alone would be a reset.
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            self.hung_up.release()

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for sock in self._peers:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        for sock in self._peers:
            sock.close()
        assert not self.failures, self.failures


@contextlib.contextmanager
def server(*scripts: Script) -> Iterator[Server]:
    """The first client gets the first script, and so on; all further ones the last."""
    with tempfile.TemporaryDirectory(prefix="ovsdb-") as directory:
        running = Server(directory, list(scripts))
        try:
            yield running
        finally:
            running.stop()
