"""A process that dies by SIGKILL while it plugs or unplugs on Open vSwitch, at each of its steps and at any moment.

Whatever it got to, in the kernel and in the database: a plug makes it right, an unplug leaves nothing.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import select
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
from tests.faults import killed_at
from tests.netns import ip
from tests.ovs import OpenVSwitch
from tests.ovsvifs import BRIDGE, INSTANCE, check, host, hybrid, job, native, plugin, short

from os_vif.host import engine
from vif_plug_ovs.ovs import OvsPlugin

MOMENTS = 25  # in each of four tests, twice

KINDS = pytest.mark.parametrize(
    ("vif", "options"),
    [
        pytest.param(native(), {}, id="native"),
        pytest.param(native(datapath_type=None), {"isolate_vif": True}, id="native, QoS, isolated"),
        pytest.param(native(), {"per_port_bridge": True}, id="a bridge per port"),
        pytest.param(hybrid(), {}, id="hybrid"),
        pytest.param(native(bridge="tbr-1"), {}, id="on a new trunk bridge"),
    ],
)
VERBS = pytest.mark.parametrize("verb", ["plug", "unplug"])


@VERBS
@KINDS
def test_killed_at_each_step(verb: str, vif: Any, options: dict[str, Any], switch: OpenVSwitch) -> None:
    """Then an unplug leaves nothing; and, dead at the same step once more, a plug makes it as on a fresh host."""
    it = plugin(switch, **options)
    before = host(switch)
    it.plug(vif, INSTANCE)
    whole = host(switch)
    for step in itertools.count(1):
        for repeated in (it.unplug, it.plug):
            if verb == "unplug":
                it.plug(vif, INSTANCE)
            else:
                it.unplug(vif, INSTANCE)
            died = killed_at(step, lambda: getattr(it, verb)(vif, INSTANCE))
            repeated(vif, INSTANCE)
            expected = before if repeated == it.unplug else whole
            assert host(switch) == expected, f"{verb} killed before step {step}, then {repeated.__name__}"
        if not died:
            break
    assert step > 10


def test_killed_amid_many(switch: OpenVSwitch) -> None:
    """A bulk plug and a bulk unplug of VIFs on a bridge that is new."""
    it = plugin(switch)
    vifs = [
        native(1, bridge="br-new"),
        hybrid(2, bridge="br-new"),
        native(3, bridge="br-new", create_tap=False),
    ]
    jobs = [job(it, vif) for vif in vifs]
    before = host(switch)
    for step in itertools.count(1):
        died = killed_at(step, lambda: engine.apply(jobs))
        assert engine.apply(jobs) == [None] * 3
        whole = host(switch)
        assert [check(it, vif) for vif in vifs[:2]] == [[], []]
        died = killed_at(step, lambda: engine.remove(jobs)) or died
        assert engine.apply(jobs) == [None] * 3
        assert host(switch) == whole, f"bulk unplug killed before step {step}, then plug"
        killed_at(step, lambda: engine.remove(jobs))
        assert engine.remove(jobs) == [None] * 3
        switch.vsctl("--if-exists", "del-br", "br-new")
        assert host(switch) == before, f"killed before step {step}"
        if not died:
            break
    assert step > 10


def test_killed_while_it_mends(switch: OpenVSwitch) -> None:
    """The port is on another bridge, with wrong ids and MTU, the tap is down: dead at any step of mending that."""
    switch.bridge("br-old")
    it = plugin(switch, isolate_vif=True)
    before = host(switch)
    tap = short("tap", 1)
    for step in itertools.count(1):
        it.plug(native(bridge="br-old"), INSTANCE)
        switch.vsctl(
            "set", "Interface", tap, "external_ids:iface-id=other", "--", "set", "Port", tap, "tag=5"
        )
        ip("link", "set", tap, "down", "mtu", 1400)
        died = killed_at(step, lambda: it.plug(native(), INSTANCE))
        it.plug(native(), INSTANCE)
        assert switch.vsctl("iface-to-br", tap).strip() == BRIDGE
        assert [t for t in check(it, native()) if "dead VLAN" not in t] == [], f"killed before step {step}"
        it.unplug(native(), INSTANCE)
        assert host(switch) == before
        if not died:
            break
    assert step > 10


@VERBS
@pytest.mark.parametrize("vif", [native(), hybrid()], ids=["native", "hybrid"])
def test_killed_at_any_moment(verb: str, vif: Any, switch: OpenVSwitch) -> None:
    it = plugin(switch)
    before = host(switch)
    it.plug(vif, INSTANCE)
    whole = host(switch)
    seconds = duration(it, vif, verb)
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    deaths = 0
    for _ in range(MOMENTS):
        for repeated in (it.unplug, it.plug):
            if verb == "unplug":
                it.plug(vif, INSTANCE)
            else:
                it.unplug(vif, INSTANCE)
            moment = chance.uniform(0, seconds)
            deaths += killed_after(moment, lambda: getattr(it, verb)(vif, INSTANCE))
            repeated(vif, INSTANCE)
            expected = before if repeated == it.unplug else whole
            assert host(switch) == expected, (
                f"killed after {moment:.6f} s (seed {seed}), then {repeated.__name__}"
            )
    assert deaths > MOMENTS // 2


def duration(it: OvsPlugin, vif: Any, verb: str) -> float:
    """Seconds that it takes a child, its start and end included."""
    took = []
    for _ in range(3):
        (it.unplug if verb == "plug" else it.plug)(vif, INSTANCE)
        began = time.monotonic()
        assert not killed_after(30, lambda: getattr(it, verb)(vif, INSTANCE))
        took.append(time.monotonic() - began)
    return min(took)


def killed_after(seconds: float, act: Callable[[], object]) -> bool:
    """Run it in a child process and kill that after so many seconds, if it has not ended; whether it was killed."""
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            act()
            os._exit(0)
        os._exit(1)
    descriptor = os.pidfd_open(child)
    try:
        select.select([descriptor], [], [], seconds)
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    finally:
        os.close(descriptor)
    _, ended = os.waitpid(child, 0)
    assert ended in (0, signal.SIGKILL)
    return ended != 0
