"""A Neutron port -> the VIF that is plugged for it, for compute services, agents and Neutron's own drivers.

    vif = neutron.to_vif(client.show_port(id)["port"], client.show_network(net)["network"], subnets)

The port is read as Neutron's REST API shows it to an administrator: the binding:* attributes are not shown to others.
What a mechanism driver puts into binding:vif_details is in docs/openstack.md, by vif_type.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from os_vif import objects
from os_vif.openstack import binding, types
from os_vif.openstack.reading import Section

if TYPE_CHECKING:
    from os_vif.objects.vif import VIFBase


def to_vif(
    port: Mapping[str, object],
    network: Mapping[str, object] | None = None,
    subnets: Iterable[Mapping[str, object]] | None = None,
    *,
    ovs_bridge: str = binding.OVS_BRIDGE,
    preserve_on_delete: bool = False,
    device_name: str | None = None,
) -> VIFBase:
    """The VIF of a port that is bound to a host.

    :param port: the port; of its keys only id, binding:vif_type and what that type cannot do without are required
    :param network: its network: id, name, mtu (bytes), provider:physical_network
    :param subnets: those of its addresses: id, cidr, gateway_ip, dns_nameservers, host_routes; more are ignored
    :param ovs_bridge: the integration bridge, where the port does not say one
    :param preserve_on_delete: the port outlives the guest: it was there before it
    :param device_name: the guest's tap, where it is not called "tap" and the port's id
    :raises os_vif.exception.PortNotBound: nobody bound the port, or its binding failed
    :raises os_vif.exception.InvalidPort: naming the key that is missing or wrong, e.g.
        `binding:vif_details.vhostuser_socket`
    """
    objects.register_all()
    unnamed = Section.of(port, "")
    port_id = unnamed.uuid("id")
    if port_id is None:
        raise unnamed.invalid("id", "is not set")
    said, its_network = Section.of(port, "", port_id), Section.of(network, "network", port_id)
    vif_type = said.text("binding:vif_type")
    if vif_type is None:
        reason = "is not set. Read the port as an administrator, who is shown it"
        raise said.invalid("binding:vif_type", reason)
    network_id = _network_id(said, its_network)
    return types.vif(
        binding.Binding(
            port=said,
            port_id=port_id,
            vif_type=vif_type,
            vnic_type=said.text("binding:vnic_type") or "normal",
            details=said.section("binding:vif_details"),
            profile=said.section("binding:profile"),
            address=said.typed("mac_address", binding.MAC),
            network_fields=_network_fields(said, its_network, network_id, subnets),
            network_id=network_id,
            physical_network=its_network.text("provider:physical_network"),
            # a port that is administratively down never becomes ACTIVE; nobody shall wait for it
            active=not said.flag("admin_state_up", default=True) or said.text("status") == "ACTIVE",
            ovs_bridge=ovs_bridge,
            preserve_on_delete=preserve_on_delete,
            tap=device_name,
        )
    )


def _network_id(port: Section, network: Section) -> str | None:
    of_port, of_network = port.uuid("network_id"), network.uuid("id")
    if of_port and of_network and of_port != of_network:
        raise network.invalid("id", f"is {of_network}, and the port is in network {of_port}")
    return of_port or of_network


def _network_fields(
    port: Section, network: Section, network_id: str | None, subnets: object
) -> dict[str, object]:
    made = objects.subnet.SubnetList(objects=_subnets(port, subnets))
    said = {"id": network_id, "label": network.text("name"), "mtu": network.integer("mtu"), "subnets": made}
    return {key: value for key, value in said.items() if value is not None}


def _subnets(port: Section, subnets: object) -> list[objects.subnet.Subnet]:
    """The subnets that the port has addresses in, in their order; of one that was not handed in, the addresses."""
    given = list(subnets) if isinstance(subnets, Iterable) else subnets
    of_call = Section(port.port, "", {"subnets": given})
    known = {subnet.text("id"): subnet for subnet in of_call.sections("subnets")}
    addresses: dict[str | None, list[str]] = {}
    for fixed_ip in port.sections("fixed_ips"):
        address = fixed_ip.typed("ip_address", binding.IP)
        if address is not None:
            addresses.setdefault(fixed_ip.text("subnet_id"), []).append(address)
    return [
        _subnet(known.get(subnet_id, Section(port.port, "subnets")), ips)
        for subnet_id, ips in addresses.items()
    ]


def _subnet(said: Section, addresses: list[str]) -> objects.subnet.Subnet:
    ips = [objects.fixed_ip.FixedIP(address=address, floating_ips=[]) for address in addresses]
    fields = {"cidr": said.typed("cidr", binding.CIDR), "gateway": said.typed("gateway_ip", binding.IP)}
    return objects.subnet.Subnet(
        **{key: value for key, value in fields.items() if value is not None},
        dns=said.texts("dns_nameservers", binding.IP),
        routes=objects.route.RouteList(objects=[_route(route) for route in said.sections("host_routes")]),
        ips=objects.fixed_ip.FixedIPList(objects=ips),
    )


def _route(said: Section) -> objects.route.Route:
    fields = {"cidr": said.typed("destination", binding.CIDR), "gateway": said.typed("nexthop", binding.IP)}
    return objects.route.Route(**{key: value for key, value in fields.items() if value is not None})
