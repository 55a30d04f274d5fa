"""wait_ready: on the word of the kernel, of ovs-vswitchd and of the agent; tests/integration/ovn has OVN's word."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from tests.netns import ip
from tests.ovs import OpenVSwitch
from tests.ovsvifs import INSTANCE, MTU, check, hybrid, job, native, plugin, short

from os_vif import exception
from os_vif.host import engine
from vif_plug_ovs.ovs import OvsPlugin

LATENCY = 0.1  # seconds from the change to the return
TAP = short("tap", 1)


class Later(threading.Thread):
    """Acts after some time; `done` is the moment at which it had."""

    def __init__(self, act: Callable[[], object], after: float = 0.3) -> None:
        super().__init__()
        self._act = act
        self._after = after
        self.done = 0.0
        self.start()

    def run(self) -> None:
        time.sleep(self._after)
        self._act()
        self.done = time.monotonic()


def returns_after(it: OvsPlugin, vif: object, act: Callable[[], object]) -> None:
    """It is not ready, and ready as soon as somebody has acted."""
    with pytest.raises(exception.NotReady):
        engine.wait_ready(job(it, vif), 0)
    later = Later(act)
    engine.wait_ready(job(it, vif), 5)
    returned = time.monotonic()
    later.join()
    assert returned - later.done < LATENCY
    assert check(it, vif) == []


def test_ready_at_once(switch: OpenVSwitch) -> None:
    it = plugin(switch)
    it.plug(native(), INSTANCE)
    began = time.monotonic()
    engine.wait_ready(job(it, native()), 0)
    assert time.monotonic() - began < LATENCY


def test_the_agent_takes_it_out_of_the_dead_vlan(switch: OpenVSwitch) -> None:
    it = plugin(switch, isolate_vif=True)
    it.plug(native(), INSTANCE)
    returns_after(
        it,
        native(),
        lambda: switch.vsctl("set", "Port", TAP, "tag=3", "vlan_mode=access", "trunks=[]"),
    )


def test_the_hypervisor_makes_the_device(switch: OpenVSwitch) -> None:
    vif = native(create_tap=False)
    it = plugin(switch)
    it.plug(vif, INSTANCE)
    with pytest.raises(
        exception.NotReady, match=r"ofport -1: could not open network device .*No such device"
    ):
        engine.wait_ready(job(it, vif), 0.2)

    def start_guest() -> None:
        ip("tuntap", "add", TAP, "mode", "tap")
        ip("link", "set", TAP, "mtu", MTU)

    returns_after(it, vif, start_guest)


def test_the_kernels_half_and_the_databases(switch: OpenVSwitch) -> None:
    """Waiting for both: the last to come right counts, whichever side it is on."""
    it = plugin(switch, isolate_vif=True)
    it.plug(hybrid(), INSTANCE)
    qvb, qvo = short("qvb", 1), short("qvo", 1)
    ip("link", "set", qvb, "down")
    wired = ("set", "Port", qvo, "tag=3", "vlan_mode=access", "trunks=[]")
    first = Later(lambda: switch.vsctl(*wired), after=0.1)
    returns_after(it, hybrid(), lambda: ip("link", "set", qvb, "up"))
    first.join()


def test_ovsdb_server_comes_back_meanwhile(switch: OpenVSwitch) -> None:
    it = plugin(switch, isolate_vif=True)
    it.plug(native(), INSTANCE)

    def restart() -> None:
        switch.kill_ovsdb()
        time.sleep(0.3)
        switch.start_ovsdb()
        switch.vsctl("--no-wait", "set", "Port", TAP, "tag=3")

    later = Later(restart, after=0.1)
    engine.wait_ready(job(it, native()), 5)
    later.join()
    assert time.monotonic() - later.done < 1.2  # it asks less and less often, once a second at last


def test_ovsdb_server_is_gone(switch: OpenVSwitch) -> None:
    """It does not wait longer than it was told to, whatever the database's own time limit."""
    it = plugin(switch, ovs_vsctl_timeout=30)
    it.plug(native(), INSTANCE)
    switch.kill_ovsdb()
    began = time.monotonic()
    with pytest.raises(exception.NotReady, match="is ovsdb-server running"):
        engine.wait_ready(job(it, native()), 1.2)
    assert 1 < time.monotonic() - began < 1.6


def test_ovsdb_server_goes_while_it_waits(switch: OpenVSwitch) -> None:
    it = plugin(switch, isolate_vif=True, ovs_vsctl_timeout=2)
    it.plug(native(), INSTANCE)
    later = Later(switch.kill_ovsdb, after=0.2)
    with pytest.raises(exception.NotReady, match=r"dead VLAN.*is ovsdb-server running"):
        engine.wait_ready(job(it, native()), 1)
    later.join()


def test_why_ovs_vswitchd_could_not(switch: OpenVSwitch) -> None:
    """The tap is deleted under a port: the error is ovs-vswitchd's own, the name is there."""
    it = plugin(switch)
    it.plug(native(), INSTANCE)
    ip("link", "del", TAP)
    began = time.monotonic()
    with pytest.raises(exception.NotReady) as caught:
        engine.wait_ready(job(it, native()), 0.3)
    assert time.monotonic() - began < 0.3 + LATENCY
    assert caught.value.reasons[0] == f"{TAP}: tap is missing"
    it.plug(native(), INSTANCE)
    assert check(it, native()) == []
