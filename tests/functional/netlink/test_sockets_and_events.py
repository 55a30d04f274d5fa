"""The kept-open socket across threads, forks and namespaces; the monitor; eventlet."""

import errno
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest
from tests.netns import enter, ip, new_namespace

from os_vif.host.netlink import (
    LinkChanged,
    LinkDeleted,
    LinkMonitor,
    NetlinkError,
    RouteSocket,
    connection,
    requests,
    route_socket,
)

pytestmark = pytest.mark.usefixtures("netns")


def in_child(work: Callable[[], bool]) -> bool:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if work() else 1
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1] == 0


def test_one_socket_per_namespace() -> None:
    first = route_socket()
    assert route_socket() is first
    first.request(requests.new_bridge("br0"))
    here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        new_namespace()
        second = route_socket()
        assert second is not first
        assert second.links(["br0"]) == {}
        enter(here)
        assert route_socket() is first
        assert set(route_socket().links(["br0"])) == {"br0"}
    finally:
        os.close(here)


def test_sockets_of_many_namespaces_do_not_pile_up() -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(12):
        new_namespace()
        route_socket().all_links()
    assert len(os.listdir("/proc/self/fd")) <= before + 5


def test_a_child_process_gets_a_socket_of_its_own() -> None:
    socket = route_socket()
    socket.request(requests.new_bridge("br0"))

    def child() -> bool:
        return route_socket() is not socket and set(route_socket().links(["br0"])) == {"br0"}

    def child_with_the_parents_object() -> bool:
        return len(socket.all_links()) == 2

    assert in_child(child)
    assert in_child(child_with_the_parents_object)
    assert set(socket.links(["br0"])) == {"br0"}


def test_a_fork_while_another_thread_is_asking() -> None:
    socket = route_socket()
    with socket._lock:  # as if a thread that the child does not have were inside
        assert in_child(lambda: [link.name for link in socket.all_links()] == ["lo"])


def test_a_socket_does_not_move_to_another_namespace_unseen() -> None:
    with RouteSocket() as socket:
        assert socket.links(["lo"])
        new_namespace()
        socket._drop()  # as after a timeout
        with pytest.raises(NetlinkError, match=r"belongs to network namespace net:\[\d+\]") as caught:
            socket.links(["lo"])
        assert caught.value.errno == errno.ENOTCONN


def test_many_threads_on_one_socket() -> None:
    socket = route_socket()
    socket.execute([requests.new_bridge(f"br{i}") for i in range(8)])
    wrong: list[str] = []

    def ask(name: str) -> None:
        for _ in range(100):
            if socket.links([name])[name].name != name or len(socket.all_links()) != 9:
                wrong.append(name)

    threads = [threading.Thread(target=ask, args=(f"br{i}",)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_lists_are_whole_while_links_come_and_go() -> None:
    """Every change interrupts a dump (NLM_F_DUMP_INTR): what stays must be in each list."""
    steady = [f"s{i}" for i in range(60)]
    socket = route_socket()
    socket.execute([requests.new_veth(name, f"p{name}") for name in steady])
    stop = threading.Event()

    def churn() -> None:
        with RouteSocket() as own:
            while not stop.is_set():
                own.execute([requests.new_bridge("churn"), requests.delete_link("churn")])
                time.sleep(0.001)

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for _ in range(30):
            names = {link.name for link in socket.all_links()}
            assert names >= {"lo", *steady}
    finally:
        stop.set()
        thread.join()


def test_the_monitor_tells_what_comes_changes_and_goes() -> None:
    with LinkMonitor() as monitor:
        assert monitor.wait(0) == []
        ip("link", "add", "br0", "type", "bridge")
        events = monitor.wait(5)
        assert events
        assert {event.link.name for event in events if isinstance(event, LinkChanged)} == {"br0"}
        ip("link", "set", "br0", "up", "alias", "x")
        seen: list[object] = []
        while not any(isinstance(e, LinkChanged) and e.link.up and e.link.alias == "x" for e in seen):
            more = monitor.wait(5)
            assert more
            seen += more
        index = route_socket().links(["br0"])["br0"].index
        ip("link", "add", "v0", "type", "veth", "peer", "name", "v1")
        ip("link", "set", "v0", "master", "br0")
        ip("link", "set", "v0", "nomaster")
        ip("link", "delete", "br0")
        seen = []
        while more := monitor.wait(0.2):
            seen += more
        # That v0 left the bridge is a deletion to the bridge, not of v0.
        assert [event for event in seen if isinstance(event, LinkDeleted)] == [LinkDeleted(index, "br0")]


def test_the_monitor_waits_as_long_as_told() -> None:
    with LinkMonitor() as monitor:
        start = time.monotonic()
        assert monitor.wait(0.2) == []
        assert 0.19 <= time.monotonic() - start < 1


def test_the_monitor_says_when_it_lost_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "RECEIVE_BUFFER", 4096)
    with LinkMonitor() as monitor:
        route_socket().execute([requests.new_veth(f"a{i}", f"b{i}") for i in range(50)])
        answers = [monitor.wait(0.1) for _ in range(3)]
        assert None in answers
        # And it goes on with what comes after.
        route_socket().request(requests.new_bridge("br0"))
        seen: list[object] = []
        while more := monitor.wait(0.2):
            seen += more
        assert any(isinstance(event, LinkChanged) and event.link.name == "br0" for event in seen)


GREEN = """
import eventlet
eventlet.monkey_patch()
import time
from os_vif.host.netlink import LinkMonitor, requests, route_socket
ticks = []
def tick():
    while True:
        ticks.append(1); eventlet.sleep(0.02)
eventlet.spawn(tick)
with LinkMonitor() as monitor:
    assert monitor.wait(0.3) == []
    assert len(ticks) > 5, ticks
    assert monitor.wait(0) == []
    socket = route_socket()
    assert socket.execute([requests.new_bridge("br0"), requests.delete_link("nope")])[0] is None
    assert set(socket.links(["br0", "absent"])) == {"br0"}
    assert len(socket.all_links()) == 2
    assert monitor.wait(5)
    pool = eventlet.GreenPool()
    assert all(len(found) == 2 for found in pool.imap(lambda _: socket.all_links(), range(50)))
    try:
        with eventlet.Timeout(0.1):
            monitor.wait(0.05); monitor.wait(5); raise SystemExit("not interrupted")
    except eventlet.Timeout:
        pass
"""


def test_under_eventlet_others_run_while_it_waits() -> None:
    pytest.importorskip("importlib.metadata").version("eventlet")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", GREEN], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
