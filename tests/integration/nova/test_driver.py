"""The driver of os_vif.openstack.nova, in Nova: the types that Nova connects itself, or no longer, on a real host.

As in test_plug.py: one process, real privsep daemons, real Open vSwitch, and what is looked at is the host. What
needs a NIC with virtual functions is tried as far as Nova's error, and its XML.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from xml.etree import ElementTree

import pytest
from tests.integration.nova.conftest import Compute, NovaError, libvirt_bindings
from tests.integration.nova.test_plug import MAC, PORT, TAP, attributes, everything, links, rows, xml
from tests.netns import ip, ip_json

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

PCI = {"pci_slot": "ffff:0a:00.1"}
QBG = {"managerid": 11, "typeid": 1193047, "typeidversion": 2, "instanceid": PORT}
SCRIPTED = {
    "midonet": (f"mm-ctl --bind-port {PORT} {TAP}", f"mm-ctl --unbind-port {PORT}"),
    "iovisor": (f"ifc_ctl gateway add_port {TAP}", f"ifc_ctl gateway ifdown {TAP}"),
}


def fails(driver: Compute, act: str, vif: Mapping[str, object]) -> NovaError:
    """It fails, and leaves the host as it is."""
    before = everything(driver)
    with pytest.raises(NovaError) as failed:
        driver.do(act, vif)
    assert everything(driver) == before
    return failed.value


def text(driver: Compute, vif: Mapping[str, object], **more: object) -> str:
    return str(driver.do("xml", vif, **more))


def test_a_tap(driver: Compute) -> None:
    vif = {"type": "tap", "details": {"mac_address": "00:61:fe:ed:ca:fe"}}
    before = everything(driver)
    driver.do("plug", vif)
    tap = links()[TAP]
    assert (tap["address"], tap["mtu"]) == ("00:61:fe:ed:ca:fe", 1450)
    assert driver.daemons() == {"os_vif.host.privsep.default"}
    shown = xml(driver, vif)
    assert shown.get("type") == "ethernet"
    assert attributes(shown, "target") == {"dev": TAP, "managed": "no"}
    assert attributes(shown, "mac") == {"address": MAC}
    assert attributes(shown, "mtu") == {"size": "1450"}
    plugged = everything(driver)
    driver.do("plug", vif)
    assert everything(driver) == plugged
    driver.do("unplug", vif)
    assert everything(driver) == before
    driver.do("unplug", vif)


def test_a_tap_with_many_queues_and_limits(driver: Compute) -> None:
    """The tap is made for as many as the card has."""
    vif = {"type": "tap"}
    flavor = {"hw:vif_multiqueue_enabled": "true", "quota:vif_inbound_average": "1000"}
    driver.do("plug", vif, extra_specs=flavor)
    (tap,) = ip_json("link", "show", TAP)
    assert tap["linkinfo"]["info_data"]["multi_queue"] is True  # type: ignore[index]
    shown = ElementTree.fromstring(text(driver, vif, extra_specs=flavor))
    assert attributes(shown, "driver") == {"name": "vhost", "queues": "2"}
    assert attributes(shown, "bandwidth/inbound") == {"average": "1000"}
    driver.do("unplug", vif, extra_specs=flavor)


def test_macvtap_on_a_nic(driver: Compute) -> None:
    ip("link", "add", "nic0", "type", "veth", "peer", "name", "wire0")
    vif = {
        "type": "macvtap",
        "vnic_type": "macvtap",
        "details": {"macvtap_source": "nic0", "macvtap_mode": "bridge", "physical_interface": "nic0"},
    }
    driver.do("plug", vif)
    assert "UP" in links()["nic0"]["flags"]  # type: ignore[operator]
    shown = xml(driver, vif)
    assert shown.get("type") == "direct"
    assert attributes(shown, "source") == {"dev": "nic0", "mode": "bridge"}
    assert attributes(shown, "model") == {"type": "virtio"}
    driver.do("unplug", vif)
    assert "nic0" in links()
    ip("link", "del", "nic0")
    assert "nic0" in fails(driver, "plug", vif).text


def test_a_linux_bridge(driver: Compute) -> None:
    before = everything(driver)
    vif = {"type": "bridge", "network_fields": {"bridge": "br100"}, "meta": {"should_create_bridge": True}}
    driver.do("plug", vif)
    assert links()["br100"]["linkinfo"]["info_kind"] == "bridge"  # type: ignore[index]
    shown = xml(driver, vif)
    assert attributes(shown, "source") == {"bridge": "br100"}
    assert attributes(shown, "target") == {"dev": TAP}
    driver.do("unplug", vif)
    ip("link", "del", "br100")  # it is the network's, not the VIF's
    assert everything(driver) == before


@pytest.mark.parametrize("backend", SCRIPTED)
def test_a_backend_that_a_script_connects(backend: str, driver: Compute) -> None:
    """The script is the one that comes with os-vif; what it calls is a stand-in that notes its arguments."""
    before = everything(driver)
    driver.calls()
    driver.do("plug", {"type": backend})
    assert TAP in links()
    plugged, unplugged = SCRIPTED[backend]
    assert driver.calls()[0] == plugged
    shown = xml(driver, {"type": backend})
    assert attributes(shown, "target")["dev"] == TAP
    driver.do("plug", {"type": backend})
    assert driver.calls() == []
    driver.do("unplug", {"type": backend})
    assert driver.calls()[0].startswith(unplugged)
    assert everything(driver) == before


def test_a_script_that_the_port_names(driver: Compute) -> None:
    """vif_type other: Nova knows no more of it than its name."""
    vif = {"type": "other", "details": {"plug_script": "midonet"}}
    driver.do("plug", vif)
    assert driver.calls() == [SCRIPTED["midonet"][0]]
    driver.do("unplug", vif)
    driver.calls()


def test_infiniband(driver: Compute) -> None:
    vif = {
        "type": "ib_hostdev",
        "vnic_type": "direct",
        "profile": PCI,
        "meta": {"physical_network": "fabric1"},
    }
    driver.do("plug", vif)
    (call,) = driver.calls()
    assert call.startswith(f"ebrctl add-port {MAC} ")
    assert call.endswith(" fabric1 ib_hostdev ffff:0a:00.1")
    assert ElementTree.fromstring(text(driver, vif)).tag == "hostdev"
    driver.do("unplug", vif)
    assert driver.calls() == [f"ebrctl del-port fabric1 {MAC}"]


def test_802_1qbg(driver: Compute) -> None:
    ip("link", "add", "nic0", "type", "veth", "peer", "name", "wire0")
    vif = {"type": "802.1qbg", "qbg_params": QBG, "meta": {"interface": "nic0"}}
    driver.do("plug", vif)
    assert "UP" in links()["nic0"]["flags"]  # type: ignore[operator]
    shown = xml(driver, vif)
    assert attributes(shown, "source") == {"dev": "nic0", "mode": "vepa"}
    assert attributes(shown, "virtualport") == {"type": "802.1Qbg"}
    parameters: dict[str, str] = {}
    for part in shown.findall("virtualport/parameters"):
        parameters |= part.attrib
    assert parameters == {key: str(value) for key, value in QBG.items()}
    driver.do("unplug", vif)
    ip("link", "del", "nic0")


DEVICES = [
    ({"type": "hw_veb", "vnic_type": "direct", "details": {"vlan": 7}}, "vlan/tag", {"id": "7"}),
    (
        {"type": "802.1qbh", "vnic_type": "direct", "details": {"profileid": "gold"}},
        "virtualport/parameters",
        {"profileid": "gold"},
    ),
    (
        {"type": "hostdev_physical", "vnic_type": "direct-physical"},
        "source/address",
        {"domain": "0xffff", "bus": "0x0a", "slot": "0x00", "function": "0x1"},
    ),
]


@pytest.mark.parametrize(("fields", "path", "expected"), DEVICES, ids=lambda value: str(value)[:30])
def test_a_device_that_is_not_there_is_novas_error(
    fields: dict[str, object], path: str, expected: dict[str, str], driver: Compute
) -> None:
    """There is no NIC with virtual functions here; the card is rendered all the same."""
    vif = fields | {"profile": PCI}
    failure = fails(driver, "plug", vif)
    assert failure.classes[0] == "VirtualInterfacePlugException"
    assert "no " in failure.text
    assert "ffff:0a:00.1" in failure.text
    assert attributes(xml(driver, vif), path) == expected
    driver.do("unplug", vif)


def test_a_distributed_switch_is_vmwares(driver: Compute) -> None:
    details = {
        "dvs_id": "50 1c 6b 5a 2f 3e 4d 7d-a3 4e 00 11 22 33 44 55",
        "dvs_port_group_key": "dvportgroup-7",
    }
    for act, name in (("plug", "VirtualInterfacePlugException"), ("xml", "InternalError")):
        failure = fails(driver, act, {"type": "dvs", "details": details})
        assert failure.classes[0] == name
        assert "VMware" in failure.text
    driver.do("unplug", {"type": "dvs", "details": details})


@pytest.mark.parametrize("vif_type", ["binding_failed", "unbound"])
def test_a_port_that_nobody_bound(vif_type: str, driver: Compute) -> None:
    failure = fails(driver, "plug", {"type": vif_type})
    assert failure.classes[0] == "VirtualInterfacePlugException"
    assert f"Port {PORT} is not bound" in failure.text


def test_a_script_that_fails_is_novas_error(driver: Compute) -> None:
    """Nova's own driver logs it, and starts a guest that has no network."""
    tool = driver.place / "bin" / "mm-ctl"
    works = tool.read_text()
    tool.write_text('#!/bin/sh\necho "no such port in the topology" >&2\nexit 1\n')
    failure = fails(driver, "plug", {"type": "midonet"})
    tool.write_text(works)
    assert failure.classes[0] == "VirtualInterfacePlugException"
    assert "no such port in the topology" in failure.text


def test_what_is_missing_in_a_model_is_named(driver: Compute) -> None:
    failure = fails(driver, "plug", {"type": "macvtap", "vnic_type": "macvtap"})
    assert failure.classes[0] == "VirtualInterfacePlugException"
    assert "binding:vif_details.macvtap_source is not set" in failure.text


def test_a_port_that_is_not_connected_in_time_is_novas_error(driver: Compute) -> None:
    """It is in the dead VLAN, where a controller puts ports that it has not wired; nobody takes it out."""
    vif = {"type": "ovs", "delegate_create": True, "details": {"ovs_create_tap": True}}
    driver.do("plug", vif)
    driver.switch.vsctl("set", "Port", TAP, "tag=4095")
    driver.do("plug", vif)  # Neutron says that it is ACTIVE: as Nova does, this waits for nothing
    with pytest.raises(NovaError) as failed:
        driver.do("plug", vif | {"active": False})
    assert failed.value.classes[0] == "VirtualInterfacePlugException"
    assert f"{TAP}: is in the dead VLAN 4095" in failed.value.text
    driver.do("unplug", vif)


def test_a_plug_returns_when_the_port_is_connected(driver: Compute) -> None:
    vif = {"type": "ovs", "delegate_create": True, "details": {"ovs_create_tap": True}}
    driver.do("plug", vif)
    driver.switch.vsctl("set", "Port", TAP, "tag=4095")
    agent = threading.Timer(0.5, driver.switch.vsctl, ("set", "Port", TAP, "tag=3"))
    agent.start()
    driver.do("plug", vif | {"active": False})
    agent.join()
    assert driver.switch.vsctl("get", "Port", TAP, "tag").strip() == "3"
    driver.do("unplug", vif)


def test_a_port_whose_tap_libvirt_makes_is_not_waited_for(driver: Compute) -> None:
    vif = {"type": "ovs", "delegate_create": True, "active": False}
    driver.do("plug", vif)
    assert TAP in rows(driver, "Interface")
    driver.do("unplug", vif)


@pytest.mark.skipif(not libvirt_bindings(), reason="python3-libvirt is not installed, or for another Python")
@pytest.mark.parametrize(
    "vif",
    [{"type": "tap"}, {"type": "ovs", "delegate_create": True, "details": {"ovs_create_tap": True}}],
    ids=["tap", "ovs"],
)
def test_the_service_starts_again_on_a_host_with_guests(vif: dict[str, object], driver: Compute) -> None:
    """Nova finds the driver by its name; all VIFs are plugged in one pass, and none is touched after that."""
    before = everything(driver)
    assert driver.do("restarted", vif, count=20) == ["LibvirtDriver", "VIFDriver", 20]
    plugged = everything(driver)
    assert len([name for name in links() if name.startswith("tap0000")]) == 20
    driver.do("restarted", vif, count=20)
    assert everything(driver) == plugged
    driver.do("gone", vif, count=20)
    assert everything(driver) == before


UNFIT = [
    {"type": "vrouter", "vnic_type": "accelerator-direct", "profile": PCI},  # NotImplementedError of Nova
    {"type": "ovs", "vnic_type": "direct", "profile": {}},  # KeyError of Nova
    {"type": "macvtap"},
]


@pytest.mark.parametrize("unfit", UNFIT, ids=lambda vif: str(vif["type"]))
def test_one_that_nobody_can_convert_keeps_no_other_from_its_network(
    unfit: dict[str, object], driver: Compute
) -> None:
    """When the service starts; an exception there would keep it from starting at all."""
    before = everything(driver)
    driver.do("together", {"type": "tap"}, other=unfit)
    assert len([name for name in links() if name.startswith("tap0000")]) == 1
    driver.do("gone", {"type": "tap"}, count=1)
    assert everything(driver) == before
