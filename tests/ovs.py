"""A private Open vSwitch for a test: ovsdb-server and ovs-vswitchd in the test's own network namespace.

Functional tests take the ``ovs`` fixture (imported by their conftest.py beside ``netns``). The datapath is
the one in user space (``datapath_type=netdev``), so that no kernel module is needed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from os_vif.host.ovsdb import TlsFiles

SCHEMA = Path("/usr/share/openvswitch/vswitch.ovsschema")
PROGRAMS = ("ovsdb-tool", "ovsdb-server", "ovs-vswitchd", "ovs-vsctl", "ovs-appctl")


@pytest.fixture
def ovs(netns: None) -> Iterator[OpenVSwitch]:
    """Open vSwitch is running, with an empty database."""
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


class OpenVSwitch:
    """The two daemons and their directory. ``remote`` is the unix: remote of the database."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.socket = directory / "db.sock"
        self.remote = f"unix:{self.socket}"

    def create(self, schema: Path = SCHEMA) -> None:
        """An empty database of this schema, in place of the one that is there."""
        database = self.directory / "conf.db"
        database.unlink(missing_ok=True)
        self._run("ovsdb-tool", "create", database, schema)

    def vsctl(self, *args: str) -> str:
        """What ``ovs-vsctl ARGS`` prints; an AssertionError with its complaint if it fails."""
        return self._run("ovs-vsctl", f"--db={self.remote}", "--timeout=10", *args)

    def bridge(self, name: str) -> None:
        """A bridge in user space; ovs-vswitchd has made it."""
        self.vsctl("add-br", name, "--", "set", "Bridge", name, "datapath_type=netdev")

    def appctl(self, daemon: str, *args: str) -> str:
        """``ovs-appctl -t DAEMON ARGS``, for ovsdb-server or ovs-vswitchd."""
        return self._run("ovs-appctl", "-t", self.directory / f"{daemon}.ctl", *args)

    def start_ovsdb(self, *options: str) -> None:
        remotes = (f"punix:{self.socket}", "db:Open_vSwitch,Open_vSwitch,manager_options")
        listen = (f"--remote={remote}" for remote in remotes)
        self._daemon("ovsdb-server", self.directory / "conf.db", *listen, *options)

    def start_vswitchd(self) -> None:
        self._daemon("ovs-vswitchd", self.remote)

    def kill_ovsdb(self) -> None:
        """SIGKILL, as in a crash."""
        self._kill("ovsdb-server")

    def kill_vswitchd(self) -> None:
        """SIGKILL: the taps it made stay until the namespace goes."""
        self._kill("ovs-vswitchd")

    def pid(self, daemon: str) -> int | None:
        """The process, if it runs."""
        try:
            pid = int((self.directory / f"{daemon}.pid").read_text())
            os.kill(pid, 0)
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return None
        return pid

    def stop(self) -> None:
        """Both daemons are gone, and what they made in the namespace too."""
        if self.pid("ovs-vswitchd") is not None:
            with contextlib.suppress(AssertionError):
                self.appctl("ovs-vswitchd", "exit", "--cleanup")
                self._gone("ovs-vswitchd")
        for daemon in ("ovs-vswitchd", "ovsdb-server"):
            self._kill(daemon)

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
        self._run("openssl", *map(str, args))

    def _daemon(self, program: str, *args: str | Path) -> None:
        here = self.directory
        files = (f"--pidfile={here}/{program}.pid", f"--unixctl={here}/{program}.ctl")
        self._run(
            program,
            *args,
            *files,
            f"--log-file={here}/{program}.log",
            "-vconsole:off",
            "--detach",
            "--no-chdir",
        )

    def _kill(self, daemon: str) -> None:
        pid = self.pid(daemon)
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
            self._gone(daemon)
        (self.directory / f"{daemon}.pid").unlink(missing_ok=True)

    def _gone(self, daemon: str) -> None:
        # Not our child, so there is no event to wait for.
        deadline = time.monotonic() + 10
        while (pid := self.pid(daemon)) is not None and _state(pid) != "Z":
            assert time.monotonic() < deadline, f"{daemon} ({pid}) does not end"
            time.sleep(0.005)

    def _run(self, *command: str | Path) -> str:
        here = str(self.directory)
        places = dict.fromkeys(("OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR", "OVS_SYSCONFDIR"), here)
        done = subprocess.run(
            [str(part) for part in command],
            env=os.environ | places,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.stderr.strip()}"
        return done.stdout


def _state(pid: int) -> str:
    """The process' state as /proc says it; Z, too, when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "Z"
