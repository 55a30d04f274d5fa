"""Several processes that plug and unplug on Open vSwitch at once: the host is as if they had taken turns.

What one VIF is takes two daemons, the kernel and ovsdb-server, so that two processes at one VIF have more ways to
get between each other than on a Linux bridge.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import pytest
from tests.netns import ip
from tests.ovs import OpenVSwitch
from tests.ovsvifs import BRIDGE, INSTANCE, check, host, hybrid, job, native, plugin, short
from tests.together import at_once

from os_vif import exception
from os_vif.host import engine
from vif_plug_ovs.ovs import OvsPlugin

ROUNDS = 5
PROCESSES = 6

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


def faults(it: OvsPlugin, vif: Any) -> list[str]:
    """What differs, but for the VLAN that a network's agent has to set."""
    return [text for text in check(it, vif) if "the network's agent has not wired it" not in text]


def mixed(count: int, bridge: str, first: int = 1) -> list[Any]:
    """VIFs of which every second is hybrid."""
    return [(native, hybrid)[n % 2](n, bridge=bridge) for n in range(first, first + count)]


def unplug_all(it: OvsPlugin, vifs: Iterable[Any]) -> None:
    assert [e for e in engine.remove([job(it, vif) for vif in vifs]) if e is not None] == []


def succeed(
    it: OvsPlugin, act: Callable[[list[engine.Job]], list[Exception | None]], vifs: list[Any]
) -> None:
    """`act` is engine.apply or engine.remove."""
    assert [e for e in act([job(it, vif) for vif in vifs]) if e is not None] == []


@KINDS
def test_the_same_vif(vif: Any, options: dict[str, Any], switch: OpenVSwitch) -> None:
    """All plug it, and it is plugged as one alone would have done it; all unplug it, and nothing is left."""
    it = plugin(switch, ovs_vsctl_timeout=20, **options)
    before = host(switch)
    it.plug(vif, INSTANCE)
    alone = host(switch)
    it.unplug(vif, INSTANCE)
    for _ in range(ROUNDS):
        at_once([lambda: it.plug(vif, INSTANCE)] * PROCESSES, prepare=lambda: check(it, vif))
        assert faults(it, vif) == []
        assert host(switch) == alone
        at_once([lambda: it.unplug(vif, INSTANCE)] * PROCESSES, prepare=lambda: check(it, vif))
        assert host(switch) == before


@KINDS
def test_plug_and_unplug_of_the_same_vif(vif: Any, options: dict[str, Any], switch: OpenVSwitch) -> None:
    """In whatever order they come: in the end it is completely plugged, or completely gone."""
    it = plugin(switch, ovs_vsctl_timeout=20, **options)
    before = host(switch)
    it.plug(vif, INSTANCE)
    alone = host(switch)
    it.unplug(vif, INSTANCE)
    for turn in range(3 * ROUNDS):
        acts = [lambda: it.plug(vif, INSTANCE), lambda: it.unplug(vif, INSTANCE)]
        if turn % 2:
            it.plug(vif, INSTANCE)
        at_once(acts * (1 + turn % 2), prepare=lambda: check(it, vif))
        found = host(switch)
        assert found in (before, alone), f"round {turn}: {faults(it, vif)}"
        assert found == before or faults(it, vif) == []
        it.unplug(vif, INSTANCE)
        assert host(switch) == before


@pytest.mark.parametrize("bridge", ["br-new", BRIDGE], ids=["new bridge", "bridge that is there"])
def test_different_vifs(bridge: str, switch: OpenVSwitch) -> None:
    it = plugin(switch, ovs_vsctl_timeout=20)
    vifs = mixed(PROCESSES, bridge)
    for _ in range(ROUNDS):
        before = host(switch)
        at_once([partial(it.plug, vif, INSTANCE) for vif in vifs], prepare=lambda: check(it, vifs[0]))
        assert [check(it, vif) for vif in vifs] == [[]] * PROCESSES
        at_once([partial(it.unplug, vif, INSTANCE) for vif in vifs], prepare=lambda: check(it, vifs[0]))
        after = host(switch)
        assert set(after[0]["Port"]) == set(before[0]["Port"]) | {bridge}
        if bridge == BRIDGE:
            assert after == before
        else:
            switch.vsctl("del-br", bridge)


def test_single_and_bulk(switch: OpenVSwitch) -> None:
    """Two plug all of them in one pass, four plug one each, on a bridge that all of them find missing."""
    it = plugin(switch, ovs_vsctl_timeout=20)
    vifs = mixed(24, "br-new")
    before = host(switch)
    for verb, act in ((it.plug, engine.apply), (it.unplug, engine.remove)):
        acts = [partial(succeed, it, act, vifs)] * 2
        singles = [partial(verb, vif, INSTANCE) for vif in vifs[:4]]
        at_once([*acts, *singles], prepare=lambda: check(it, vifs[0]))
        if verb == it.plug:
            assert [check(it, vif) for vif in vifs] == [[]] * len(vifs)
    switch.vsctl("del-br", "br-new")
    assert host(switch) == before


def test_a_port_moves_while_others_are_plugged(switch: OpenVSwitch) -> None:
    """From a bridge on which others plug and unplug to one on which others do, by two processes at once."""
    switch.bridge("br-old")
    it = plugin(switch, ovs_vsctl_timeout=20)
    before = host(switch)
    for _ in range(ROUNDS):
        old, new = native(1, bridge="br-old"), native(1)
        leaving, coming = mixed(2, "br-old", 2), mixed(2, BRIDGE, 4)
        for vif in (old, *leaving):
            it.plug(vif, INSTANCE)
        moves = [partial(it.plug, new, INSTANCE)] * 2
        others = [partial(it.plug, vif, INSTANCE) for vif in coming]
        others += [partial(it.unplug, vif, INSTANCE) for vif in leaving]
        at_once([*moves, *others], prepare=partial(check, it, new))
        assert [check(it, vif) for vif in (new, *coming)] == [[]] * 3
        assert switch.vsctl("list-ports", "br-old") == ""
        unplug_all(it, [new, *coming])
        assert host(switch) == before


def test_somebody_takes_away_what_is_plugged(switch: OpenVSwitch) -> None:
    """A plug amid the deletion of its port and its links may fail; then it has left nothing that is in the way."""
    it = plugin(switch, ovs_vsctl_timeout=2)
    before = host(switch)
    vifs = [native(1), hybrid(2)]
    devices = [short("tap", 1), short("qvo", 2)]

    def destroy() -> None:
        for device in devices * 3:
            switch.vsctl("--if-exists", "--no-wait", "del-port", device)
            with contextlib.suppress(AssertionError):
                ip("link", "del", device)

    def plug(vif: Any) -> None:
        for _ in range(3):
            with contextlib.suppress(exception.EngineError):
                it.plug(vif, INSTANCE)

    for _ in range(ROUNDS):
        at_once([destroy, *(partial(plug, vif) for vif in vifs)], prepare=lambda: check(it, vifs[0]))
        for vif in vifs:
            it.plug(vif, INSTANCE)
            assert check(it, vif) == []
        unplug_all(it, vifs)
        assert host(switch) == before
