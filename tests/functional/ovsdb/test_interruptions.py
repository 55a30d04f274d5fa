"""Four threads work while ovsdb-server is killed and started again, or compacts its database."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable

import pytest
from tests.ovs import OpenVSwitch

from os_vif.host.ovsdb import Connection, ConnectionLost, OvsdbError, Raced, Transaction

THREADS, PORTS = 4, 150


class Load:
    """Threads that add ports, each of which must be there once in the end; ``outcomes`` counts what they met."""

    def __init__(self, db: Connection, add: Callable[[Connection, str], str]) -> None:
        self._db = db
        self._add = add
        self.outcomes: Counter[str] = Counter()
        self.failures: list[OvsdbError] = []
        self._threads = [threading.Thread(target=self._work, args=(number,)) for number in range(THREADS)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            thread.join()

    @property
    def running(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    def _work(self, number: int) -> None:
        try:
            for count in range(PORTS):
                outcome = self._add(self._db, f"p{number}-{count}")
                self.outcomes[outcome] += 1
        except OvsdbError as failure:
            self.failures.append(failure)


def guarded(name: str) -> Transaction:
    t = Transaction()
    t.assert_none("Port", [("name", "==", name)])
    interface = t.insert("Interface", {"name": name})
    port = t.insert("Port", {"name": name, "interfaces": interface})
    t.mutate("Bridge", [("name", "==", "br0")], [("ports", "insert", port)])
    return t


def add_again_if_need_be(db: Connection, name: str) -> str:
    """Leaves the repetition to commit(): the guard tells whether the first was carried out."""
    try:
        db.commit(guarded(name), retry=True)
    except Raced:
        return "raced"
    return "committed"


def add_and_look(db: Connection, name: str) -> str:
    """Does as ConnectionLost says."""
    try:
        db.commit(guarded(name))
    except ConnectionLost:
        if db.select("Port", [("name", "==", name)], ["name"]):
            return "lost, but done"
        db.commit(guarded(name))
        return "lost, and not done"
    return "committed"


@pytest.mark.parametrize("add", [add_again_if_need_be, add_and_look])
def test_the_server_is_killed_under_load(ovs: OpenVSwitch, add: Callable[[Connection, str], str]) -> None:
    ovs.bridge("br0")
    ovs.kill_vswitchd()
    with Connection(ovs.remote, timeout=20) as db:
        kills = 0
        with Load(db, add) as load:
            while load.running and kills < 8:
                time.sleep(0.03)
                ovs.kill_ovsdb()
                ovs.start_ovsdb()
                kills += 1
        assert not load.failures
        assert kills > 1
        assert sum(load.outcomes.values()) == THREADS * PORTS
        names = [str(row["name"]) for row in db.select("Port", (), ["name"])]
    assert sorted(names) == sorted(
        ["br0", *(f"p{number}-{count}" for number in range(THREADS) for count in range(PORTS))]
    )


def test_the_database_is_compacted_under_load(ovs: OpenVSwitch) -> None:
    ovs.bridge("br0")
    ovs.kill_vswitchd()
    with Connection(ovs.remote) as db:
        compactions = 0
        with Load(db, add_and_look) as load:
            while load.running:
                ovs.appctl("ovsdb-server", "ovsdb-server/compact")
                compactions += 1
        assert not load.failures
        assert compactions > 1
        assert load.outcomes == {"committed": THREADS * PORTS}
    ovs.kill_ovsdb()
    ovs.start_ovsdb()
    assert len(ovs.vsctl("--no-wait", "list-ports", "br0").split()) == THREADS * PORTS
