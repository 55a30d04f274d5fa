"""Ports from an older Neutron, or another mechanism driver: what is missing has a fallback, or is named."""

from __future__ import annotations

import pytest
from tests.unit.openstack.sentports import BOUND, GONE, Sent, primitive, sent

from os_vif import exception
from os_vif.openstack import neutron

# as with Nova: VIFPortProfileOVSRepresentor warns whenever one is made
pytestmark = pytest.mark.filterwarnings("ignore:Using class:PendingDeprecationWarning")

D, P = "binding:vif_details", "binding:profile"
UNSET = "unset"
NOT_SAID = pytest.mark.parametrize("value", [GONE, None], ids=["missing", "null"])


def at(vif: dict[str, object], path: str) -> object:
    """A field of a primitive, e.g. "network.bridge"."""
    found: object = vif
    for name in path.split("."):
        assert isinstance(found, dict)
        found = found["versioned_object.data"].get(name, UNSET)
    return found


# file, case, the key that is missing, the field of the VIF that it would have made, what that is without it
FALLBACKS = [
    ("ovs", "create_tap", ["port", D, "bridge_name"], "bridge_name", "br-int"),
    ("ovs", "create_tap", ["port", D, "bridge_name"], "network.bridge", "br-int"),
    ("ovs", "create_tap", ["port", D, "datapath_type"], "port_profile.datapath_type", None),
    ("ovs", "create_tap", ["port", D, "ovs_create_tap"], "port_profile.create_tap", False),
    ("ovs", "create_tap", ["port", D, "port_filter"], "has_traffic_filtering", False),
    ("ovs", "create_tap", ["port", D], "bridge_name", "br-int"),
    ("ovs", "create_tap", ["port", D], "has_traffic_filtering", False),
    ("ovs", "create_tap", ["port", P], "port_profile.create_port", True),
    ("ovs", "create_tap", ["port", "binding:vnic_type"], "port_profile.create_port", True),
    ("ovs", "create_tap", ["port", "binding:host_id"], "plugin", "ovs"),
    ("ovs", "create_tap", ["port", "status"], "active", False),
    ("ovs", "plain", ["port", "admin_state_up"], "active", False),
    ("ovs", "create_tap", ["port", "mac_address"], "address", None),
    ("ovs", "create_tap", ["network", "mtu"], "network.mtu", None),
    ("ovs", "create_tap", ["network", "name"], "network.label", UNSET),
    ("ovs", "create_tap", ["network", "id"], "network.id", "437c6db5-4e6f-4b43-b64b-ed6a11ee5ba7"),
    ("ovs", "create_tap", ["port", "network_id"], "network.id", "437c6db5-4e6f-4b43-b64b-ed6a11ee5ba7"),
    ("ovs", "hybrid", ["port", D, "ovs_hybrid_plug"], "bridge_name", "br-int"),
    ("agilio_ovs", "normal", ["port", D, "bridge_name"], "bridge_name", "br-int"),
    ("agilio_ovs", "virtio-forwarder", ["port", D, "vhostuser_mode"], "mode", "server"),
    ("vhostuser", "Open vSwitch with", ["port", D, "vhostuser_mode"], "mode", "server"),
    ("vhostuser", "Open vSwitch with", ["port", D, "vhostuser_ovs_plug"], "plugin", "noop"),
    ("vhostuser", "Open vSwitch with", ["port", D, "bridge_name"], "network.bridge", "br-int"),
    ("vhostuser", "fast path on Open vSwitch, hybrid", ["port", D, "bridge_name"], "network.bridge", "br-int"),
    ("vhostuser", "fast path on Open vSwitch, hybrid", ["port", D, "vhostuser_fp_plug"], "plugin", "ovs"),
    ("vhostuser", "Contrail", ["port", D, "vhostuser_vrouter_plug"], "plugin", "noop"),
    ("bridge", "a bridge that", ["port", D, "bridge_name"], "bridge_name", "brq437c6db5-4e"),
    ("bridge", "a bridge that", ["port", D], "network.bridge", "brq437c6db5-4e"),
    ("ivs", "plain", ["port", D], "vif_name", "tapb679325f-ca"),
    ("vrouter", "normal", ["port", "binding:vnic_type"], "vif_name", "tapb679325f-ca"),
    ("tap", "routed", ["port", D, "mac_address"], "port_profile.mac_address", None),
    ("tap", "connected", ["port", D, "plug_script"], "plugin", "tap"),
    ("tap", "connected", ["port", D, "plug_script_parameters"], "port_profile.parameters", {}),
    ("macvtap", "on a VLAN device", ["port", D, "vlan"], "network.vlan", UNSET),
    ("macvtap", "on a flat", ["port", D, "physical_interface"], "network.bridge_interface", UNSET),
    ("macvtap", "on a flat", ["port", "binding:vnic_type"], "mode", "bridge"),
    ("hw_veb", "direct:", ["port", D, "vlan"], "port_profile.vlan", None),
    ("hw_veb", "direct and", ["port", P, "trusted"], "port_profile.trusted", False),
    ("802.1qbh", "macvtap on a virtual", ["port", "binding:vif_details", "physical_interface"], "plugin", "direct"),
    ("hostdev_physical", "direct-physical", ["port", "binding:vnic_type"], "dev_type", "generic"),
    ("ib_hostdev", "the fabric is the", ["port", "binding:vnic_type"], "dev_type", "generic"),
    ("midonet", "a tap", ["port", D], "port_profile.script", "midonet"),
    ("iovisor", "a tap", ["port", D], "port_profile.script", "iovisor"),
    ("dvs", "a port that vCenter has", ["port", D, "dvs_port_key"], "port_id", None),
    ("dvs", "a port that vCenter has", ["port", D, "dvs_connection_id"], "connection_id", None),
    ("os_vif", "a VIF that", ["port", "binding:vnic_type"], "plugin", "acme"),
]  # fmt: skip


@NOT_SAID
@pytest.mark.parametrize(("file", "case", "key", "field", "without"), FALLBACKS)
def test_falls_back(file: str, case: str, key: list[str], field: str, without: object, value: object) -> None:
    assert at(primitive(sent(file, case).but(key, value).to_vif()), field) == without


@NOT_SAID
def test_the_interface_id_is_the_ports_id(value: object) -> None:
    """Neutron's API has no ovs_interfaceid: that is Nova's, and is the port's id."""
    port = sent("ovs", "create_tap").but(["port", "ovs_interfaceid"], value)
    assert at(primitive(port.to_vif()), "port_profile.interface_id") == port.port["id"]


@pytest.mark.parametrize("value", [GONE, None, []], ids=["missing", "null", "empty"])
def test_no_addresses(value: object) -> None:
    port = sent("ovs", "plain").but(["port", "fixed_ips"], value)
    assert at(primitive(port.to_vif()), "network.subnets.objects") == []


def test_a_subnet_that_was_not_handed_in_still_has_its_address() -> None:
    port = sent("ovs", "plain")
    vif = primitive(neutron.to_vif(port.port, port.network, port.subnets[:1]))
    (_, unknown) = at(vif, "network.subnets.objects")  # type: ignore[misc]  # two are expected
    assert at(unknown, "cidr") == UNSET
    (address,) = at(unknown, "ips.objects")  # type: ignore[misc]  # one is expected
    assert at(address, "address") == "2001:db8:1::5"


@NOT_SAID
@pytest.mark.parametrize("key", ["gateway_ip", "dns_nameservers", "host_routes", "enable_dhcp", "cidr"])
def test_a_subnet_that_lacks(key: str, value: object) -> None:
    port = sent("ovs", "plain")
    subnets = [dict(subnet) for subnet in port.subnets]
    for subnet in subnets:
        subnet.pop(key)
        if value is None:
            subnet[key] = None
    vif = primitive(neutron.to_vif(port.port, port.network, subnets))
    first = at(vif, "network.subnets.objects")[0]  # type: ignore[index]  # a list
    field, without = {
        "gateway_ip": ("gateway", UNSET),
        "dns_nameservers": ("dns", []),
        "host_routes": ("routes.objects", []),
        "enable_dhcp": ("dhcp_server", UNSET),
        "cidr": ("cidr", UNSET),
    }[key]
    assert at(first, field) == without


def test_the_port_alone_is_enough() -> None:
    port = sent("ovs", "OVN")
    vif = primitive(neutron.to_vif(port.port))
    assert at(vif, "network.id") == port.port["network_id"]
    assert at(vif, "network.mtu") is None


# file, case, the key that is missing, and as the error calls it
REQUIRED = [
    ("ovs", "create_tap", ["port", "id"], "id"),
    ("ovs", "create_tap", ["port", "binding:vif_type"], "binding:vif_type"),
    ("ovs", "direct", ["port", P, "pci_slot"], "binding:profile.pci_slot"),
    ("ovs", "direct", ["port", P], "binding:profile.pci_slot"),
    ("ovs", "vdpa", ["port", P, "pci_slot"], "binding:profile.pci_slot"),
    ("ovs", "remote-managed", ["port", P, "pci_slot"], "binding:profile.pci_slot"),
    ("agilio_ovs", "direct", ["port", P, "pci_slot"], "binding:profile.pci_slot"),
    ("agilio_ovs", "virtio", ["port", P, "pci_slot"], "binding:profile.pci_slot"),
    ("agilio_ovs", "virtio", ["port", D, "vhostuser_socket"], "binding:vif_details.vhostuser_socket"),
    ("vhostuser", "plain", ["port", D, "vhostuser_socket"], "binding:vif_details.vhostuser_socket"),
    ("vhostuser", "plain", ["port", D], "binding:vif_details.vhostuser_socket"),
    ("vhostuser", "Open vSwitch with", ["port", D, "vhostuser_socket"], "binding:vif_details.vhostuser_socket"),
    ("vhostuser", "fast path that", ["port", D, "vhostuser_socket"], "binding:vif_details.vhostuser_socket"),
    ("vhostuser", "Contrail", ["port", D, "vhostuser_socket"], "binding:vif_details.vhostuser_socket"),
    ("vrouter", "direct", ["port", P, "pci_slot"], "binding:profile.pci_slot"),
    ("vrouter", "virtio", ["port", P, "pci_slot"], "binding:profile.pci_slot"),
    ("vrouter", "virtio", ["port", D, "vhostuser_socket"], "binding:vif_details.vhostuser_socket"),
    ("other", "connected", ["port", D, "plug_script"], "binding:vif_details.plug_script"),
    ("macvtap", "on a VLAN", ["port", D, "macvtap_source"], "binding:vif_details.macvtap_source"),
    ("macvtap", "on a VLAN", ["port", D, "macvtap_mode"], "binding:vif_details.macvtap_mode"),
    ("macvtap", "on a VLAN", ["port", D, "physical_interface"], "binding:vif_details.physical_interface"),
    ("hw_veb", "direct:", ["port", P, "pci_slot"], "binding:profile.pci_slot"),
    ("hw_veb", "macvtap", ["port", P, "pci_slot"], "binding:profile.pci_slot"),
    ("hw_veb", "macvtap", ["port", "binding:vnic_type"], "binding:vnic_type"),
    ("802.1qbg", "VEPA", ["port", D, "physical_interface"], "binding:vif_details.physical_interface"),
    ("802.1qbg", "VEPA", ["port", D, "qbg_params"], "binding:vif_details.qbg_params.instanceid"),
    ("802.1qbg", "VEPA", ["port", D, "qbg_params", "managerid"], "binding:vif_details.qbg_params.managerid"),
    ("802.1qbg", "VEPA", ["port", D, "qbg_params", "typeid"], "binding:vif_details.qbg_params.typeid"),
    ("802.1qbg", "VEPA", ["port", D, "qbg_params", "typeidversion"], "binding:vif_details.qbg_params.typeidversion"),
    ("802.1qbh", "direct", ["port", D, "profileid"], "binding:vif_details.profileid"),
    ("802.1qbh", "direct", ["port", P, "pci_slot"], "binding:profile.pci_slot"),
    ("802.1qbh", "macvtap on a virtual", ["port", P, "pci_slot"], "binding:profile.pci_slot"),
    ("802.1qbh", "macvtap on a device", ["port", D, "physical_interface"], "binding:profile.pci_slot"),
    ("hostdev_physical", "direct-physical", ["port", P, "pci_slot"], "binding:profile.pci_slot"),
    ("ib_hostdev", "the fabric is the", ["port", P, "pci_slot"], "binding:profile.pci_slot"),
    ("ib_hostdev", "the fabric is in", ["port", D, "physical_network"], "binding:vif_details.physical_network"),
    ("dvs", "a port that vCenter has", ["port", D, "dvs_id"], "binding:vif_details.dvs_id"),
    ("dvs", "a port that vCenter has", ["port", D, "dvs_port_group_key"], "binding:vif_details.dvs_port_group_key"),
    ("os_vif", "a VIF that", ["port", D, "os_vif"], "binding:vif_details.plug_script"),
]  # fmt: skip


@pytest.mark.parametrize("value", [GONE, None, ""], ids=["missing", "null", "empty"])
@pytest.mark.parametrize(("file", "case", "key", "field"), REQUIRED)
def test_what_there_is_no_vif_without_is_named(
    file: str, case: str, key: list[str], field: str, value: object
) -> None:
    with pytest.raises(exception.InvalidPort) as raised:
        sent(file, case).but(key, value).to_vif()
    assert raised.value.kwargs["field"] == field
    assert f"{field} is" in str(raised.value)


def test_no_network_id_and_no_name_of_the_bridge() -> None:
    port = sent("bridge", "Neutron's").but(["port", "network_id"]).but(["network", "id"])
    with pytest.raises(exception.InvalidPort, match=r"binding:vif_details\.bridge_name is not set, nor"):
        port.to_vif()


def _keys(port: Sent) -> list[tuple[str, ...]]:
    """All that is said of a port, by path."""
    found: list[tuple[str, ...]] = [("network", key) for key in port.network]
    for key, value in port.port.items():
        found.append(("port", key))
        if isinstance(value, dict):
            found += [("port", key, inner) for inner in value]
    return found


@pytest.mark.parametrize("port", BOUND, ids=str)
def test_whatever_is_missing_leads_to_a_vif_or_to_an_error_that_names_a_key(port: Sent) -> None:
    required = {tuple(key) for file, case, key, _ in REQUIRED if sent(file, case) == port}
    for key in _keys(port):
        try:
            vif, named = primitive(port.but(key).to_vif()), True
        except exception.InvalidPort as error:
            vif, named = None, bool(error.kwargs["field"])
        assert named, key
        assert vif is None or key not in required


# a port, what is wrong with it, and what is said of it
WRONG = [
    (["port", "id"], "not-a-uuid", "id must be a UUID, not 'not-a-uuid'"),
    (["port", "mac_address"], "fa:16", "mac_address is 'fa:16', which is not valid"),
    (["port", "binding:vif_type"], "hyperv", "binding:vif_type is 'hyperv', and must be one of 802.1qbg, "),
    (["port", "binding:vnic_type"], "macvtap", "binding:vnic_type is 'macvtap'; with ovs it must be normal or "),
    (["port", D], ["port_filter"], r"binding:vif_details must be a dictionary, not \['port_filter'\]"),
    (["port", D, "ovs_hybrid_plug"], "perhaps", "binding:vif_details.ovs_hybrid_plug must be true or false"),
    (["port", D, "plug_script"], "acme", "plug_script is only for binding:vif_type tap or other, not for ovs"),
    (["port", D, "os_vif"], "{", "binding:vif_details.os_vif is not JSON"),
    (["port", D, "os_vif"], [1], "binding:vif_details.os_vif must be a serialized VIF"),
    (["port", D, "os_vif"], {}, r"binding:vif_details.os_vif is not a VIF that can be read here \("),
    (["port", "fixed_ips"], [{"ip_address": "10.0.0.999"}], r"fixed_ips\[0\].ip_address is '10.0.0.999'"),
    (["network", "mtu"], "jumbo", "network.mtu must be a number from 0 to "),
    (["network", "id"], "00000000-0000-4000-8000-000000000000", "network.id is 0+-.*, and the port is in network 4"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value", "said"), WRONG)
def test_what_is_wrong_is_said(key: list[str], value: object, said: str) -> None:
    with pytest.raises(exception.InvalidPort, match=said):
        sent("ovs", "create_tap").but(key, value).to_vif()


def test_a_number_that_python_does_not_write() -> None:
    for key in ("bridge_name", "port_filter"):
        with pytest.raises(exception.InvalidPort, match=f"{key} must be .*, not an int of many digits"):
            sent("ovs", "create_tap").but(["port", D, key], 10**5000).to_vif()
