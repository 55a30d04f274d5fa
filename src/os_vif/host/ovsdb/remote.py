"""From an OVSDB remote (``unix:/run/openvswitch/db.sock``) to an open, non-blocking Stream; for Connection.

The words are those of ovsdb(7), "Connection Methods"; what the server calls passive (``punix:``) is not for
clients.
"""

from __future__ import annotations

import os
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from os_vif.host.ovsdb.error import InvalidRemote

RECEIVE = 256 << 10
SEND = 256 << 10
# A peer that is gone without a word is noticed after KEEPALIVE_IDLE + KEEPALIVE_PROBES * KEEPALIVE_INTERVAL s.
KEEPALIVE_IDLE, KEEPALIVE_INTERVAL, KEEPALIVE_PROBES = 10, 5, 3


# Gives an open socket to the database, from somebody with more rights; raises OSError.
Lender: TypeAlias = Callable[[], socket.socket]


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The PEM files of an ``ssl:`` remote: what this client shows, and the CA that must have signed the server's.

    As everywhere with Open vSwitch, whoever the CA has signed is trusted; the certificate's name is not
    compared.
    """

    private_key: str
    certificate: str
    ca_certificate: str


@dataclass(frozen=True, slots=True)
class Address:
    """A parsed remote: ``method`` is unix, tcp or ssl; ``port`` is 0 for a unix socket."""

    method: str
    path_or_host: str
    port: int = 0


def parse_remote(remote: str) -> Address:
    """The parts of a remote; raises InvalidRemote."""
    method, colon, rest = remote.partition(":")
    if method in ("punix", "ptcp", "pssl"):
        raise InvalidRemote(remote, f"{method} is for servers")
    if method not in ("unix", "tcp", "ssl"):
        raise InvalidRemote(remote, f"there is no connection method {method!r}")
    if not colon or not rest:
        raise InvalidRemote(remote, f"nothing follows {method!r}")
    if method == "unix":
        if not rest.startswith("/"):
            raise InvalidRemote(remote, "the path of the socket is not absolute")
        return Address(method, rest)
    host, colon, port = rest.rpartition(":")
    if not colon or not host or host.endswith(":"):
        raise InvalidRemote(remote, "a host and a port are needed")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host or "[" in host:
        raise InvalidRemote(remote, "it holds one colon too many, or an IPv6 address without brackets")
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise InvalidRemote(remote, f"{port!r} is not a port")
    return Address(method, host, int(port))


def tls_context(remote: str, files: TlsFiles | None) -> ssl.SSLContext:
    """The TLS settings for an ``ssl:`` remote; raises InvalidRemote for files that are missing or no PEM."""
    if files is None:
        raise InvalidRemote(remote, "ssl: needs a private key, a certificate and a CA certificate")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    try:
        context.load_verify_locations(files.ca_certificate)
    except OSError as failure:  # ssl.SSLError is one too
        raise InvalidRemote(remote, f"CA certificate {files.ca_certificate}: {failure}") from failure
    try:
        context.load_cert_chain(files.certificate, files.private_key)
    except OSError as failure:
        pair = f"certificate {files.certificate} with private key {files.private_key}"
        raise InvalidRemote(remote, f"{pair}: {failure}") from failure
    return context


class Stream:
    """An open connection that never blocks; for one sender and one receiver at a time, in any threads."""

    def __init__(
        self,
        address: Address,
        context: ssl.SSLContext | None,
        timeout: float,
        lender: Lender | None = None,
    ) -> None:
        """Connect within ``timeout`` seconds; raises OSError (ssl.SSLError is one).

        ``lender`` is asked for an open socket where this process may not open it.
        """
        self._socket = _connected(address, timeout, lender)
        try:
            if context is not None:
                self._socket = context.wrap_socket(self._socket)
            self._socket.setblocking(False)
        except BaseException:
            self._socket.close()
            raise
        # OpenSSL's objects are not for two threads at once; a plain socket is.
        self._turn = threading.Lock()

    def fileno(self) -> int:
        return self._socket.fileno()

    def receive(self) -> bytes | None:
        """What is there; b"" at the end of the stream; None if nothing is there yet. Raises OSError."""
        with self._turn:
            try:
                return self._socket.recv(RECEIVE)
            except (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return None

    def send(self, data: bytearray) -> int:
        """Send the beginning of ``data``; how many bytes went, 0 if none can go now. Raises OSError."""
        with self._turn, memoryview(data) as whole, whole[:SEND] as part:
            try:
                return self._socket.send(part)
            except (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return 0

    def close(self) -> None:
        self._socket.close()


def _connected(address: Address, timeout: float, lender: Lender | None) -> socket.socket:
    if address.method != "unix":
        sock = socket.create_connection((address.path_or_host, address.port), timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_INTERVAL)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEPALIVE_PROBES)
        return sock
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        sock.settimeout(timeout)
        sock.connect(os.fsencode(address.path_or_host))
    except PermissionError:
        sock.close()
        if lender is None:
            raise
        return lender()
    except BaseException:
        sock.close()
        raise
    return sock
