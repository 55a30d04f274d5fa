"""Nova's own code plugs, renders and unplugs every type it converts, on real Open vSwitch, through this library.

One process runs Nova's VIF driver as nova-compute does, with privsep daemons and a nova.conf that says no more than
where things are. Looked at is what is on the host.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from xml.etree import ElementTree

import pytest
from tests.integration.nova.conftest import ENVIRONMENT, Compute, NovaError
from tests.netns import ip_json

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

PORT = "b679325f-ca89-4ee0-a8be-6db1409b69ea"
TAP, QBR, QVB, QVO = (f"{prefix}b679325f-ca" for prefix in ("tap", "qbr", "qvb", "qvo"))
MAC = "fa:16:3e:11:22:33"
INSTANCE = "5a6c1b0e-3f57-4d0e-8f5e-0d9b3c1f7a42"
OVS = {"type": "ovs", "delegate_create": True}
CREATE_TAP = OVS | {"details": {"ovs_create_tap": True}}
HYBRID = OVS | {"details": {"ovs_hybrid_plug": True}}


def links() -> dict[str, dict[str, object]]:
    return {str(link["ifname"]): link for link in ip_json("link", "show")}


def rows(compute: Compute, table: str, *columns: str) -> dict[str, dict[str, object]]:
    """The rows of a table, by name; without the bridge's own."""
    told = compute.switch.vsctl("-f", "json", f"--columns={','.join(('name', *columns))}", "list", table)
    answer = json.loads(told)
    found = {row[0]: dict(zip(answer["headings"], row, strict=True)) for row in answer["data"]}
    return {name: row for name, row in found.items() if name != "br-int"}


def everything(compute: Compute) -> object:
    """All that a plug could leave or change.

    Not Open vSwitch's own devices (it gives its bridge the least MTU of the ports when it comes to it), nor what the
    kernel counts by itself.
    """
    kept = ("ifname", "ifindex", "link", "master", "mtu", "address", "ifalias", "flags")
    shown = [{key: link[key] for key in kept if key in link} for link in ip_json("link", "show")]
    found = [link for link in shown if link["ifname"] not in ("br-int", "ovs-netdev")]
    return found, rows(compute, "Port", "_uuid"), rows(compute, "Interface", "_uuid", "external_ids")


def ids(row: Mapping[str, object]) -> dict[str, str]:
    return dict(row["external_ids"][1])  # type: ignore[index]  # a map of OVSDB's


def xml(compute: Compute, vif: Mapping[str, object]) -> ElementTree.Element:
    return ElementTree.fromstring(str(compute.do("xml", vif)))


def attributes(root: ElementTree.Element, path: str) -> dict[str, str]:
    found = root.find(path)
    assert found is not None, ElementTree.tostring(root)
    return dict(found.attrib)


def test_the_library_is_this_one(compute: Compute) -> None:
    assert str(compute.library).startswith(str(ENVIRONMENT))


def test_ovs_with_a_tap_that_is_made_here(compute: Compute) -> None:
    before = everything(compute)
    compute.do("plug", CREATE_TAP)
    tap = links()[TAP]
    assert tap["mtu"] == 1450
    interface = rows(compute, "Interface", "external_ids", "ofport", "error")[TAP]
    assert interface["ofport"] > 0  # type: ignore[operator]
    expected = {"iface-id": PORT, "attached-mac": MAC, "vm-uuid": INSTANCE, "iface-status": "active"}
    assert expected.items() <= ids(interface).items()
    assert compute.switch.vsctl("port-to-br", TAP).strip() == "br-int"
    assert attributes(xml(compute, CREATE_TAP), "target") == {"dev": TAP, "managed": "no"}
    assert compute.daemons() == {"vif_plug_ovs.privsep.vif_plug"}
    plugged = everything(compute)
    compute.do("plug", CREATE_TAP)
    assert everything(compute) == plugged
    compute.do("unplug", CREATE_TAP)
    assert everything(compute) == before
    compute.do("unplug", CREATE_TAP)


def test_ovs_with_a_port_alone_whose_tap_libvirt_makes(compute: Compute) -> None:
    before = everything(compute)
    compute.do("plug", OVS)
    assert TAP not in links()
    assert ids(rows(compute, "Interface", "external_ids")[TAP])["iface-id"] == PORT
    shown = xml(compute, OVS)
    assert shown.get("type") == "ethernet"
    assert attributes(shown, "target") == {"dev": TAP}
    compute.do("unplug", OVS)
    assert everything(compute) == before


def test_ovs_whose_port_libvirt_makes(compute: Compute) -> None:
    vif = OVS | {"delegate_create": False}
    before = everything(compute)
    compute.do("plug", vif)
    assert TAP not in rows(compute, "Interface")
    shown = xml(compute, vif)
    assert shown.get("type") == "bridge"
    assert attributes(shown, "virtualport/parameters") == {"interfaceid": PORT}
    compute.do("unplug", vif)
    assert everything(compute) == before


def test_ovs_hybrid(compute: Compute) -> None:
    before = everything(compute)
    compute.do("plug", HYBRID)
    found = links()
    assert found[QVB]["master"] == QBR
    assert found[QVB]["mtu"] == found[QVO]["mtu"] == 1450
    interface = rows(compute, "Interface", "external_ids", "ofport")[QVO]
    assert interface["ofport"] > 0  # type: ignore[operator]
    assert ids(interface)["iface-id"] == PORT
    shown = xml(compute, HYBRID)
    assert attributes(shown, "source") == {"bridge": QBR}
    assert attributes(shown, "target") == {"dev": TAP}
    plugged = everything(compute)
    compute.do("plug", HYBRID)
    assert everything(compute) == plugged
    compute.do("unplug", HYBRID)
    assert everything(compute) == before


def test_vhostuser_that_open_vswitch_cannot_have_is_novas_error(compute: Compute) -> None:
    """Open vSwitch without DPDK takes the rows and has no such port: it says so, and Nova gets to know it."""
    details = {"vhostuser_socket": "/var/run/vhu1", "vhostuser_ovs_plug": True, "vhostuser_mode": "server"}
    vif = {"type": "vhostuser", "details": details | {"datapath_type": "netdev"}}
    before = everything(compute)
    with pytest.raises(NovaError) as failed:
        compute.do("plug", vif)
    assert failed.value.classes[0] == "InternalError"
    assert "vhub679325f-ca: ofport -1: could not open network device" in failed.value.text
    assert everything(compute) == before
    shown = xml(compute, vif)
    assert attributes(shown, "source") == {"type": "unix", "mode": "server", "path": "/var/run/vhu1"}
    compute.do("unplug", vif)


def test_vhostuser_with_nothing_to_do_here(compute: Compute) -> None:
    vif = {"type": "vhostuser", "details": {"vhostuser_socket": "/var/run/s1", "vhostuser_mode": "client"}}
    before = everything(compute)
    compute.do("plug", vif)
    assert everything(compute) == before
    shown = xml(compute, vif)
    assert attributes(shown, "source") == {"type": "unix", "mode": "client", "path": "/var/run/s1"}
    compute.do("unplug", vif)


def test_ovs_remote_managed(compute: Compute) -> None:
    vif = OVS | {"vnic_type": "remote-managed", "profile": {"pci_slot": "0000:0a:00.1"}}
    before = everything(compute)
    compute.do("plug", vif)
    assert everything(compute) == before
    assert attributes(xml(compute, vif), "source/address")["bus"] == "0x0a"
    compute.do("unplug", vif)


@pytest.mark.parametrize(
    ("backend", "plugged", "unplugged"),
    [
        ("ivs", f"ivs-ctl add-port {TAP}", f"ivs-ctl del-port {TAP}"),
        ("vrouter", "vrouter-port-control --oper=add", f"vrouter-port-control --oper=delete --uuid={PORT}"),
    ],
)
def test_a_backend_that_a_script_connects(
    backend: str, plugged: str, unplugged: str, compute: Compute
) -> None:
    """The script is the one that comes with os-vif; what it calls is a stand-in that notes its arguments."""
    vif = {"type": backend}
    before = everything(compute)
    compute.calls()
    compute.do("plug", vif)
    assert links()[TAP]["mtu"] == 1450
    assert compute.calls()[0].startswith(plugged)
    shown = xml(compute, vif)
    assert shown.get("type") == "ethernet"
    assert attributes(shown, "target")["dev"] == TAP
    compute.do("plug", vif)
    assert compute.calls() == []
    compute.do("unplug", vif)
    assert compute.calls()[0].startswith(unplugged)
    assert everything(compute) == before
    assert "vif_plug_script.privsep.vif_plug" in compute.daemons()


def test_ivs_hybrid(compute: Compute) -> None:
    vif = {"type": "ivs", "details": {"ovs_hybrid_plug": True}}
    before = everything(compute)
    compute.do("plug", vif)
    assert links()[QVB]["master"] == QBR
    assert compute.calls() == [f"ivs-ctl add-port {QVO}"]
    assert attributes(xml(compute, vif), "source") == {"bridge": QBR}
    compute.do("unplug", vif)
    assert compute.calls() == [f"ivs-ctl del-port {QVO}"]
    assert everything(compute) == before


def test_a_plug_that_fails_is_novas_error_with_the_reason(compute: Compute) -> None:
    """A script that fails; of what was made before it, nothing is left."""
    tool = compute.place / "bin" / "ivs-ctl"
    works = tool.read_text()
    tool.write_text('#!/bin/sh\necho "the switch is asleep" >&2\nexit 1\n')
    before = everything(compute)
    with pytest.raises(NovaError) as failed:
        compute.do("plug", {"type": "ivs"})
    tool.write_text(works)
    assert failed.value.classes[0] == "InternalError"
    assert "the switch is asleep" in failed.value.text
    assert PORT in failed.value.text
    assert everything(compute) == before


def test_a_port_that_another_vif_has_is_novas_error(compute: Compute) -> None:
    """Two ports whose names are the same to 14 characters."""
    other = CREATE_TAP | {"id": "b679325f-caff-4ee0-a8be-6db1409b69ea"}
    compute.do("plug", CREATE_TAP)
    plugged = everything(compute)
    with pytest.raises(NovaError) as failed:
        compute.do("plug", other)
    assert failed.value.classes[0] == "InternalError"
    assert "belongs to VIF" in failed.value.text
    assert everything(compute) == plugged
    compute.do("unplug", CREATE_TAP)


def test_a_direct_port_without_its_device_is_novas_error(compute: Compute) -> None:
    vif = OVS | {"vnic_type": "direct", "profile": {"pci_slot": "ffff:0a:00.1"}}
    before = everything(compute)
    with pytest.raises(NovaError) as failed:
        compute.do("plug", vif)
    assert failed.value.classes[0] == "InternalError"
    assert "ffff:0a:00.1" in failed.value.text
    assert everything(compute) == before
