"""Nova's form of a VIF, as Novas of all times wrote it: what is missing has a fallback, or is named.

These are dictionaries as they are in Nova's database; tests/integration/nova has them made by Nova.
"""

from __future__ import annotations

import copy

import pytest

from os_vif import exception
from os_vif.objects import vif as vifs
from os_vif.openstack import nova_model

PORT = "b679325f-ca89-4ee0-a8be-6db1409b69ea"
NETWORK = "437c6db5-4e6f-4b43-b64b-ed6a11ee5ba7"
QBG = {"managerid": 11, "typeid": 1193047, "typeidversion": 2, "instanceid": PORT}
PCI = {"pci_slot": "0000:0a:00.1"}


def address(text: str) -> dict[str, object]:
    return {"address": text, "type": "fixed", "version": 4, "meta": {}}


def model(**fields: object) -> dict[str, object]:
    """A VIF with everything that Nova has of one."""
    subnet = {
        "cidr": "10.0.0.0/24",
        "gateway": address("10.0.0.1"),
        "dns": [address("192.0.2.53")],
        "ips": [{**address("10.0.0.5"), "floating_ips": [address("203.0.113.5")]}],
        "routes": [
            {"cidr": "198.51.100.0/24", "gateway": address("10.0.0.9"), "interface": None, "meta": {}}
        ],
        "version": 4,
        "meta": {},
    }
    meta = {"injected": False, "tenant_id": "p1", "mtu": 1450, "physical_network": "physnet1"}
    network = {"id": NETWORK, "bridge": None, "label": "private", "subnets": [subnet], "meta": meta}
    whole = {
        "id": PORT,
        "address": "fa:16:3e:11:22:33",
        "network": network,
        "type": "tap",
        "details": {"port_filter": True},
        "devname": "tapb679325f-ca",
        "ovs_interfaceid": None,
        "qbh_params": None,
        "qbg_params": None,
        "active": False,
        "vnic_type": "normal",
        "profile": {},
        "preserve_on_delete": True,
        "delegate_create": True,
        "meta": {},
    }
    return copy.deepcopy(whole | fields)


def in_network(key: str, value: object) -> dict[str, object]:
    """A model whose network says this, in its meta if it is none of its own keys."""
    made = model()
    network = made["network"]
    assert isinstance(network, dict)
    place = network if key in network else network["meta"]
    place[key] = value
    return made


def test_all_that_nova_says_is_in_the_vif() -> None:
    made = nova_model.to_vif(model())
    assert (made.id, made.address, made.plugin) == (PORT, "fa:16:3e:11:22:33", "tap")
    assert (made.active, made.preserve_on_delete, made.has_traffic_filtering) == (False, True, True)
    network = made.network
    assert network is not None
    assert (network.id, network.label, network.mtu) == (NETWORK, "private", 1450)
    (subnet,) = network.subnets.objects
    assert (str(subnet.cidr), str(subnet.gateway)) == ("10.0.0.0/24", "10.0.0.1")
    assert [str(ip.address) for ip in subnet.ips.objects] == ["10.0.0.5"]
    assert [str(dns) for dns in subnet.dns] == ["192.0.2.53"]
    assert [(str(r.cidr), str(r.gateway)) for r in subnet.routes.objects] == [("198.51.100.0/24", "10.0.0.9")]


FALLBACKS = [
    ("devname", "vif_name", "nicb679325f-ca"),
    ("address", "address", None),
    ("vnic_type", "plugin", "tap"),
    ("details", "has_traffic_filtering", False),
    ("profile", "plugin", "tap"),
    ("active", "active", False),
    ("preserve_on_delete", "preserve_on_delete", False),
    ("network", "network.mtu", None),
    ("ovs_interfaceid", "id", PORT),
    ("delegate_create", "plugin", "tap"),
    ("meta", "plugin", "tap"),
    ("qbg_params", "plugin", "tap"),
    ("qbh_params", "plugin", "tap"),
]


@pytest.mark.parametrize("null", [False, True], ids=["missing", "null"])
@pytest.mark.parametrize(("key", "path", "expected"), FALLBACKS, ids=[row[0] for row in FALLBACKS])
def test_a_key_that_an_older_nova_has_not_written(key: str, path: str, expected: object, null: bool) -> None:
    sent = model()
    if null:
        sent[key] = None
    else:
        del sent[key]
    found: object = nova_model.to_vif(sent)
    for name in path.split("."):
        found = getattr(found, name)
    assert found == expected


@pytest.mark.parametrize("key", ["label", "subnets", "mtu", "bridge", "physical_network"])
def test_a_network_that_says_less(key: str) -> None:
    made = nova_model.to_vif(in_network(key, None))
    assert (made.id, made.vif_name) == (PORT, "tapb679325f-ca")


def test_a_device_of_another_name_is_heeded() -> None:
    """nova-network's, and those of Novas that derive it otherwise."""
    assert nova_model.to_vif(model(devname="vnet7")).vif_name == "vnet7"


def test_what_neutron_has_in_the_details_goes_first() -> None:
    sent = in_network("interface", "eth9")
    sent |= {
        "type": "802.1qbg",
        "qbg_params": QBG,
        "details": {"physical_interface": "eth1", "qbg_params": QBG | {"managerid": 12}},
    }
    made = nova_model.to_vif(sent)
    assert isinstance(made, vifs.VIFDirect)
    assert (made.vif_name, made.mode) == ("eth1", "vepa")
    assert made.port_profile.manager_id == 12  # type: ignore[attr-defined]  # VIFPortProfile8021Qbg


def test_802_1qbg_as_nova_keeps_it_beside_the_details() -> None:
    sent = in_network("interface", "eth9") | {"type": "802.1qbg", "qbg_params": QBG}
    made = nova_model.to_vif(sent)
    assert isinstance(made, vifs.VIFDirect)
    assert made.vif_name == "eth9"
    assert made.port_profile.type_id == 1193047  # type: ignore[attr-defined]  # VIFPortProfile8021Qbg


def test_802_1qbh_as_nova_keeps_it_beside_the_details() -> None:
    sent = model(type="802.1qbh", vnic_type="direct", profile=PCI, qbh_params={"profileid": "gold"})
    made = nova_model.to_vif(sent)
    assert made.port_profile.profile_id == "gold"  # type: ignore[attr-defined]  # VIFPortProfile8021Qbh


def test_infiniband_has_its_fabric_from_the_network() -> None:
    made = nova_model.to_vif(model(type="ib_hostdev", vnic_type="direct", profile=PCI))
    assert made.port_profile.parameters == {"physical_network": "physnet1"}  # type: ignore[attr-defined]


BRIDGES = [
    ({}, "brq437c6db5-4e", True, None),
    ({"bridge": "br100"}, "br100", True, None),
    ({"bridge": "br100", "should_create_bridge": False}, "br100", False, None),
    (
        {"bridge": "br100", "should_create_vlan": True, "vlan": 7, "bridge_interface": "eth1"},
        "br100",
        True,
        7,
    ),
]


@pytest.mark.parametrize(("said", "bridge", "made_here", "vlan"), BRIDGES)
def test_linux_bridges_of_novas_own_networks(
    said: dict[str, object], bridge: str, made_here: bool, vlan: int | None
) -> None:
    sent = model(type="bridge")
    network = sent["network"]
    assert isinstance(network, dict)
    for key, value in said.items():
        (network if key == "bridge" else network["meta"])[key] = value
    made = nova_model.to_vif(sent)
    assert isinstance(made, vifs.VIFBridge)
    assert made.bridge_name == bridge
    assert made.network is not None
    assert made.network.should_provide_bridge is made_here
    assert (made.network.vlan if "vlan" in made.network else None) == vlan


WRONG = [
    (model(type=None), "binding:vif_type"),
    (model(type="macvtap", vnic_type="macvtap"), "binding:vif_details.macvtap_source"),
    (model(type="hw_veb", vnic_type="direct"), "binding:profile.pci_slot"),
    (model(type="hyperv"), "binding:vif_type"),
    (model(id="7"), "id"),
    (model(details=["x"]), "details"),
    (in_network("mtu", "many"), "network.meta.mtu"),
    (in_network("should_create_vlan", True) | {"type": "bridge"}, "network.meta.vlan"),
]


@pytest.mark.parametrize(("sent", "field"), WRONG, ids=[row[1] for row in WRONG])
def test_what_is_missing_or_wrong_is_named(sent: dict[str, object], field: str) -> None:
    with pytest.raises(exception.InvalidPort) as failed:
        nova_model.to_vif(sent)
    assert failed.value.kwargs["field"] == field


@pytest.mark.parametrize("vif_type", ["binding_failed", "unbound"])
def test_a_port_that_nobody_bound(vif_type: str) -> None:
    with pytest.raises(exception.PortNotBound):
        nova_model.to_vif(model(type=vif_type))
