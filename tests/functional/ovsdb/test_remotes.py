"""Every way to reach a database: tcp, IPv6, TLS, a socket for root, from a daemon, from green threads."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.ovs import OpenVSwitch

from os_vif.host.ovsdb import Connection, ConnectionFailed, InvalidRemote, TlsFiles, Transaction


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_tcp(ovs: OpenVSwitch, host: str) -> None:
    with Connection(ovs.listen("tcp", host)) as db:
        assert db.commit(Transaction(), wait_vswitchd=True).results == ()
        assert db.select("Bridge") == []


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_tls_with_certificates_on_both_sides(ovs: OpenVSwitch, host: str) -> None:
    ovs.kill_ovsdb()
    files = ovs.start_ovsdb_tls()
    with Connection(ovs.listen("ssl", host), tls=files) as db:
        t = Transaction()
        # Larger than a TLS record, and than the socket's buffers.
        t.update("Open_vSwitch", (), {"external_ids": {"a": "x" * 3_000_000}})
        told = t.select("Open_vSwitch", (), ["external_ids"])
        assert db.commit(t)[told] == [{"external_ids": {"a": "x" * 3_000_000}}]
        with db.monitor({"Open_vSwitch": (["external_ids"], None)}) as monitor:
            ovs.vsctl("--no-wait", "set", "Open_vSwitch", ".", "external_ids={b=c}")
            assert monitor.wait(5)


def test_tls_with_a_certificate_the_server_does_not_trust(ovs: OpenVSwitch) -> None:
    ovs.kill_ovsdb()
    good = ovs.start_ovsdb_tls()
    remote = ovs.listen("ssl")
    strange = ovs.client_certificate("stranger", "another")
    started = time.monotonic()
    with Connection(remote, tls=strange) as db, pytest.raises(ConnectionFailed) as caught:
        db.schema(timeout=5)
    # The alert of the server; or, when the request met its closed socket first, the time is used up.
    assert "alert" in str(caught.value) or time.monotonic() - started > 4
    with Connection(remote, tls=good) as db:
        assert db.has_column("Port", "tag")


def test_tls_with_a_server_we_do_not_trust(ovs: OpenVSwitch) -> None:
    ovs.kill_ovsdb()
    good = ovs.start_ovsdb_tls()
    ovs.client_certificate("stranger", "another")
    distrustful = TlsFiles(good.private_key, good.certificate, f"{ovs.directory}/another.crt")
    started = time.monotonic()
    with (
        Connection(ovs.listen("ssl"), tls=distrustful) as db,
        pytest.raises(ConnectionFailed, match="certificate verify failed"),
    ):
        db.schema()
    assert time.monotonic() - started < 5  # it gets no better by waiting


def test_tls_needs_its_files() -> None:
    with pytest.raises(InvalidRemote, match="ssl: needs a private key"):
        Connection("ssl:127.0.0.1:6640")


def test_tls_to_a_server_that_speaks_plainly(ovs: OpenVSwitch) -> None:
    ovs.kill_ovsdb()
    files = ovs.start_ovsdb_tls()
    remote = ovs.listen("tcp").replace("tcp:", "ssl:")
    with Connection(remote, tls=files) as db, pytest.raises(ConnectionFailed, match=remote):
        db.schema(timeout=0.5)


def test_nobody_listens(netns: None) -> None:
    with (
        Connection("tcp:127.0.0.1:1") as db,
        pytest.raises(
            ConnectionFailed, match=r"tcp:127\.0\.0\.1:1: Connection refused.*is ovsdb-server running"
        ),
    ):
        db.schema(timeout=0.1)


def test_an_idle_client_that_the_server_gave_up_goes_on(ovs: OpenVSwitch) -> None:
    """ovsdb-server probes idle TCP clients, and hangs up on who does not answer."""
    remote = ovs.listen("tcp")
    port = remote.rpartition(":")[2]
    ovs.appctl("ovsdb-server", "ovsdb-server/remove-remote", f"ptcp:{port}:127.0.0.1")
    manager = f"ptcp:{port}:127.0.0.1"
    ovs.vsctl("--no-wait", "set-manager", manager)
    ovs.vsctl("--no-wait", "set", "Manager", manager, "inactivity_probe=1000")
    with Connection(remote) as db, db.monitor({"Bridge": (["name"], None)}) as monitor:
        assert monitor.wait(2.5) == []  # whoever waits answers
        before = connections(ovs, port)
        time.sleep(2.5)  # nobody does
        assert connections(ovs, port) == before - 1
        t = Transaction()
        t.update("Open_vSwitch", (), {"external_ids": {"still": "here"}})
        db.commit(t)  # not ConnectionLost: it was not on its way when the connection went
    assert "still" in ovs.vsctl("get", "Open_vSwitch", ".", "external_ids")


def connections(ovs: OpenVSwitch, port: str) -> int:
    return subprocess.check_output(["ss", "-Htn", "state", "established", f"sport = :{port}"]).count(b"\n")


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_socket_for_root_only(ovs: OpenVSwitch) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become a user without privileges")
    os.chmod(ovs.directory, 0o755)
    os.chmod(ovs.socket, 0o600)
    told = run_as_nobody(ovs.remote)
    assert f"{ovs.remote}: Permission denied: user 65534 may not open it" in told


def run_as_nobody(remote: str) -> str:
    """The error that a process of user nobody gets, at once."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setuid(65534)
            Connection(remote).schema()
        except ConnectionFailed as error:
            os.write(write, str(error).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as told:
        text = told.read()
    os.waitpid(pid, 0)
    return text


PRIVILEGED = """
import sys
from oslo_config import cfg
from oslo_privsep import capabilities, priv_context
from os_vif.host.ovsdb import ConnectionFailed, Transaction, connection

context = priv_context.PrivContext(
    "__main__", cfg_section="test", pypath="__main__.context", capabilities=[capabilities.CAP_NET_ADMIN]
)

@context.entrypoint
def name_of_bridge(remote):
    t = Transaction()
    bridge = t.insert("Bridge", {"name": "br0"})
    t.mutate("Open_vSwitch", (), [("bridges", "insert", bridge)])
    connection(remote).commit(t)
    return connection(remote).select("Bridge", (), ["name"])[0]["name"]

@context.entrypoint
def failing(remote):
    connection(remote, timeout=0.1).schema()

cfg.CONF([])
connection(sys.argv[1]).schema()  # the daemon is forked from a process with a connection of its own
context.start(priv_context.Method.FORK)
print(name_of_bridge(sys.argv[1]))
print(connection(sys.argv[1]).select("Bridge", (), ["name"])[0]["name"])
try:
    failing("unix:/nonexistent/db.sock")
except ConnectionFailed as error:
    print(error.remote, error.reason, sep="|")
"""


def test_in_a_privsep_daemon(ovs: OpenVSwitch, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("the daemon drops privileges, which root has")
    told = run(tmp_path, PRIVILEGED, ovs.remote)
    assert told == ["br0", "br0", "unix:/nonexistent/db.sock|No such file or directory, tried for 0.1 s"]


GREEN = """
import eventlet
eventlet.monkey_patch()
import sys, time
from os_vif.host.ovsdb import Connection, Timeout, TlsFiles, Transaction

db = Connection(sys.argv[1], tls=TlsFiles(*sys.argv[2:]) if sys.argv[2:] else None)
ticks = []

def tick():
    while True:
        ticks.append(time.monotonic())
        eventlet.sleep(0.01)

def work(number):
    for count in range(50):
        t = Transaction()
        key = f"{number}-{count}"
        t.mutate("Open_vSwitch", (), [("external_ids", "insert", {key: "x" * 20000})])
        db.commit(t)
        [row] = db.select("Open_vSwitch", (), ["external_ids"])
        assert key in row["external_ids"]

eventlet.spawn(tick)
with db.monitor({"Open_vSwitch": (["external_ids"], None)}) as monitor:
    waiting = eventlet.spawn(monitor.wait, 5)
    workers = [eventlet.spawn(work, number) for number in range(4)]
    for worker in workers:
        worker.wait()
    assert waiting.wait()
    before = len(ticks)
    monitor.wait(0.3)
    monitor.wait(0.3)
    assert len(ticks) - before > 20, ticks  # others run while one waits
    doomed = eventlet.spawn(monitor.wait, 60)
    eventlet.sleep(0.1)
    doomed.kill()
    db.select("Bridge")
db.close()
print("done")
"""


@pytest.mark.parametrize("method", ["unix", "tcp", "ssl"])
def test_green_threads(ovs: OpenVSwitch, tmp_path: Path, method: str) -> None:
    pytest.importorskip("eventlet")
    arguments = [ovs.remote]
    if method == "tcp":
        arguments = [ovs.listen("tcp")]
    elif method == "ssl":
        ovs.kill_ovsdb()
        files = ovs.start_ovsdb_tls()
        arguments = [ovs.listen("ssl"), files.private_key, files.certificate, files.ca_certificate]
    assert run(tmp_path, GREEN, *arguments) == ["done"]


def run(directory: Path, script: str, *arguments: str) -> list[str]:
    """What a Python program prints; as a file, for what wants to import it."""
    program = directory / "program.py"
    program.write_text(script)
    done = subprocess.run(
        [sys.executable, str(program), *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()
