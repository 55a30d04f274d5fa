"""What a plug leaves when something fails under it: what it found; and what it says: which daemon, which device."""

from __future__ import annotations

import errno
import itertools
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.faults import failing
from tests.netns import enter, ip
from tests.ovs import OpenVSwitch
from tests.ovsvifs import BRIDGE, INSTANCE, check, database, host, hybrid, links, native, plugin, short

from os_vif import exception
from vif_plug_ovs.ovs import OvsPlugin

KINDS = pytest.mark.parametrize(
    ("vif", "options"),
    [
        pytest.param(native(), {}, id="native"),
        pytest.param(native(datapath_type=None), {}, id="native, QoS"),
        pytest.param(native(), {"per_port_bridge": True}, id="a bridge per port"),
        pytest.param(hybrid(), {}, id="hybrid"),
        pytest.param(native(bridge="tbr-1"), {}, id="on a new trunk bridge"),
        pytest.param(hybrid(bridge="br-new"), {}, id="hybrid on a new bridge"),
    ],
)


@pytest.mark.parametrize("carried_out", [False, True], ids=["refused", "done, and reported as failed"])
@KINDS
def test_a_kernel_operation_fails(
    vif: Any, options: dict[str, Any], carried_out: bool, switch: OpenVSwitch
) -> None:
    """Every one in turn; the rows, which were written at the same time, are gone with the rest.

    Only of a transaction the plug may get over it: when its answer was lost, or it was refused for one of many, it
    looks again and does what is left.
    """
    it = plugin(switch, **options)
    before = host(switch)
    for step in itertools.count(1):
        with failing(step, errno.ENOBUFS if carried_out else errno.EPERM, carried_out=carried_out) as seen:
            try:
                it.plug(vif, INSTANCE)
                told: object = None
            except exception.StepFailed as failure:
                told = failure
        if not seen.fired:
            break
        if told is None:
            assert seen.names[step - 1] == "transact"
            assert check(it, vif) == []
            it.unplug(vif, INSTANCE)
            if vif.network.bridge == "br-new":  # shared: it stays
                switch.vsctl("del-br", "br-new")
        assert host(switch) == before, f"after failure of '{seen.names[step - 1]}'"
    assert step > 2
    assert check(it, vif) == []
    it.unplug(vif, INSTANCE)


def test_a_kernel_operation_fails_when_a_broken_vif_is_mended(switch: OpenVSwitch) -> None:
    """The plug mends rows and links, and fails: both are as broken as before."""
    switch.bridge("br-old")
    it = plugin(switch, isolate_vif=True)
    it.plug(native(bridge="br-old"), INSTANCE)
    tap = short("tap", 1)
    switch.vsctl(
        *("set", "Port", tap, "tag=5", "vlan_mode=access", "--", "clear", "Port", tap, "trunks", "--"),
        *(
            "set",
            "Interface",
            tap,
            "external_ids:iface-id=other",
            "external_ids:theirs=1",
            "mtu_request=1400",
        ),
    )
    ip("link", "set", tap, "down", "mtu", 1400)
    before = host(switch)
    for step in itertools.count(1):
        with failing(step, errno.EPERM) as seen:
            try:
                it.plug(native(), INSTANCE)
            except exception.StepFailed:
                assert host(switch) == before, f"after failure of '{seen.names[step - 1]}'"
                assert "UP" not in links()[tap]["flags"]
                deadline = time.monotonic() + 5
                while links()[tap]["mtu"] != 1400:  # soon: ovs-vswitchd gives it what the row asks for
                    assert time.monotonic() < deadline
        if not seen.fired:
            break
    assert switch.vsctl("iface-to-br", tap).strip() == BRIDGE


@KINDS
def test_ovs_vswitchd_is_dead(vif: Any, options: dict[str, Any], switch: OpenVSwitch) -> None:
    """The plug fails when the time is up, says who does not answer, and leaves nothing."""
    it = plugin(switch, ovs_vsctl_timeout=1, **options)
    before = host(switch)
    switch.kill_vswitchd()
    began = time.monotonic()
    with pytest.raises(exception.EngineError, match="ovs-vswitchd"):
        it.plug(vif, INSTANCE)
    assert 0.9 < time.monotonic() - began < 1.6
    assert host(switch) == before
    switch.start_vswitchd()
    it.plug(vif, INSTANCE)
    assert check(it, vif) == []
    switch.kill_vswitchd()
    it.unplug(vif, INSTANCE)  # it needs nobody but the database
    assert set(database(switch)["Port"]) - {"br-new"} == set(before[0]["Port"])


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_ovsdb_server_does_not_answer(how: str, switch: OpenVSwitch) -> None:
    """Killed, or alive and silent: plug, check and unplug fail in time and name it; then nothing is half-done."""
    it = plugin(switch, ovs_vsctl_timeout=1)
    it.plug(native(2), INSTANCE)
    it.plug(hybrid(3), INSTANCE)
    before = database(switch), sorted(links())
    acts: list[Callable[[], object]] = [
        lambda: it.plug(native(1), INSTANCE),
        lambda: it.unplug(hybrid(3), INSTANCE),
        lambda: check(it, native(2)),
    ]
    pid = switch.pid("ovsdb-server")
    assert pid is not None
    if how == "killed":
        switch.kill_ovsdb()
    else:
        os.kill(pid, signal.SIGSTOP)
    for act in acts:
        began = time.monotonic()
        with pytest.raises(exception.ExceptionBase, match="ovsdb-server"):
            act()
        assert time.monotonic() - began < 1.5
    if how == "killed":
        switch.start_ovsdb()
    else:
        os.kill(pid, signal.SIGCONT)
    assert (database(switch), sorted(links())) == before
    assert check(it, native(2)) == check(it, hybrid(3)) == []
    it.unplug(native(2), INSTANCE)
    it.unplug(hybrid(3), INSTANCE)
    assert set(database(switch)["Port"]) == {BRIDGE}


@pytest.fixture
def load(switch: OpenVSwitch) -> Iterator[Load]:
    running = Load(plugin(switch, ovs_vsctl_timeout=10))
    running.start()
    try:
        yield running
    finally:
        running.stop()


class Load:
    """Four threads that plug, check and unplug VIFs of their own, over and over."""

    def __init__(self, it: OvsPlugin) -> None:
        self.rounds = 0
        self.errors: list[Exception] = []
        self._it = it
        self._over = threading.Event()
        self._namespace = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self._threads = [threading.Thread(target=self._run, args=(n,)) for n in range(1, 5)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """No more; all are unplugged."""
        if not self._over.is_set():
            self._over.set()
            for thread in self._threads:
                thread.join()
            os.close(self._namespace)

    def advance(self, rounds: int) -> None:
        """Return when so many more rounds are done."""
        goal, deadline = self.rounds + rounds, time.monotonic() + 20
        while self.rounds < goal:
            assert time.monotonic() < deadline, self.errors[-1:]
            time.sleep(0.01)

    def _run(self, number: int) -> None:
        enter(self._namespace)
        vif = native(number) if number % 2 else hybrid(number)
        plugged = False
        while not self._over.is_set() or plugged:
            try:
                if plugged:
                    self._it.unplug(vif, INSTANCE)
                    plugged = False
                else:
                    self._it.plug(vif, INSTANCE)
                    plugged = True
                    assert check(self._it, vif) == []
            except Exception as error:  # noqa: BLE001  # judged by the test
                self.errors.append(error)
                plugged = True  # perhaps: an unplug is right in any case
            self.rounds += 1


def test_ovsdb_server_restarts_under_load(switch: OpenVSwitch, load: Load) -> None:
    """Calls wait for the server; one that is cut off looks whether it was carried out; nothing is left."""
    load.advance(20)
    switch.kill_ovsdb()
    switch.start_ovsdb()
    load.advance(20)
    load.stop()
    assert load.errors == []
    assert set(database(switch)["Port"]) == {BRIDGE}
    assert sorted(links()) == [BRIDGE, "lo"]


def test_the_database_is_compacted_under_load(switch: OpenVSwitch, load: Load) -> None:
    for _ in range(5):
        load.advance(8)
        switch.appctl("ovsdb-server", "ovsdb-server/compact")
    load.stop()
    assert load.errors == []
    assert set(database(switch)["Port"]) == {BRIDGE}
    assert sorted(links()) == [BRIDGE, "lo"]


def test_ovs_vswitchd_restarts_under_load(switch: OpenVSwitch, load: Load) -> None:
    """Plugs meanwhile wait for it."""
    for _ in range(2):
        load.advance(8)
        switch.kill_vswitchd()
        switch.start_vswitchd()
    load.advance(8)
    load.stop()
    assert load.errors == []
    assert set(database(switch)["Port"]) == {BRIDGE}
