"""The plan of each kind of VIF that a plug script connects; ScriptPlugin.plan chooses among them.

The links are made here, so that a script has nothing to do but to tell the network's backend of them.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from os_vif import exception, objects
from os_vif.host.plan import Bridge, BridgePort, Plan, Resource, Script, Tap, Veth, link_name_fault
from vif_plug_script import environment
from vif_plug_script.environment import get

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")
_NAME_LEN = 14
"""As long as Nova's names of devices; Nova calls the bridge of a hybrid VIF by the same rule."""


@dataclass(frozen=True, slots=True)
class Request:
    """A VIF with what its plan is made of; mtu: bytes, None to leave it alone."""

    vif: objects.vif.VIFBase
    instance_info: objects.instance_info.InstanceInfo | None
    script: str
    mtu: int | None

    def run(self, device: str) -> Script:
        """The script, which connects `device`."""
        variables = environment.variables(self.vif, self.instance_info, name=device, mtu=self.mtu)
        try:
            return Script(
                script=self.script,
                device=device,
                payload=environment.payload(self.vif, self.instance_info),
                environment=variables,
            )
        except ValueError as error:
            raise invalid(self.vif, "port_profile", str(error)) from error

    def link(self, field: str, taken: Collection[str] = ()) -> str:
        """The value of a field of the VIF that is a link's name, and none of those `taken` by its other links."""
        name = get(self.vif, field)
        fault = "is not set" if name is None else link_name_fault(name)
        if not fault and name in taken:
            fault = f"{name!r} is the name of another link that this VIF needs"
        if fault:
            raise invalid(self.vif, field, fault)
        return str(name)

    @property
    def vif_id(self) -> str:
        vif_id = get(self.vif, "id")
        if not vif_id:
            raise invalid(self.vif, "id", "is not set")
        # scripts make names of files of it
        if not _UUID.match(vif_id):
            raise invalid(self.vif, "id", f"{vif_id!r} is not a UUID")
        return str(vif_id)


def generic(request: Request) -> Plan:
    """VIFGeneric: a tap. Its own address is the guest's with fe as its first byte, as libvirt does it: a switch must
    not take the two for one.
    """
    name = request.link("vif_name")
    address = get(request.vif, "address")
    tap = Tap(
        name=name,
        mtu=request.mtu,
        address=None if address is None else "fe" + str(address)[2:],
        multiqueue=bool(get(get(request.vif, "port_profile"), "multiqueue")),
    )
    return Plan(request.vif_id, (tap, request.run(name)))


def hybrid(request: Request) -> Plan:
    """VIFBridge: a Linux bridge for the guest's tap and the filter rules on it, and a veth pair from there, whose
    other end the script connects.
    """
    inner, outer = (f"{prefix}{request.vif_id}"[:_NAME_LEN] for prefix in ("qvb", "qvo"))
    bridge = request.link("bridge_name", taken=(inner, outer))
    resources: tuple[Resource, ...] = (
        # ageing time 0: it forwards between two ports, and must not learn a guest's address on the wrong one while
        # the guest moves here from another host
        Bridge(name=bridge, ageing_time=0, disable_ipv6=True, arp_ignore=1, arp_announce=2),
        Veth(name=inner, peer=outer, mtu=request.mtu, promisc=True),
        BridgePort(port=inner, bridge=bridge),
        request.run(outer),
    )
    return Plan(request.vif_id, resources)


def host_device(request: Request) -> Plan:
    """VIFHostDevice: a PCI device that the guest gets; what there is to do about it, only the script knows."""
    address = get(request.vif, "dev_address")
    if not address:
        raise invalid(request.vif, "dev_address", "is not set")
    return Plan(request.vif_id, (request.run(str(address)),))


def vhost_user(request: Request) -> Plan:
    """VIFVHostUser: a socket between the guest and a switch; the script tells the switch of it."""
    path = get(request.vif, "path")
    if not path:
        raise invalid(request.vif, "path", "is not set")
    device = get(request.vif, "vif_name") or path
    return Plan(request.vif_id, (request.run(str(device)),))


def invalid(vif: objects.vif.VIFBase, field: str, reason: str) -> exception.InvalidVIF:
    return exception.InvalidVIF(vif_id=get(vif, "id"), field=field, reason=reason)
