"""What Nova, Neutron and Kuryr rely on when they build objects."""

import warnings

import pytest
from tests.unit.objects import samples

from os_vif.objects import base, network, subnet, vif


def test_declared_defaults_are_not_applied() -> None:
    card = vif.VIFBridge(id=samples.PORT_ID)
    assert "active" not in card
    assert "active" in card.fields
    with pytest.raises(NotImplementedError):
        _ = card.active


def test_unknown_arguments_become_attributes() -> None:
    # Nova gives VIFHostDevice a vif_name, and sets bridge_name on VIFVHostUser.
    card = vif.VIFHostDevice(id=samples.PORT_ID, vif_name="eth0")
    card.bridge_name = "br-int"  # type: ignore[attr-defined]  # what Nova does
    assert card.vif_name == "eth0"  # type: ignore[attr-defined]  # the same
    assert set(card.obj_to_primitive()["versioned_object.data"]) == {"id"}


def test_network_sets_its_defaults() -> None:
    net = network.Network(id=samples.NETWORK_ID)
    assert len(net.subnets) == 0
    assert (net.multi_host, net.should_provide_bridge, net.should_provide_vlan) == (False, False, False)
    assert net.mtu is None
    assert "bridge" not in net


def test_networks_share_no_subnets() -> None:
    one, other = network.Network(), network.Network()
    one.subnets.objects.append(subnet.Subnet())
    assert len(other.subnets) == 0


def test_object_lists_are_lists() -> None:
    subnets = subnet.SubnetList(objects=[subnet.Subnet(cidr="10.0.0.0/24")])
    assert [str(item.cidr) for item in subnets] == ["10.0.0.0/24"]
    assert len(subnet.SubnetList()) == 0


def test_addresses_are_normalised() -> None:
    assert vif.VIFBridge(address="FA-16-3E-11-22-33").address == "fa:16:3e:11:22:33"
    assert vif.VIFDirect(dev_address="0002:24:12.3").dev_address == "0002:24:12.3"
    with pytest.raises(ValueError, match="Malformed PCI"):
        vif.VIFDirect(dev_address="02:24:12.3")


def test_str_of_a_vif_is_oslos() -> None:
    text = str(vif.VIFGeneric(id=samples.PORT_ID, vif_name="tap0"))
    assert text.startswith("VIFGeneric(active=<?>,address=<?>,")
    assert "vif_name='tap0'" in text


def test_vifs_are_equal_by_content() -> None:
    assert vif.VIFGeneric(vif_name="tap0") == vif.VIFGeneric(vif_name="tap0")
    assert vif.VIFGeneric(vif_name="tap0") != vif.VIFGeneric(vif_name="tap1")


def test_the_representor_profile_warns_once() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        vif.VIFPortProfileOVSRepresentor()
    assert [warning.category for warning in caught] == [PendingDeprecationWarning]


def test_a_port_profile_must_be_one() -> None:
    with pytest.raises(ValueError, match="VIFPortProfileBase"):
        vif.VIFBridge(port_profile=vif.DatapathOffloadBase())


def test_the_mixin_falls_back() -> None:
    class Plain(base.VersionedObjectPrintableMixin):
        pass

    assert "Plain object" in str(Plain())
