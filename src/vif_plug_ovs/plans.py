"""The plan of each kind of VIF that the ovs plugin plugs; OvsPlugin.plan chooses among them.

Each is a function of a Request; for functions of a NIC (SR-IOV) also of what sysfs shows. What a plug cannot do
without, and an unplug can, is the plan's obstacle: a VIF is taken away also when its device has died.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from os_vif import objects
from os_vif.host.plan import (
    OWNED,
    Bridge,
    BridgePort,
    Link,
    OvsBridge,
    OvsPort,
    Plan,
    Rename,
    Resource,
    Tap,
    Veth,
    link_name_fault,
)
from os_vif.host.sysfs import Sysfs
from vif_plug_ovs import constants, names
from vif_plug_ovs.exception import (
    MissingField,
    PciDeviceNotFoundById,
    RepresentorNotFound,
    TapCreationNotSupported,
)
from vif_plug_ovs.request import Request, get, link_name


def open_vswitch(request: Request, *, per_port_bridge: bool) -> Plan:
    """VIFOpenVSwitch: a port that the hypervisor makes, or that is made here, with or without its tap."""
    profile = request.profile
    if per_port_bridge:
        return _own_bridge(request)
    # a tap that is made here, the hypervisor is told not to manage: nobody else would make its port
    if get(profile, "create_port") or get(profile, "create_tap"):
        return _port(request)
    return _bridge_alone(request)


def _bridge_alone(request: Request) -> Plan:
    """libvirt makes the tap and the port when the guest starts, and takes them away."""
    leftovers: list[Resource] = []
    if get(request.vif, "vif_name") is not None:
        name = request.link("vif_name")
        leftovers = [Tap(name=name), _any_port(request, name)]
    leftovers += [*_hybrid_leftovers(request), *_own_bridge_leftovers(request)]
    return Plan(request.owner, (request.ovs_bridge(),), tuple(leftovers))


def _port(request: Request) -> Plan:
    name = request.link("vif_name")
    resources = (
        *_device(request, name),
        request.ovs_bridge(),
        request.ovs_port(name, must_be_ready=_makes_tap(request)),
    )
    leftovers = (
        *_device_leftovers(request, name),
        *_hybrid_leftovers(request),
        *_own_bridge_leftovers(request),
    )
    return Plan(request.owner, resources, leftovers, obstacle=request.missing)


def _own_bridge(request: Request) -> Plan:
    """The VIF's port is in a bridge of its own; by a pair of patch ports that hangs on the integration bridge.

    The controller knows the VIF by the patch port there, so that one carries the ids, and waits in the dead VLAN:
    nobody would ever take the port in the VIF's own bridge out of it.
    """
    name = request.link("vif_name")
    bridge, (here, there) = names.generated("pb", request.vif_id), names.patch_ports(request.vif_id)
    port = replace(
        request.ovs_port(name, must_be_ready=_makes_tap(request)),
        bridge=bridge,
        external_ids=(),
        tag=None,
        vlan_mode=None,
        trunks=(),
        own_vlans=True,
    )
    resources = (
        *_device(request, name),
        request.ovs_bridge(),
        OvsBridge(
            name=bridge,
            database=request.database,
            ownership=OWNED,
            datapath_type=request.datapath_type,
        ),
        port,
        request.ovs_port(here, interface_type="patch", options=(("peer", there),), iface_id=request.vif_id),
        OvsPort(
            name=there,
            bridge=bridge,
            database=request.database,
            interface_type="patch",
            options=(("peer", here),),
            own_vlans=True,
        ),
    )
    leftovers = (*_device_leftovers(request, name), *_hybrid_leftovers(request))
    return Plan(request.owner, resources, leftovers, obstacle=request.missing)


def hybrid(request: Request) -> Plan:
    """VIFBridge: a Linux bridge for the guest's tap and the filter rules on it, and a veth pair from there."""
    inner, outer = names.veth_pair(request.vif_id)
    bridge = request.link("bridge_name", taken=(inner, outer))
    resources = (
        # ageing time 0: it forwards between two ports, and must not learn a guest's address on the wrong one while
        # the guest moves here from another host
        Bridge(name=bridge, ageing_time=0, disable_ipv6=True, arp_ignore=1, arp_announce=2),
        Veth(name=inner, peer=outer, mtu=request.mtu, promisc=True),
        BridgePort(port=inner, bridge=bridge),
        request.ovs_bridge(),
        request.ovs_port(outer),
    )
    obstacle = _no_tap(request) or request.missing
    leftovers = (*_tap_leftovers(request, (bridge, inner, outer)), *_own_bridge_leftovers(request))
    return Plan(request.owner, resources, leftovers, obstacle=obstacle)


def vhost_user(request: Request) -> Plan:
    """VIFVHostUser: a port of OVS' own datapath (DPDK), whose socket QEMU opens (mode client) or makes (server)."""
    name = names.generated(constants.OVS_VHOSTUSER_PREFIX, request.vif_id)
    interface_type = constants.OVS_VHOSTUSER_INTERFACE_TYPE
    obstacle = _no_tap(request) or request.missing
    options: tuple[tuple[str, str], ...] = ()
    if get(request.vif, "mode") != objects.fields.VIFVHostUserMode.CLIENT:
        interface_type = constants.OVS_VHOSTUSER_CLIENT_INTERFACE_TYPE
        path = get(request.vif, "path")
        if path:
            options = (("vhost-server-path", str(path)),)
        else:
            obstacle = obstacle or MissingField(vif_id=request.vif_id, field="path")
    resources = (
        request.ovs_bridge(default=constants.OVS_DATAPATH_NETDEV),
        request.ovs_port(name, interface_type=interface_type, options=options, mtu_request=request.mtu),
    )
    return Plan(request.owner, resources, obstacle=obstacle)


def host_device(request: Request, sysfs: Sysfs) -> Plan:
    """VIFHostDevice, VIFVDPA: a virtual function of a NIC, which its representor connects to the bridge."""
    if request.is_system_datapath:
        return _representor(request, sysfs)
    return _dpdk_representor(request, sysfs)


def _representor(request: Request, sysfs: Sysfs) -> Plan:
    """The representor is a netdev of the kernel: found by the function's address, called as the VIF says."""
    found = _find_representor(request, sysfs)
    wanted = _representor_name(request)
    if not isinstance(found, str):
        if wanted is None:
            raise found  # neither the device nor its name is known: there is nothing to say about this host
        return Plan(request.owner, (request.ovs_bridge(), request.ovs_port(wanted)), obstacle=found)
    obstacle = _no_tap(request) or request.missing
    # One that is in a bridge already is not renamed: an os-vif that did not do that has plugged it, and a guest
    # may be using it.
    if wanted is not None and (found == wanted or sysfs.master(found) is None):
        renamed: tuple[Resource, ...] = (Rename(name=wanted, found=found),)
        name, other = wanted, None
    else:
        renamed, name, other = (), found, wanted
    resources = (
        *renamed,
        Link(name=name, mtu=request.mtu, up=True, ownership=OWNED),
        request.ovs_bridge(),
        request.ovs_port(name),
    )
    leftovers = () if other is None else (_any_port(request, other),)
    return Plan(request.owner, resources, leftovers, obstacle=obstacle)


def _dpdk_representor(request: Request, sysfs: Sysfs) -> Plan:
    """The representor is a port of the NIC's DPDK driver in OVS: no netdev, known by physical function and number."""
    address = _address(request)
    physical, number = sysfs.physical_function(address), sysfs.vf_number(address)
    obstacle: Exception | None = _no_tap(request) or request.missing
    options: tuple[tuple[str, str], ...] = ()
    if physical is None or number is None:
        obstacle = PciDeviceNotFoundById(id=address)
    else:
        options = (("dpdk-devargs", f"{physical},representor=[{number}]"),)
    port = request.ovs_port(
        names.generated("vfr", request.vif_id),
        interface_type=constants.OVS_DPDK_INTERFACE_TYPE,
        options=options,
        mtu_request=request.mtu,  # a DPDK port has no netdev whose MTU could be set
    )
    resources = (request.ovs_bridge(default=constants.OVS_DATAPATH_NETDEV), port)
    return Plan(request.owner, resources, obstacle=obstacle)


# --- the device of a port ------------------------------------------------------------------------------------


def _device(request: Request, name: str) -> tuple[Resource, ...]:
    """The tap, or the MTU of a device that others make, before the port or after it."""
    if not _makes_tap(request):
        return (Link(name=name, mtu=request.mtu, optional=True),)
    return (
        Tap(
            name=name,
            mtu=request.mtu,
            address=get(request.vif, "address"),
            multiqueue=bool(get(request.profile, "multiqueue")),
        ),
    )


def _makes_tap(request: Request) -> bool:
    return bool(get(request.profile, "create_tap"))


def _no_tap(request: Request) -> TapCreationNotSupported | None:
    """The obstacle, if a tap is asked for where the guest has none, or the hypervisor makes it."""
    if not _makes_tap(request):
        return None
    return TapCreationNotSupported(
        vif_type=type(request.vif).__name__, vif_id=get(request.vif, "id"), field="port_profile.create_tap"
    )


def _address(request: Request) -> str:
    address = get(request.vif, "dev_address")
    if not address:
        raise MissingField(vif_id=get(request.vif, "id"), field="dev_address")
    return str(address)


def _find_representor(request: Request, sysfs: Sysfs) -> str | PciDeviceNotFoundById | RepresentorNotFound:
    """The name of the function's representor, or why there is none."""
    address = _address(request)
    physical, number = sysfs.physical_function(address), sysfs.vf_number(address)
    uplink = sysfs.uplink(physical) if physical is not None else None
    if number is None or uplink is None:
        return PciDeviceNotFoundById(id=address)
    return sysfs.representor(uplink, number) or RepresentorNotFound(ifname=uplink, vf_num=number)


def _representor_name(request: Request) -> str | None:
    """What the VIF wants the representor to be called; said by the offload, or by the profile in older peers."""
    offload = get(request.profile, "datapath_offload")
    sources = [("port_profile.datapath_offload", offload), ("port_profile", request.profile)]
    for field, source in sources:
        name = getattr(source, "representor_name", None) if source and _has_name(source) else None
        if name:
            return link_name(request.vif, f"{field}.representor_name", name)
    return None


def _has_name(source: objects.base.VersionedObject) -> bool:
    return "representor_name" in source.fields and "representor_name" in source


# --- what is left of the VIF if it was plugged another way ---------------------------------------------------


def _any_port(request: Request, name: str) -> OvsPort:
    return OvsPort(name=name, bridge=request.bridge, database=request.database)


def _device_leftovers(request: Request, name: str) -> tuple[Resource, ...]:
    """The tap of a guest that is gone, or one that was made here while create_tap was still set."""
    return () if _makes_tap(request) else (Tap(name=name),)


def _tap_leftovers(request: Request, taken: Collection[str]) -> tuple[Resource, ...]:
    """A port that was rebound: its tap was a port of Open vSwitch itself. `taken` by the VIF's other links."""
    name = get(request.vif, "vif_name")
    if link_name_fault(name) or name in (request.bridge, *taken):
        return ()
    return (Tap(name=name), _any_port(request, name))


def _hybrid_leftovers(request: Request) -> tuple[Resource, ...]:
    """A port that was rebound: it was hybrid."""
    if not request.has_id:
        return ()
    inner, outer = names.veth_pair(request.vif_id)
    bridge = Bridge(name=names.generated("qbr", request.vif_id))
    return (bridge, Veth(name=inner, peer=outer), _any_port(request, outer))


def _own_bridge_leftovers(request: Request) -> tuple[Resource, ...]:
    """The option per_port_bridge was on when the VIF was plugged."""
    if not request.has_id:
        return ()
    bridge, (here, there) = names.generated("pb", request.vif_id), names.patch_ports(request.vif_id)
    return (
        OvsBridge(name=bridge, database=request.database, ownership=OWNED),
        _any_port(request, here),
        replace(_any_port(request, there), bridge=bridge),
    )
