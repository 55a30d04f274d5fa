"""Every vif_type of Neutron becomes the VIF that is written in ports/<vif_type>.json."""

from __future__ import annotations

import copy

import pytest
from tests.unit.openstack.sentports import BOUND, SENT, Sent, primitive, sent

from os_vif import exception, objects
from os_vif.openstack import neutron, types

# as with Nova: VIFPortProfileOVSRepresentor warns whenever one is made
pytestmark = pytest.mark.filterwarnings("ignore:Using class:PendingDeprecationWarning")


def test_every_type_and_vnic_type_has_a_port() -> None:
    tried = {(one.port["binding:vif_type"], one.port["binding:vnic_type"]) for one in SENT}
    assert {kind for kind, _ in tried} == types.TYPES.keys() | {"binding_failed", "unbound"}
    # these are the same VIF as another of their type, by the same function
    spoken_of = {
        (kind, vnic)
        for kind, builders in types.TYPES.items()
        for vnic, builder in builders.items()
        if not any(builder is builders.get(other) for other_kind, other in tried if other_kind == kind)
    }
    assert spoken_of == set()


@pytest.mark.parametrize("port", BOUND, ids=str)
def test_becomes_the_vif(port: Sent) -> None:
    before = copy.deepcopy(port)
    vif = port.to_vif()
    assert primitive(vif) == port.vif
    assert port == before  # what was handed in is not changed
    assert primitive(objects.from_json(objects.to_json(vif))) == port.vif


@pytest.mark.parametrize("port", [one for one in SENT if one.error], ids=str)
def test_is_refused(port: Sent) -> None:
    assert port.error is not None
    with pytest.raises(getattr(exception, port.error["class"])) as raised:
        port.to_vif()
    assert str(raised.value) == port.error["message"]
    assert isinstance(raised.value, exception.InvalidPort)


def test_a_failed_binding_is_no_vif_whatever_the_details_still_say() -> None:
    port = sent("os_vif", "a VIF that").but(["port", "binding:vif_type"], "binding_failed")
    with pytest.raises(exception.PortNotBound):
        port.to_vif()


@pytest.mark.parametrize(
    ("admin_state_up", "status", "active"),
    [
        (True, "ACTIVE", True),
        (True, "BUILD", False),
        (False, "DOWN", True),  # it never becomes ACTIVE: nobody shall wait for it
    ],
)
def test_active_is_what_nobody_has_to_wait_for(admin_state_up: bool, status: str, active: bool) -> None:
    port = sent("ovs", "OVN").but(["port", "admin_state_up"], admin_state_up).but(["port", "status"], status)
    assert port.to_vif().active is active


def test_the_caller_says_the_integration_bridge_where_the_port_does_not() -> None:
    port = sent("ovs", "OVN").but(["port", "binding:vif_details"], {"port_filter": True})
    vif = neutron.to_vif(port.port, port.network, ovs_bridge="br-alt", preserve_on_delete=True)
    assert isinstance(vif, objects.vif.VIFOpenVSwitch)
    assert (vif.bridge_name, vif.network.bridge if vif.network else None) == ("br-alt", "br-alt")
    assert vif.preserve_on_delete is True


def test_the_caller_does_not_overrule_the_port() -> None:
    port = sent("ovs", "create_tap")
    vif = neutron.to_vif(port.port, port.network, ovs_bridge="br-alt")
    assert isinstance(vif, objects.vif.VIFOpenVSwitch)
    assert vif.bridge_name == "tbr-0e5e9f4a-1"


def test_a_bridge_that_is_named_keeps_the_name() -> None:
    """15 characters are what the kernel takes; 14 of them would be another bridge."""
    name = "br-fifteen-long"
    vif = sent("ovs", "OVN").but(["port", "binding:vif_details", "bridge_name"], name).to_vif()
    assert isinstance(vif, objects.vif.VIFOpenVSwitch)
    assert vif.bridge_name == name


def test_a_hybrid_port_is_never_asked_a_tap_for() -> None:
    """Nova passes both on; the plugin would then build all and fail (contract, appendix A.8)."""
    path = ["port", "binding:vif_details", "ovs_create_tap"]
    port = sent("ovs", "hybrid")
    assert primitive(port.but(path, True).to_vif()) == port.vif


def test_a_newer_serialized_vif_is_read_as_far_as_it_is_known() -> None:
    port = sent("os_vif", "a VIF that")
    where = ["port", "binding:vif_details", "os_vif"]
    newer = port.but([*where, "versioned_object.version"], "1.9")
    assert primitive(newer.to_vif()) == port.vif
