"""Nova's own form of a VIF (nova.network.model.VIF) -> the VIF that is plugged for it; pure, without Nova.

os_vif.openstack.nova calls it for the VIFs that Nova does not convert itself. What Nova says is a dictionary; it is
put into the words of Neutron, from whom Nova has it, and read by os_vif.openstack.neutron. Models come out of the
database as Novas of other releases wrote them: all but the id and the type may be missing, or None.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from os_vif.openstack import neutron
from os_vif.openstack.binding import NAME_LEN
from os_vif.openstack.reading import Section

if TYPE_CHECKING:
    from os_vif.objects.vif import VIFBase


def to_vif(model: Mapping[str, object]) -> VIFBase:
    """The VIF of a guest's port, as Nova has written it down.

    :param model: a nova.network.model.VIF, or its JSON; of its keys only id, type and what that type cannot do
        without are required
    :raises os_vif.exception.PortNotBound: its binding failed, or it has none
    :raises os_vif.exception.InvalidPort: naming the key that is missing or wrong, as Neutron calls it
    """
    port_id = Section.of(model, "").uuid("id")
    said = Section.of(model, "", port_id or "(without an id)")
    network = said.section("network")
    made = neutron.to_vif(
        _port(said, network),
        _without_none(
            id=network.text("id"),
            name=network.text("label"),
            mtu=network.section("meta").integer("mtu"),
            **{"provider:physical_network": network.section("meta").text("physical_network")},
        ),
        [_subnet(number, subnet) for number, subnet in enumerate(network.sections("subnets"))],
        preserve_on_delete=said.flag("preserve_on_delete"),
        device_name=device_name(model),
    )
    if said.text("type") == "bridge" and "os_vif" not in said.section("details"):
        _as_nova_network_has_it(made, network.section("meta"))
    return made


def device_name(model: Mapping[str, object]) -> str:
    """What the guest's tap is called."""
    said = Section.of(model, "")
    # Nova's own fallback; the name is the same for whoever plugged the VIF, this library or Nova
    return said.text("devname") or f"nic{said.text('id')}"[:NAME_LEN]


def _port(said: Section, network: Section) -> dict[str, object]:
    meta = network.section("meta")
    details = dict(said.section("details").values)
    # what Nova has beside the details, where the mechanism driver has not put it there
    more = {
        "qbg_params": dict(said.section("qbg_params").values) or None,
        "profileid": said.section("qbh_params").text("profileid"),
        "physical_network": meta.text("physical_network"),
        "physical_interface": meta.text("interface"),
        "bridge_name": network.text("bridge") if said.text("type") != "dvs" else None,
    }
    details = _without_none(**more) | {key: value for key, value in details.items() if value is not None}
    return _without_none(
        id=said.text("id"),
        network_id=network.text("id"),
        mac_address=said.text("address"),
        status="ACTIVE" if said.flag("active") else "DOWN",
        fixed_ips=[
            {"subnet_id": str(number), "ip_address": ip.text("address")}
            for number, subnet in enumerate(network.sections("subnets"))
            for ip in subnet.sections("ips")
        ],
        **{
            "binding:vif_type": said.text("type"),
            "binding:vif_details": details,
            "binding:vnic_type": said.text("vnic_type"),
            "binding:profile": dict(said.section("profile").values),
        },
    )


def _subnet(number: int, said: Section) -> dict[str, object]:
    """As Neutron shows it; Nova keeps no id, and its place in the list does as well."""
    return _without_none(
        id=str(number),
        cidr=said.text("cidr"),
        gateway_ip=said.section("gateway").text("address"),
        dns_nameservers=[address.text("address") for address in said.sections("dns")],
        host_routes=[
            _without_none(destination=route.text("cidr"), nexthop=route.section("gateway").text("address"))
            for route in said.sections("routes")
        ],
    )


def _as_nova_network_has_it(vif: VIFBase, meta: Section) -> None:
    """Linux bridges that Nova's own network service had its hosts make, with a NIC or a VLAN device in them."""
    network = vif.network
    assert network is not None  # one that was converted has one
    interface, vlan = meta.text("bridge_interface"), meta.integer("vlan", 0, 4094)
    if interface is not None:
        network.bridge_interface = interface
    network.should_provide_bridge = meta.flag("should_create_bridge", default=True)
    if meta.flag("should_create_vlan"):
        if vlan is None:
            raise meta.invalid("vlan", "is not set, and should_create_vlan needs it")
        network.should_provide_vlan, network.vlan = True, vlan


def _without_none(**values: object) -> dict[str, object]:
    return {key: value for key, value in values.items() if value is not None}
