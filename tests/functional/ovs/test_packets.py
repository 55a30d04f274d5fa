"""What guests hear of each other on a real switch: each kind of VIF, its VLANs, its isolation, and its end.

The switch is Open vSwitch's in user space; guests are taps that the tests hold open (tests.guests). Rows and links of
the same VIFs are looked at, one by one, in test_rows_and_links.py.
"""

from __future__ import annotations

import itertools
import socket
import subprocess
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from typing import Any

import pytest
from tests.guests import Card, Guest
from tests.netns import ip
from tests.ovs import OpenVSwitch
from tests.ovskinds import KINDS, PLAIN, TAG, Kind, wire_port
from tests.ovsvifs import (
    BRIDGE,
    INSTANCE,
    MTU,
    check,
    database,
    host,
    hybrid,
    identity,
    job,
    links,
    mac,
    native,
    plugin,
    short,
)
from tests.traffic import Barrier, hear_nothing, reaches, traffic

from os_vif.host import engine

EACH = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
HEADERS = 28  # bytes of IP and ICMP


@pytest.fixture
def barrier(switch: OpenVSwitch, powered: ExitStack) -> Barrier:
    """A bridge with two ports that nobody else has to do with."""
    switch.bridge("br-other")
    cards = [powered.enter_context(closing(Card(f"other{n}", mac(0xF0 + n)))) for n in (1, 2)]
    for card in cards:
        ip("link", "set", card.tap, "up")
        switch.vsctl("add-port", "br-other", card.tap)
    return Barrier(switch, *cards)


def running(powered: ExitStack, *numbers: int) -> list[Card]:
    """Guests on taps that are there already, by the numbers of their VIFs."""
    return [powered.enter_context(closing(Card(short("tap", n), mac(n)))) for n in numbers]


def hear_nothing_of_each_other(cards: Sequence[Card], barrier: Barrier) -> bool:
    return all(hear_nothing(card, [c for c in cards if c is not card], barrier) for card in cards)


# --- guests reach each other -------------------------------------------------------------------------------------


@EACH
def test_guests_reach_each_other(kind: Kind, switch: OpenVSwitch) -> None:
    """ARP, a ping that fills the MTU, TCP; and when one is unplugged, nothing is left of it."""
    before = host(switch)
    it = plugin(switch, **kind.options)
    with ExitStack() as stack:
        guests = []
        for n in (1, 2):
            it.plug(kind.vif(n), INSTANCE)
            card = kind.start(switch, n)
            stack.callback(kind.stop, switch, n, card)
            engine.wait_ready(job(it, kind.vif(n)), 5)
            guests.append(stack.enter_context(closing(Guest(card, f"10.0.0.{n}/24", MTU))))
        ping(*guests, size=MTU)
        assert sent_by_tcp(*guests, size=200_000) == 200_000
    for n in (1, 2):
        it.unplug(kind.vif(n), INSTANCE)
    assert host(switch) == before


def ping(guest: Guest, other: Guest, size: int) -> None:
    """Three packets of this size (bytes, with headers), none of them in pieces, and their answers."""
    command = ["ping", "-q", "-c", "3", "-i", "0.01", "-W", "5", "-M", "do", "-s", str(size - HEADERS)]
    with guest.inside():
        done = subprocess.run([*command, other.network_address], capture_output=True, text=True, check=False)
    assert ", 0% packet loss" in done.stdout, done.stdout + done.stderr


def sent_by_tcp(guest: Guest, other: Guest, size: int) -> int:
    """How many of so many bytes arrive."""
    with other.inside():
        listening = socket.create_server((other.network_address, 0))
    with guest.inside():
        sending = socket.socket()
    with listening, sending:
        for end in (listening, sending):
            end.settimeout(10)
        sending.connect(listening.getsockname())
        receiving, _ = listening.accept()
        with receiving:
            receiving.settimeout(10)
            sender = threading.Thread(target=lambda: (sending.sendall(b"x" * size), sending.shutdown(1)))
            sender.start()
            received = sum(len(part) for part in iter(lambda: receiving.recv(65536), b""))
            sender.join()
    return received


def test_guests_of_all_kinds_reach_each_other(switch: OpenVSwitch) -> None:
    """On one bridge, and one with a bridge of its own."""
    kinds = dict(enumerate([*PLAIN, KINDS["a bridge per port"]], start=1))
    cards = []
    with ExitStack() as stack:
        for n, kind in kinds.items():
            it = plugin(switch, **kind.options)
            it.plug(kind.vif(n), INSTANCE)
            cards.append(kind.start(switch, n))
            stack.callback(kind.stop, switch, n, cards[-1])
        for one, other in itertools.permutations(cards, 2):
            assert reaches(one, other), (one.tap, other.tap)


@pytest.mark.parametrize(
    ("make", "devices"),
    [pytest.param(native, ["tap"], id="native"), pytest.param(hybrid, ["qvo", "qvb"], id="hybrid")],
)
def test_an_mtu_that_grows(make: Callable[..., Any], devices: list[str], switch: OpenVSwitch) -> None:
    """The network's MTU is another one at the next plug: frames of that size pass."""
    kind, jumbo = KINDS["port and tap" if make is native else "hybrid"], 9000
    it = plugin(switch)
    with ExitStack() as stack:
        guests = []
        for n in (1, 2):
            it.plug(make(n), INSTANCE)
            card = kind.start(switch, n)
            stack.callback(kind.stop, switch, n, card)
            guests.append(stack.enter_context(closing(Guest(card, f"10.0.0.{n}/24", jumbo))))
        for n in (1, 2):
            it.plug(make(n, mtu=jumbo), INSTANCE)
            assert {links()[short(prefix, n)]["mtu"] for prefix in devices} == {jumbo}
            ip("link", "set", short("tap", n), "mtu", jumbo)  # a hybrid VIF's tap is the hypervisor's
        ping(*guests, size=jumbo)


# --- no frame is lost --------------------------------------------------------------------------------------------


@EACH
def test_a_plug_again_costs_nothing(kind: Kind, switch: OpenVSwitch) -> None:
    """Nor do VIFs that come and go beside it."""
    it = plugin(switch, **kind.options)
    with ExitStack() as stack:
        cards = []
        for n in (1, 2):
            it.plug(kind.vif(n), INSTANCE)
            cards.append(kind.start(switch, n))
            stack.callback(kind.stop, switch, n, cards[-1])
        with traffic(*cards) as flow:
            for n in (1, 2):
                it.plug(kind.vif(n), INSTANCE)
            it.plug(kind.vif(3), INSTANCE)
            it.unplug(kind.vif(3), INSTANCE)
        assert flow.lost == []


# --- VLANs -------------------------------------------------------------------------------------------------------


def test_vlans(switch: OpenVSwitch, powered: ExitStack, barrier: Barrier) -> None:
    """The tag is the controller's; the port is heard in that VLAN and in no other, also after a plug again."""
    it = plugin(switch)
    tags = {1: 10, 2: 20, 3: 10}
    for n, tag in tags.items():
        it.plug(native(n), INSTANCE)
        wire_port(switch, short("tap", n), tag)
    one, other, third = running(powered, 1, 2, 3)
    for _ in range(2):
        assert reaches(one, third)
        assert reaches(third, one)
        assert hear_nothing(one, [other], barrier)
        assert hear_nothing(other, [one, third], barrier)
        assert hear_nothing(one, [other], barrier, vlan=20)
        for n in tags:
            it.plug(native(n), INSTANCE)


def test_a_trunk(switch: OpenVSwitch, powered: ExitStack, barrier: Barrier) -> None:
    """The guest's own frames reach its own network; what it sends in VLAN 100 is the network of that subport."""
    it = plugin(switch, isolate_vif=True)
    bridge = "tbr-00000001-0"
    before = host(switch)
    it.plug(native(1, bridge=bridge), INSTANCE)
    for n in (2, 3):
        it.plug(native(n), INSTANCE)
        wire_port(switch, short("tap", n), tag := 10 * n)
        # what Neutron's agent does with the trunk: a pair of patch ports for the parent, and one for the subport
        here, there = f"{'ts'[n - 2]}pi-{n}", f"{'ts'[n - 2]}pt-{n}"
        switch.vsctl(
            *("add-port", BRIDGE, here, f"tag={tag}", "--"),
            *("set", "Interface", here, "type=patch", f"options:peer={there}", "--"),
            *("add-port", bridge, there, *(["tag=100"] if n == 3 else []), "--"),
            *("set", "Interface", there, "type=patch", f"options:peer={here}"),
        )
    guest, parent, subport = running(powered, 1, 2, 3)
    assert reaches(guest, parent)
    assert reaches(parent, guest)
    assert reaches(guest, subport, vlan=100)
    assert reaches(subport, guest, arrives=100)
    assert hear_nothing(guest, [subport], barrier)
    assert hear_nothing(guest, [parent], barrier, vlan=100)
    assert hear_nothing(guest, [parent, subport], barrier, vlan=200)
    assert check(it, native(1, bridge=bridge)) == []
    it.unplug(native(1, bridge=bridge), INSTANCE)
    assert hear_nothing(parent, [guest], barrier)
    for n in (2, 3):
        it.unplug(native(n), INSTANCE)
        switch.vsctl("del-port", f"{'ts'[n - 2]}pi-{n}")
    assert host(switch) == before


# --- isolation ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        ("isolated, wired by the agent", "tap"),
        ("hybrid, isolated, wired by the agent", "qvo"),
        ("a bridge per port, isolated, wired by the agent", "ibp"),
    ],
)
def test_isolated(name: str, prefix: str, switch: OpenVSwitch, barrier: Barrier, powered: ExitStack) -> None:
    """Nothing gets in or out, to ports of networks and to others that wait, until the agent has set the tag.

    The port lets frames pass that the guest itself has put in VLAN 4095, as with every os-vif; for those Neutron's
    agent has a flow, from when it starts.
    """
    switch.ofctl("add-flow", BRIDGE, "priority=65535,dl_vlan=4095,actions=drop")
    kind = KINDS[name]
    it = plugin(switch, **kind.options)
    vifs = [kind.vif(n) for n in (1, 2)]
    for vif in (*vifs, native(3)):
        (it if vif in vifs else plugin(switch)).plug(vif, INSTANCE)
    one, other = cards = running(powered, 1, 2)
    (normal,) = running(powered, 3)
    if prefix == "qvo":
        for n in (1, 2):
            ip("link", "set", short("tap", n), "mtu", MTU, "master", short("qbr", n), "up")
    for tag in (None, TAG):  # in no VLAN, as a network without an agent is, and in the network's
        if tag is not None:
            wire_port(switch, short("tap", 3), tag)
        assert hear_nothing_of_each_other([*cards, normal], barrier)
        for vlan in (TAG, 0, 4095):  # that the guest says itself
            assert hear_nothing(one, [other, normal], barrier, vlan=vlan)
    assert "dead VLAN" in check(it, vifs[0])[0]
    port = "ibp" + identity(1) if prefix == "ibp" else short(prefix, 1)
    wire_port(switch, port)
    engine.wait_ready(job(it, vifs[0]), 5)
    assert reaches(one, normal)
    assert reaches(normal, one)
    assert hear_nothing(other, [one, normal], barrier)
    assert hear_nothing(one, [other], barrier)
    with traffic(one, normal) as flow:
        it.plug(vifs[0], INSTANCE)
    assert flow.lost == []
    assert hear_nothing(other, [one, normal], barrier)


# --- what is mended, and what goes -------------------------------------------------------------------------------


def test_a_port_on_the_wrong_bridge(switch: OpenVSwitch, powered: ExitStack, barrier: Barrier) -> None:
    """Plugged again it is heard on the right one, and no more on the wrong one."""
    switch.bridge("br-old")
    it = plugin(switch)
    for vif in (native(1, bridge="br-old"), native(2, bridge="br-old"), native(3)):
        it.plug(vif, INSTANCE)
    one, old, new = running(powered, 1, 2, 3)
    assert reaches(one, old)
    assert hear_nothing(one, [new], barrier)
    it.plug(native(1), INSTANCE)
    assert reaches(one, new)
    assert reaches(new, one)
    assert hear_nothing_of_each_other([one, old], barrier)


def test_a_port_that_was_hybrid(switch: OpenVSwitch, barrier: Barrier) -> None:
    """It was rebound: unplugged as what it is now, its guest is heard no more, and nothing of what it was is left."""
    kind, it = KINDS["hybrid"], plugin(switch)
    it.plug(native(2), INSTANCE)
    before = host(switch)
    with ExitStack() as stack:
        it.plug(hybrid(1), INSTANCE)
        card = stack.enter_context(closing(kind.start(switch, 1)))
        (other,) = running(stack, 2)
        assert reaches(card, other)
        it.unplug(native(1, create_port=False, create_tap=False), INSTANCE)
        assert hear_nothing_of_each_other([card, other], barrier)
    assert host(switch) == before


@pytest.mark.parametrize("first", [False, True], ids=["turned on", "turned off"])
def test_a_bridge_per_port_is(first: bool, switch: OpenVSwitch, powered: ExitStack) -> None:
    """The option is another one when the service comes back: the port is moved, out of the VLAN it had there."""
    before = host(switch)
    was, it = (plugin(switch, per_port_bridge=on, isolate_vif=True) for on in (first, not first))
    wire_port_of = {True: KINDS["a bridge per port, isolated, wired by the agent"].connect}
    wire_port_of[False] = KINDS["isolated, wired by the agent"].connect
    for n in (1, 2):
        was.plug(native(n), INSTANCE)
        wire_port_of[first](switch, n)
    cards = running(powered, 1, 2)
    assert reaches(*cards)
    it.plug(native(1), INSTANCE)
    wire_port_of[not first](switch, 1)
    assert check(it, native(1)) == []
    assert reaches(*cards)
    assert reaches(*reversed(cards))
    for n in (1, 2):
        it.unplug(native(n), INSTANCE)
    assert host(switch) == before


@pytest.mark.parametrize("name", ["hybrid", "a bridge per port"])
def test_what_frames_pass_through(
    name: str, switch: OpenVSwitch, powered: ExitStack, barrier: Barrier
) -> None:
    """The Linux bridge of a hybrid VIF, the patch ports of one with its own bridge: cut, named, mended."""
    kind = KINDS[name]
    it = plugin(switch, **kind.options)
    cards = []
    for n in (1, 2):
        it.plug(kind.vif(n), INSTANCE)
        cards.append(powered.enter_context(closing(kind.start(switch, n))))
    assert reaches(*cards)
    if name == "hybrid":
        ip("link", "set", short("qvb", 1), "nomaster")
        damage = f"{short('qvb', 1)}: is in no bridge, should be in {short('qbr', 1)}"
    else:
        patch = "pbp" + identity(1)
        switch.vsctl("set", "Interface", patch, "options:peer=nobody")
        damage = f"{patch}: options:peer is nobody, should be ibp{identity(1)}"
    assert hear_nothing_of_each_other(cards, barrier)
    assert check(it, kind.vif(1)) == [damage]
    it.plug(kind.vif(1), INSTANCE)
    assert reaches(*cards)
    assert reaches(*reversed(cards))


@EACH
def test_an_unplugged_vif_is_heard_no_more(kind: Kind, switch: OpenVSwitch, barrier: Barrier) -> None:
    """Its guest may still be there; the ports of two others do not notice."""
    it = plugin(switch, **kind.options)
    cards = {}
    with ExitStack() as stack:
        for n in (1, 2, 3):
            it.plug(kind.vif(n), INSTANCE)
            cards[n] = kind.start(switch, n)
            stack.callback(kind.stop, switch, n, cards[n])
        assert reaches(cards[2], cards[1])
        with traffic(cards[1], cards[3]) as flow:
            it.unplug(kind.vif(2), INSTANCE)
        assert flow.lost == []
        assert hear_nothing_of_each_other([cards[2], cards[1]], barrier)
        assert hear_nothing(cards[3], [cards[2]], barrier)


@pytest.mark.parametrize(
    ("name", "prefix"),
    [pytest.param("port and tap", "tap", id="native"), pytest.param("hybrid", "qvo", id="hybrid")],
)
def test_shaped(name: str, prefix: str, switch: OpenVSwitch, powered: ExitStack) -> None:
    """A QoS row of htb shapes the port's device; frames pass it; device and row go with the VIF."""
    kind = KINDS[name]
    it = plugin(switch, default_qos_type="linux-htb")
    vifs = [(native if prefix == "tap" else hybrid)(n, datapath_type=None) for n in (1, 2)]
    cards = []
    for n, vif in enumerate(vifs, start=1):
        it.plug(vif, INSTANCE)
        cards.append(powered.enter_context(closing(kind.start(switch, n))))
        assert "qdisc htb" in tc(short(prefix, n))
    assert len(database(switch)["QoS"]) == 2
    with traffic(*cards) as flow:
        it.plug(vifs[0], INSTANCE)
    assert flow.lost == []
    for vif in vifs:
        it.unplug(vif, INSTANCE)
    assert database(switch)["QoS"] == {}
    assert not [name for name in links() if name.startswith(prefix)]


def tc(device: str) -> str:
    """The device's queueing disciplines."""
    command = ["tc", "qdisc", "show", "dev", device]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
