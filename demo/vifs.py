"""The VIFs of the demonstration: the same two network cards, in the forms that different plugins take."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from demo.guests import Nic

if TYPE_CHECKING:
    from os_vif.objects.network import Network
    from os_vif.objects.vif import VIFBridge, VIFOpenVSwitch

    DemoVif = VIFBridge | VIFOpenVSwitch

LINUX_BRIDGE = "br-demo"
INTEGRATION_BRIDGE = "br-int"
MTU = 1450


@dataclass(frozen=True, slots=True)
class Card:
    """One guest's network card: the VIF's id, and the guest's side of it."""

    guest: str
    vif_id: str
    nic: Nic

    @property
    def ip(self) -> str:
        return self.nic.address.partition("/")[0]

    @property
    def hybrid_bridge(self) -> str:
        """The Linux bridge between tap and Open vSwitch, named as Nova names it."""
        return f"qbr{self.vif_id}"[:14]


CARDS = (
    Card(
        "one",
        "11111111-cafe-4000-8000-000000000001",
        Nic("tap1", "02:00:00:00:00:01", "10.0.0.1/24", MTU),
    ),
    Card(
        "two",
        "22222222-cafe-4000-8000-000000000002",
        Nic("tap2", "02:00:00:00:00:02", "10.0.0.2/24", MTU),
    ),
)


def on_linux_bridge(card: Card) -> VIFBridge:
    """On a Linux bridge that the plugin makes; the tap too."""
    objects = wire_format()
    vif: VIFBridge = objects.vif.VIFBridge(
        id=card.vif_id,
        plugin="linux_bridge",
        address=card.nic.mac,
        vif_name=card.nic.tap,
        bridge_name=LINUX_BRIDGE,
        network=network(LINUX_BRIDGE, should_provide_bridge=True),
        port_profile=objects.vif.VIFPortProfileLinuxBridge(create_tap=True),
    )
    return vif


def on_open_vswitch(card: Card) -> VIFOpenVSwitch:
    """A port of Open vSwitch; the plugin makes it, and its tap."""
    objects = wire_format()
    vif: VIFOpenVSwitch = objects.vif.VIFOpenVSwitch(
        id=card.vif_id,
        plugin="ovs",
        address=card.nic.mac,
        vif_name=card.nic.tap,
        bridge_name=INTEGRATION_BRIDGE,
        network=network(INTEGRATION_BRIDGE),
        port_profile=objects.vif.VIFPortProfileOpenVSwitch(
            interface_id=card.vif_id, create_port=True, create_tap=True
        ),
    )
    return vif


def hybrid(card: Card) -> VIFBridge:
    """On a Linux bridge of its own (for filter rules), from which a veth pair leads to Open vSwitch.

    The hypervisor makes the tap.
    """
    objects = wire_format()
    vif: VIFBridge = objects.vif.VIFBridge(
        id=card.vif_id,
        plugin="ovs",
        address=card.nic.mac,
        vif_name=card.nic.tap,
        bridge_name=card.hybrid_bridge,
        network=network(INTEGRATION_BRIDGE),
        port_profile=objects.vif.VIFPortProfileOpenVSwitch(interface_id=card.vif_id),
    )
    return vif


def network(bridge: str, *, should_provide_bridge: bool = False) -> Network:
    found: Network = wire_format().network.Network(
        id="99999999-cafe-4000-8000-000000000009",
        bridge=bridge,
        label="demo",
        mtu=MTU,
        should_provide_bridge=should_provide_bridge,
    )
    return found


def wire_format() -> ModuleType:
    """os_vif.objects, with all its classes."""
    with warnings.catch_warnings():
        # oslo.versionedobjects imports eventlet, which warns of itself.
        warnings.filterwarnings("ignore", r"\s*Eventlet is deprecated")
        from os_vif import objects
    objects.register_all()
    return objects


def library(configuration: Path) -> ModuleType:
    """os_vif, as a compute service with this configuration file has it."""
    wire_format()
    from oslo_config import cfg

    import os_vif

    cfg.CONF(["--config-file", str(configuration)], project="os-vif-demo")
    os_vif.initialize()
    return os_vif


def file_of(vifs: Sequence[DemoVif]) -> str:
    """A file of VIFs in the wire format, for the os-vif command."""
    to_json = wire_format().to_json
    return "[" + ",\n".join(to_json(vif) for vif in vifs) + "]\n"


def shortened(vif: DemoVif) -> str:
    """A VIF in the wire format as a person would set it, less versions and what is false."""
    return layout(_without_envelope(json.loads(wire_format().to_json(vif))))


def described(vif: DemoVif) -> str:
    """What tells the forms of a VIF apart, in one line."""
    profile = vif.port_profile
    assert profile is not None
    assert vif.network is not None
    made = [name for name in profile.fields if name in profile and getattr(profile, name) is True]
    bridges = f"bridge_name {vif.bridge_name}, network.bridge {vif.network.bridge}"
    return f"{vif.vif_name}: " + ", ".join([vif.obj_name(), f"plugin {vif.plugin}", bridges, *made])


def _without_envelope(value: object) -> object:
    if not isinstance(value, dict):
        return value
    left_out = ("versioned_object.namespace", "versioned_object.version", "subnets")
    kept = {key: item for key, item in value.items() if key not in left_out and item is not False}
    return {key: _without_envelope(item) for key, item in kept.items()}


def layout(value: object, width: int = 80, depth: int = 0) -> str:
    """JSON as a person would set it: what fits on a line stays on it."""
    line = json.dumps(value, sort_keys=True)
    if len(line) + depth * 2 <= width or not isinstance(value, dict):
        return line
    indent = "  " * (depth + 1)
    items = [
        f"{indent}{json.dumps(key)}: {layout(item, width, depth + 1)}" for key, item in sorted(value.items())
    ]
    return "{\n" + ",\n".join(items) + "\n" + "  " * depth + "}"
