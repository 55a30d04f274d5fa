"""VIFs as network services send them, by what they are called there, each with what a guest wants of its card.

The golden files beside this are named after them: NAME.xml for libvirt, NAME.args for QEMU, NAME.vmx for VMware. A
VIF without one of them is one that such a guest cannot have.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from os_vif import objects
from os_vif.objects.vif import VIFBase
from os_vif.virt import Card, FilterRef, Rate

objects.register_all()
vif = objects.vif

GOLDEN = Path(__file__).parent / "golden"
VIF_ID = "1a2b3c4d-cafe-4000-8000-00000000000a"
PORT_ID = "5e6f7a8b-cafe-4000-8000-00000000000b"
SWITCH_ID = "500c5dce-1b1a-2f0b-5f48-a1b2c3d4e5f6"
MAC = "fa:16:3e:00:00:0a"
TAP = "tap1a2b3c4d-ca"


class Sample(NamedTuple):
    vif: VIFBase
    card: Card = Card()


def network(bridge: str = "br-int", mtu: int | None = 1450) -> objects.network.Network:
    return objects.network.Network(id="9e9e9e9e-cafe-4000-8000-00000000000c", bridge=bridge, mtu=mtu)


def made(kind: type[VIFBase], **fields: Any) -> VIFBase:
    """A VIF of that class with an id, an address and a network, unless told otherwise."""
    common: dict[str, Any] = {"id": VIF_ID, "plugin": "noop", "address": MAC, "network": network()}
    return kind(**common | fields)


def ovs(**fields: Any) -> VIFBase:
    """A VIFOpenVSwitch; fields: of its port profile."""
    profile = vif.VIFPortProfileOpenVSwitch(interface_id=PORT_ID, **fields)
    return made(vif.VIFOpenVSwitch, vif_name=TAP, bridge_name="br-int", port_profile=profile)


def hostdev(kind: str = "ethernet", **fields: Any) -> VIFBase:
    return made(vif.VIFHostDevice, dev_type=kind, dev_address="0000:3b:0a.3", **fields)


def macvtap(mode: str = "passthrough", **fields: Any) -> VIFBase:
    return made(vif.VIFDirect, vif_name="enp59s0f1v3", mode=mode, **fields)


def _representor() -> VIFBase:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        return hostdev(
            port_profile=vif.VIFPortProfileOVSRepresentor(
                interface_id=PORT_ID, representor_name=TAP, representor_address="0000:3b:0a.3"
            )
        )


_QBG = vif.VIFPortProfile8021Qbg(manager_id=11, type_id=1193047, type_id_version=2, instance_id=PORT_ID)
_QBH = vif.VIFPortProfile8021Qbh(profile_id="finance")
_VEB = vif.VIFPortProfileHWVEB(vlan=42, trusted=True)
_MANY = Card(queues=4, rx_queue_size=1024, tx_queue_size=256, driver="vhost")
_LIMITS = {"inbound": Rate(average=1000, peak=5000, burst=1024), "outbound": Rate(average=128)}
_ALL = Card(
    model="virtio-non-transitional",
    packed=True,
    mtu=9000,
    boot_order=1,
    filterref=FilterRef(
        "no-spoofing", [("IP", "192.0.2.7"), ("IP", "192.0.2.8"), ("DHCPSERVER", "192.0.2.2")]
    ),
    alias="ua-frontend",
    driver="qemu",
    **_LIMITS,  # type: ignore[arg-type]  # a dictionary of two
)

SAMPLES: Mapping[str, Sample] = {
    "tap": Sample(made(vif.VIFGeneric, vif_name=TAP, port_profile=vif.VIFPortProfileTap())),
    "tap-multiqueue": Sample(
        made(vif.VIFGeneric, vif_name=TAP, port_profile=vif.VIFPortProfileTap(multiqueue=True)), _MANY
    ),
    "script": Sample(
        made(vif.VIFGeneric, vif_name=TAP, port_profile=vif.VIFPortProfileScript(script="midonet"))
    ),
    "vrouter-or-ivs": Sample(made(vif.VIFGeneric, vif_name=TAP), Card(**_LIMITS)),  # type: ignore[arg-type]
    "bridge": Sample(made(vif.VIFBridge, vif_name=TAP, bridge_name="br-lan", network=network(mtu=None))),
    "bridge-everything": Sample(made(vif.VIFBridge, vif_name=TAP, bridge_name="br-lan"), _ALL),
    "bridge-create-tap": Sample(
        made(
            vif.VIFBridge,
            vif_name=TAP,
            bridge_name="br-lan",
            port_profile=vif.VIFPortProfileLinuxBridge(create_tap=True),
        ),
        Card(model="e1000e", boot_order=2),
    ),
    "ovs-hybrid": Sample(
        made(
            vif.VIFBridge,
            vif_name=TAP,
            bridge_name="qbr1a2b3c4d-ca",
            port_profile=vif.VIFPortProfileOpenVSwitch(interface_id=PORT_ID),
        )
    ),
    "ovs-virtualport": Sample(ovs(), Card(vlan=7, queues=2, driver="vhost", **_LIMITS)),  # type: ignore[arg-type]
    "ovs-create-port": Sample(ovs(create_port=True)),
    "ovs-create-tap": Sample(ovs(create_port=True, create_tap=True, multiqueue=True), _MANY),
    "ovs-offloaded": Sample(_representor()),
    "macvtap": Sample(macvtap("bridge"), Card(**_LIMITS)),  # type: ignore[arg-type]
    "802.1qbg": Sample(macvtap("vepa", port_profile=_QBG)),
    "802.1qbh-macvtap": Sample(macvtap(port_profile=_QBH)),
    "802.1qbh-direct": Sample(hostdev(port_profile=_QBH)),
    "hw_veb-macvtap": Sample(macvtap(port_profile=_VEB), Card(driver="qemu")),
    "hw_veb-direct": Sample(hostdev(port_profile=_VEB), Card(boot_order=1)),
    "hostdev_physical": Sample(hostdev("generic", address=None), Card(boot_order=3, alias="ua-nic")),
    "ib_hostdev": Sample(hostdev("generic", port_profile=vif.VIFPortProfileScript(script="ib"))),
    "remote-managed": Sample(hostdev()),
    "vhostuser-server": Sample(
        made(
            vif.VIFVHostUser, mode="server", path="/run/openvswitch/vhu1a2b3c4d-ca", vif_name="vhu1a2b3c4d-ca"
        ),
        Card(queues=2, rx_queue_size=512, tx_queue_size=1024),
    ),
    "vhostuser-client": Sample(made(vif.VIFVHostUser, mode="client", path="/run/vpp/a,b.sock")),
    "vdpa": Sample(
        made(vif.VIFVDPA, dev_address="0000:3b:0a.3", path="/dev/vhost-vdpa-0"),
        Card(rx_queue_size=1024, packed=True),
    ),
    "dvs": Sample(
        made(
            vif.VIFDVS,
            switch_id=SWITCH_ID,
            port_group_id="dvportgroup-28",
            port_id=132,
            connection_id=1743251690,
            address="00:50:56:21:0a:0b",
        )
    ),
    "dvs-chosen-by-vcenter": Sample(
        made(
            vif.VIFDVS, switch_id=SWITCH_ID, port_group_id="dvportgroup-28", port_id=None, connection_id=None
        ),
        Card(model="e1000"),
    ),
}
