"""VIFs for tests, told apart by a number."""

from __future__ import annotations

from os_vif import objects

objects.register_all()

INSTANCE = objects.instance_info.InstanceInfo(uuid="00000000-0000-4000-8000-0000000000ff", name="guest")


def vif_id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012x}"


def mark(number: int) -> str:
    """The ifalias of what VIF `number` owns."""
    return "os-vif:" + vif_id(number)


def bridge_vif(
    number: int = 1,
    *,
    bridge: str = "br0",
    name: str | None = None,
    tap: bool = True,
    multiqueue: bool = False,
    filtered: bool = True,
    provide: bool = True,
    nic: str | None = None,
    mtu: int | None = None,
    vlan: int | None = None,
    multi_host: bool = False,
) -> objects.vif.VIFBridge:
    """VIF `number` on a Linux bridge: with its tap, and on a bridge that os-vif provides, unless told otherwise.

    filtered: something else filters its traffic (has_traffic_filtering), so that no rules are placed.
    """
    network = objects.network.Network(
        id="00000000-0000-4000-8000-0000000000ee",
        bridge=bridge,
        should_provide_bridge=provide,
        should_provide_vlan=vlan is not None,
        multi_host=multi_host,
        bridge_interface=nic,
        mtu=mtu,
        vlan=vlan,
    )
    return objects.vif.VIFBridge(
        id=vif_id(number),
        address=f"02:00:00:00:00:{number:02x}",
        network=network,
        plugin="linux_bridge",
        vif_name=name or f"tap{number}",
        bridge_name=bridge,
        has_traffic_filtering=filtered,
        port_profile=objects.vif.VIFPortProfileLinuxBridge(create_tap=tap, multiqueue=multiqueue),
    )


def tap_vif(
    number: int = 1,
    *,
    name: str | None = None,
    mtu: int | None = None,
    profile: objects.vif.VIFPortProfileBase | None = None,
) -> objects.vif.VIFGeneric:
    """VIF `number`, a tap on its own."""
    vif = objects.vif.VIFGeneric(
        id=vif_id(number),
        address=f"02:00:00:00:00:{number:02x}",
        network=objects.network.Network(id="00000000-0000-4000-8000-0000000000ee", mtu=mtu),
        plugin="tap",
        vif_name=name or f"tap{number}",
    )
    if profile is not None:
        vif.port_profile = profile
    return vif
