"""The kinds of VIF of the ovs plugin, each with what others do to it: the hypervisor, and the network's agent.

A Kind makes VIF number 1, 2, .. of its sort, and starts and stops a guest on it. Guests of all those here reach each
other on a switch in user space.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.guests import Card
from tests.netns import ip
from tests.ovs import OpenVSwitch
from tests.ovsvifs import BRIDGE, MTU, hybrid, identity, mac, native, port_id, short

Options = Mapping[str, Any]
TAG = 7  # the local VLAN in which the network's agent puts its network
TRUNK = "tbr-00000001-0"


@dataclass(frozen=True)
class Kind:
    """One way to be on Open vSwitch.

    vif: the VIF of this number; options: of the ovs plugin; connect: what hypervisor and agent do when the guest
    starts, given the switch and the number; disconnect: when it has stopped.
    """

    vif: Callable[[int], Any]
    options: Options = field(default_factory=dict)
    connect: Callable[[OpenVSwitch, int], None] = lambda _switch, _number: None
    disconnect: Callable[[OpenVSwitch, int], None] = lambda _switch, _number: None

    def start(self, switch: OpenVSwitch, number: int) -> Card:
        """A guest is on it, and the network's agent has wired it."""
        profile = self.vif(number).port_profile
        multiqueue = "multiqueue" in profile and profile.multiqueue
        card = Card(short("tap", number), mac(number), multiqueue=multiqueue)
        self.connect(switch, number)
        return card

    def stop(self, switch: OpenVSwitch, number: int, card: Card) -> None:
        """The guest is gone, with what the hypervisor made for it."""
        card.close()
        self.disconnect(switch, number)


def wired(prefix: str, length: int = 14) -> Callable[[OpenVSwitch, int], None]:
    """What Neutron's agent does with the port of this name: out of the dead VLAN, into that of the network."""

    def wire(switch: OpenVSwitch, number: int) -> None:
        wire_port(switch, (prefix + identity(number))[:length])

    return wire


def wire_port(switch: OpenVSwitch, name: str, tag: int = TAG) -> None:
    """A port is in this VLAN, and no other."""
    switch.vsctl("set", "Port", name, f"tag={tag}", "--", "clear", "Port", name, "vlan_mode", "trunks")


def _tap(_switch: OpenVSwitch, number: int) -> None:
    """The hypervisor has just made the tap, and sets it up as libvirt does: MTU and MAC of the network's port."""
    ip("link", "set", short("tap", number), "mtu", MTU, "address", "fe" + mac(number)[2:], "up")


def _tap_for_port(switch: OpenVSwitch, number: int) -> None:
    """ovs-vswitchd opens the tap of the port that is there already.

    It does when the kernel tells it of a tap; that can get lost, and then only a change of its configuration has it
    look again, as anything does that the network's agent sets.
    """
    _tap(switch, number)
    name = short("tap", number)
    switch.vsctl("set", "Interface", name, "external_ids:wired=yes")
    switch.vsctl("--timeout=5", "wait-until", "Interface", name, "ofport>0")


def _tap_and_port(switch: OpenVSwitch, number: int) -> None:
    _tap(switch, number)
    name = short("tap", number)
    ids = {"iface-id": port_id(number), "iface-status": "active", "attached-mac": mac(number)}
    columns = [f'external_ids:{key}="{value}"' for key, value in ids.items()]
    switch.vsctl("add-port", BRIDGE, name, "--", "set", "Interface", name, *columns)


def _port_gone(switch: OpenVSwitch, number: int) -> None:
    switch.vsctl("--if-exists", "del-port", BRIDGE, short("tap", number))


def _tap_in_linux_bridge(switch: OpenVSwitch, number: int) -> None:
    _tap(switch, number)
    ip("link", "set", short("tap", number), "master", short("qbr", number))


def _tap_in_linux_bridge_and_wired(switch: OpenVSwitch, number: int) -> None:
    _tap_in_linux_bridge(switch, number)
    wired("qvo")(switch, number)


def _trunk(switch: OpenVSwitch, number: int) -> None:
    """Neutron's agent wires guest 1's trunk, by patch ports to the integration bridge, and guest 2's port."""
    if number != 1:
        wired("tap")(switch, number)
        return
    here, there = "tpi-1", "tpt-1"
    switch.vsctl(
        *("add-port", BRIDGE, here, f"tag={TAG}", "--"),
        *("set", "Interface", here, "type=patch", f"options:peer={there}", "--"),
        *("add-port", TRUNK, there, "--", "set", "Interface", there, "type=patch", f"options:peer={here}"),
    )


def _trunk_gone(switch: OpenVSwitch, number: int) -> None:
    if number == 1:
        switch.vsctl("del-port", BRIDGE, "tpi-1")


def _on_trunk(number: int) -> Any:
    return native(number, bridge=TRUNK if number == 1 else BRIDGE)


KINDS: dict[str, Kind] = {
    "port and tap": Kind(native),
    "port and tap, multiqueue": Kind(lambda n: native(n, multiqueue=True)),
    "port": Kind(lambda n: native(n, create_tap=False), connect=_tap_for_port),
    "hypervisor's port": Kind(
        lambda n: native(n, create_tap=False, create_port=False),
        connect=_tap_and_port,
        disconnect=_port_gone,
    ),
    "hybrid": Kind(hybrid, connect=_tap_in_linux_bridge),
    "a bridge per port": Kind(native, options={"per_port_bridge": True}),
    "isolated, wired by the agent": Kind(native, options={"isolate_vif": True}, connect=wired("tap")),
    "hybrid, isolated, wired by the agent": Kind(
        hybrid, options={"isolate_vif": True}, connect=_tap_in_linux_bridge_and_wired
    ),
    "a bridge per port, isolated, wired by the agent": Kind(
        native, options={"isolate_vif": True, "per_port_bridge": True}, connect=wired("ibp", 64)
    ),
    "trunk": Kind(_on_trunk, options={"isolate_vif": True}, connect=_trunk, disconnect=_trunk_gone),
}
PLAIN = [KINDS[name] for name in ("port and tap", "port", "hypervisor's port", "hybrid")]
"""Those that can be on one host: the options are all as by default."""
