"""A private Open vSwitch for a test: ovsdb-server and ovs-vswitchd in the test's own network namespace.

Functional tests take the ``ovs`` fixture (imported by their conftest.py beside ``netns``). The datapath is
the one in user space (``datapath_type=netdev``), so that no kernel module is needed.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.daemons import Daemons

from os_vif.host.ovsdb import TlsFiles

SCHEMA = Path("/usr/share/openvswitch/vswitch.ovsschema")
PROGRAMS = ("ovsdb-tool", "ovsdb-server", "ovs-vswitchd", "ovs-vsctl", "ovs-appctl")


@pytest.fixture
def ovs(netns: None) -> Iterator[OpenVSwitch]:
    """Open vSwitch is running, with an empty database."""
    with open_vswitch() as running:
        yield running


@contextlib.contextmanager
def open_vswitch() -> Iterator[OpenVSwitch]:
    """Open vSwitch runs in this thread's network namespace, with an empty database."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing or not SCHEMA.exists():
        pytest.skip(f"no {', '.join(missing) or SCHEMA}: install openvswitch-switch")
    # A short path: that of a unix socket has at most 107 bytes.
    with tempfile.TemporaryDirectory(prefix="ovs-") as directory:
        running = OpenVSwitch(Path(directory))
        try:
            running.create()
            running.start_ovsdb()
            running.vsctl("--no-wait", "init")
            running.start_vswitchd()
            yield running
        finally:
            running.stop()


class OpenVSwitch(Daemons):
    """The two daemons and their directory. ``remote`` is the unix: remote of the database."""

    vswitchd = "ovs-vswitchd"  # the program

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.socket = directory / "db.sock"
        self.remote = f"unix:{self.socket}"

    def create(self, schema: Path = SCHEMA) -> None:
        """An empty database of this schema, in place of the one that is there."""
        database = self.directory / "conf.db"
        database.unlink(missing_ok=True)
        self.run("ovsdb-tool", "create", database, schema)

    def vsctl(self, *args: str) -> str:
        """What ``ovs-vsctl ARGS`` prints; an AssertionError with its complaint if it fails."""
        return self.run("ovs-vsctl", f"--db={self.remote}", "--timeout=10", *args)

    def bridge(self, name: str) -> None:
        """A bridge in user space; ovs-vswitchd has made it."""
        self.vsctl("add-br", name, "--", "set", "Bridge", name, "datapath_type=netdev")

    def ofctl(self, *args: str) -> str:
        """``ovs-ofctl ARGS``."""
        return self.run("ovs-ofctl", *args)

    def start_ovsdb(self, *options: str) -> None:
        remotes = (f"punix:{self.socket}", "db:Open_vSwitch,Open_vSwitch,manager_options")
        listen = (f"--remote={remote}" for remote in remotes)
        self.start("ovsdb-server", self.directory / "conf.db", *listen, *options)

    def start_vswitchd(self, *options: str) -> None:
        self.start(self.vswitchd, self.remote, *options, name="ovs-vswitchd")

    def restart_vswitchd(self, *options: str) -> None:
        """It ends, with its devices, and starts with these options."""
        self._end_vswitchd()
        self.start_vswitchd(*options)

    def kill_ovsdb(self) -> None:
        """SIGKILL, as in a crash."""
        self.kill("ovsdb-server")

    def kill_vswitchd(self) -> None:
        """SIGKILL: the taps it made stay until the namespace goes."""
        self.kill("ovs-vswitchd")

    def stop(self) -> None:
        """Both daemons are gone, and what they made in the namespace too."""
        if self.pid("ovs-vswitchd") is not None:
            with contextlib.suppress(AssertionError, subprocess.TimeoutExpired):
                self._end_vswitchd()
        for daemon in ("ovs-vswitchd", "ovsdb-server"):
            self.kill(daemon)

    def listen(self, method: str = "tcp", host: str = "127.0.0.1") -> str:
        """Have ovsdb-server listen there too, on a free port; the remote for clients.

        For ``ssl`` start it with ``start_ovsdb_tls`` first.
        """
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.bind((host, 0))
            port = probe.getsockname()[1]
        bracketed = f"[{host}]" if ":" in host else host
        self.appctl("ovsdb-server", "ovsdb-server/add-remote", f"p{method}:{port}:{bracketed}")
        return f"{method}:{bracketed}:{port}"

    def start_ovsdb_tls(self) -> TlsFiles:
        """ovsdb-server with a certificate, which asks clients for one; the files for a client.

        Both certificates are signed by one CA, made for the occasion.
        """
        self._certificate_authority("ca")
        self._certificate("server", "ca")
        here = self.directory
        self.start_ovsdb(
            f"--private-key={here}/server.key",
            f"--certificate={here}/server.crt",
            f"--ca-cert={here}/ca.crt",
        )
        return self.client_certificate("client", "ca")

    def client_certificate(self, name: str, authority: str) -> TlsFiles:
        """Files for a client, signed by this CA (made if there is none of that name)."""
        if not (self.directory / f"{authority}.crt").exists():
            self._certificate_authority(authority)
        self._certificate(name, authority)
        return TlsFiles(
            f"{self.directory}/{name}.key", f"{self.directory}/{name}.crt", f"{self.directory}/ca.crt"
        )

    def _certificate_authority(self, name: str) -> None:
        subject, out = f"/CN={name}", self.directory / f"{name}.crt"
        self._openssl("req", "-x509", *self._key(name), "-days", 1, "-subj", subject, "-out", out)

    def _certificate(self, name: str, authority: str) -> None:
        request, signer = self.directory / f"{name}.csr", self.directory / authority
        self._openssl("req", *self._key(name), "-subj", f"/CN={name}", "-out", request)
        signed = ("-days", 1, "-CA", f"{signer}.crt", "-CAkey", f"{signer}.key", "-CAcreateserial")
        self._openssl("x509", "-req", "-in", request, *signed, "-out", self.directory / f"{name}.crt")

    def _key(self, name: str) -> tuple[str | Path, ...]:
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
        return (*curve, "-keyout", self.directory / f"{name}.key")

    def _openssl(self, *args: str | int | Path) -> None:
        if shutil.which("openssl") is None:
            pytest.skip("no openssl to make certificates with")
        self.run("openssl", *map(str, args))

    def _end_vswitchd(self) -> None:
        self.appctl("ovs-vswitchd", "exit", "--cleanup")
        self.gone("ovs-vswitchd")
