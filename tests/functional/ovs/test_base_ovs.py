"""BaseOVS, which other projects use, against a real Open vSwitch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.netns import ip, ip_json
from tests.ovs import OpenVSwitch, ovs
from tests.unit.ovs import vifs

from os_vif.host.ovsdb import OvsdbError
from vif_plug_ovs import privsep
from vif_plug_ovs.exception import AgentError
from vif_plug_ovs.ovsdb.ovsdb_lib import BaseOVS

__all__ = ["ovs"]

MAC = "fa:16:3e:11:22:33"
IDS = {"iface-id": "port-1", "iface-status": "active", "attached-mac": MAC, "vm-uuid": "vm-1"}


@pytest.fixture
def base(ovs: OpenVSwitch) -> Iterator[BaseOVS]:
    privsep.vif_plug.set_client_mode(False)  # a daemon would be in another namespace
    base = vifs.plugin(ovsdb_connection=ovs.remote, ovs_vsctl_timeout=5).ovsdb
    yield base
    base.ovsdb.close()
    privsep.vif_plug.set_client_mode(True)


def columns(ovs: OpenVSwitch, table: str, name: str, *wanted: str) -> dict[str, Any]:
    """As ovs-vsctl shows them, sets and maps made plain."""
    shown = json.loads(ovs.vsctl("--format=json", f"--columns={','.join(wanted)}", "list", table, name))
    plain = {"set": list, "map": dict, "uuid": str}
    row = [plain[v[0]](v[1]) if isinstance(v, list) else v for v in shown["data"][0]]
    return dict(zip(shown["headings"], row, strict=True))


def tap(name: str = "tap1") -> str:
    ip("tuntap", "add", name, "mode", "tap")
    return name


def test_bridges(ovs: OpenVSwitch, base: BaseOVS) -> None:
    for _ in range(2):
        base.ensure_ovs_bridge("br-int", "netdev")
        assert ovs.vsctl("list-br").split() == ["br-int"]
    assert columns(ovs, "Bridge", "br-int", "datapath_type") == {"datapath_type": "netdev"}
    base.ensure_ovs_bridge("br-int", None)
    assert columns(ovs, "Bridge", "br-int", "datapath_type") == {"datapath_type": "netdev"}
    for _ in range(2):
        base.delete_ovs_bridge("br-int")
        assert ovs.vsctl("list-br") == ""


def test_a_port_with_everything(ovs: OpenVSwitch, base: BaseOVS) -> None:
    base.ensure_ovs_bridge("br-int", "netdev")
    for _ in range(2):
        base.create_ovs_vif_port(
            "br-int",
            tap() if not base.port_exists("tap1", "br-int") else "tap1",
            "port-1",
            MAC,
            "vm-1",
            mtu=1400,
            tag=4095,
            vlan_mode="trunk",
            trunks=4095,
            qos_type="linux-noop",
        )
        assert base.port_exists("tap1", "br-int")
        assert columns(ovs, "Interface", "tap1", "external_ids", "error") == {
            "external_ids": dict(IDS),
            "error": [],
        }
        assert columns(ovs, "Interface", "tap1", "ofport")["ofport"] > 0
        port = columns(ovs, "Port", "tap1", "tag", "vlan_mode", "trunks", "qos")
        (qos,) = base.get_qos("tap1", "linux-noop")
        assert port == {"tag": 4095, "vlan_mode": "trunk", "trunks": 4095, "qos": str(qos["_uuid"])}
        assert ip_json("link", "show", "tap1")[0]["mtu"] == 1400
    base.delete_ovs_vif_port("br-int", "tap1", qos_type="linux-noop")
    assert not base.port_exists("tap1", "br-int")
    assert base.get_qos("tap1", "linux-noop") == []
    assert "tap1" not in ip("link", "show")
    base.delete_ovs_vif_port("br-int", "tap1", qos_type="linux-noop")


def test_what_others_have_set_stays(ovs: OpenVSwitch, base: BaseOVS) -> None:
    ovs.bridge("br-int")
    ovs.vsctl(
        "add-port",
        "br-int",
        tap(),
        "--",
        "set",
        "Interface",
        "tap1",
        "external_ids:a=b",
        "external_ids:iface-id=old",
    )
    base.create_ovs_vif_port("br-int", "tap1", "port-1", MAC, "vm-1")
    assert columns(ovs, "Interface", "tap1", "external_ids") == {"external_ids": {"a": "b", **IDS}}


def test_vhost_user_makes_its_bridge(ovs: OpenVSwitch, base: BaseOVS) -> None:
    base.create_ovs_vif_port(
        "br-dpdk",
        "vhu1",
        "port-1",
        MAC,
        "vm-1",
        mtu=1400,
        interface_type="dpdkvhostuserclient",
        vhost_server_path="/run/s",
        datapath_type="netdev",
    )
    interface = columns(ovs, "Interface", "vhu1", "type", "options", "mtu_request")
    assert interface == {
        "type": "dpdkvhostuserclient",
        "options": {"vhost-server-path": "/run/s"},
        "mtu_request": 1400,
    }
    assert ovs.vsctl("iface-to-br", "vhu1").strip() == "br-dpdk"
    base.update_ovs_vif_port("vhu1", 1300, "dpdkvhostuserclient")
    assert columns(ovs, "Interface", "vhu1", "mtu_request") == {"mtu_request": 1300}


def test_a_representor_of_dpdk(ovs: OpenVSwitch, base: BaseOVS) -> None:
    ovs.bridge("br-int")
    base.create_ovs_vif_port(
        "br-int",
        "vfr1",
        "p",
        MAC,
        "v",
        interface_type="dpdk",
        pf_pci="0000:03:00.0",
        vf_num="0",
        set_ids=False,
    )
    interface = columns(ovs, "Interface", "vfr1", "type", "options", "external_ids")
    assert interface == {
        "type": "dpdk",
        "options": {"dpdk-devargs": "0000:03:00.0,representor=[0]"},
        "external_ids": {},
    }


def test_a_pair_of_patch_ports(ovs: OpenVSwitch, base: BaseOVS) -> None:
    ovs.bridge("br-int")
    ovs.bridge("pb1")
    for _ in range(2):
        base.create_patch_port_pair("pb1", "pbp1", "br-int", "ibp1", "port-1", MAC, "vm-1", tag=4095)
    here = columns(ovs, "Interface", "ibp1", "type", "options", "external_ids")
    assert here == {"type": "patch", "options": {"peer": "pbp1"}, "external_ids": IDS}
    there = columns(ovs, "Interface", "pbp1", "type", "options", "external_ids")
    assert there == {"type": "patch", "options": {"peer": "ibp1"}, "external_ids": {}}
    assert columns(ovs, "Port", "ibp1", "tag") == {"tag": 4095}
    assert columns(ovs, "Interface", "pbp1", "ofport")["ofport"] > 0


def test_a_trunks_bridge_is_said(ovs: OpenVSwitch, base: BaseOVS) -> None:
    ovs.bridge("tbr-1")
    base.create_ovs_vif_port("tbr-1", tap(), "port-1", MAC, "vm-1")
    assert columns(ovs, "Interface", "tap1", "external_ids")["external_ids"]["bridge_name"] == "tbr-1"


def test_a_port_of_another_bridge_is_left_alone(ovs: OpenVSwitch, base: BaseOVS) -> None:
    ovs.bridge("br-int")
    ovs.bridge("br-ex")
    base.create_ovs_vif_port("br-ex", tap(), "p", MAC, "v", qos_type="linux-noop")
    base.delete_ovs_vif_port("br-int", "tap1", delete_netdev=False, qos_type="linux-noop")
    assert base.port_exists("tap1", "br-ex")
    assert len(base.get_qos("tap1", "linux-noop")) == 1
    assert not base.port_exists("tap1", "br-int")


def test_no_bridge(base: BaseOVS) -> None:
    with pytest.raises(AgentError, match="no bridge br-int"):
        base.create_ovs_vif_port("br-int", "tap1", "p", MAC, "v")
    base.delete_ovs_vif_port("br-int", "tap1")


def test_no_database_is_an_error(tmp_path: Path) -> None:
    # quirk 10: a deletion that could not be done was reported as done
    base = vifs.plugin(ovsdb_connection=f"unix:{tmp_path}/none", ovs_vsctl_timeout=1).ovsdb
    with pytest.raises(OvsdbError, match="none"):
        base.delete_ovs_vif_port("br-int", "tap1")


def test_no_vswitchd_is_an_error(ovs: OpenVSwitch, base: BaseOVS) -> None:
    ovs.kill_vswitchd()
    slow = BaseOVS(vifs.plugin(ovsdb_connection=ovs.remote, ovs_vsctl_timeout=1).config)
    with pytest.raises(OvsdbError, match="ovs-vswitchd did not answer"):
        slow.ensure_ovs_bridge("br-int", "netdev")
