"""The commands on a real Open vSwitch: what they say is what ovs-vsctl says, and what only looks changes nothing."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest
from tests.commandline import CommandLine, Result
from tests.netns import ip, ip_json
from tests.ovs import OpenVSwitch
from tests.snapshot import snapshot
from tests.vifs import vif_id

MAC = ("--mac", "02:00:00:00:00:01")
VIF = ("--plugin", "ovs", "--bridge", "br-int", *MAC)
TABLES = ("Open_vSwitch", "Bridge", "Port", "Interface", "QoS")
# what ovs-vswitchd writes of itself, at its leisure
RESTLESS = ("statistics", "status", "cur_cfg", "link_resets", "_version")


class Host:
    """A host with a switch, and `os-vif` that knows where its database is."""

    def __init__(self, ovs: OpenVSwitch, command: CommandLine) -> None:
        self.ovs = ovs
        self._command = command

    def __call__(self, *arguments: object, stdin: str = "") -> Result:
        return self._command(*arguments, "--ovsdb", self.ovs.remote, stdin=stdin)

    def column(self, table: str, name: str, column: str) -> str:
        return self.ovs.vsctl("get", table, name, column).strip()

    def rows(self) -> dict[str, object]:
        """All rows, but for what changes by itself."""
        found: dict[str, object] = {}
        for table in TABLES:
            listed = json.loads(self.ovs.vsctl("--format=json", "list", table))
            kept = [n for n, heading in enumerate(listed["headings"]) if heading not in RESTLESS]
            found[table] = sorted(json.dumps([row[n] for n in kept]) for row in listed["data"])
        return found

    def ports(self) -> set[str]:
        return set(self.ovs.vsctl("list-ports", "br-int").split())


@pytest.fixture
def host(ovs: OpenVSwitch, os_vif_command: CommandLine) -> Host:
    ovs.bridge("br-int")
    return Host(ovs, os_vif_command)


def test_the_life_of_a_port(host: Host) -> None:
    flags = (*VIF, "--tap", "tap1", "--id", vif_id(1), "--mtu", "1450")
    before = snapshot()
    assert host("check", *flags).code == 1
    assert host("plug", *flags).out == f"plugged: VIF {vif_id(1)} (tap1)\n"
    assert host.column("Interface", "tap1", "external_ids:iface-id") == f'"{vif_id(1)}"'
    assert int(host.column("Interface", "tap1", "ofport")) > 0
    (tap,) = ip_json("link", "show", "tap1")
    assert tap["mtu"] == 1450
    assert host("check", *flags).code == 0
    assert host("wait", *flags, "--timeout", 0).out == f"ready: VIF {vif_id(1)} (tap1)\n"

    host.ovs.vsctl("set", "Interface", "tap1", "external_ids:iface-id=other")
    assert "external_ids:iface-id" in host("check", *flags).out
    assert host("repair", *flags).code == 0
    assert host("check", *flags).code == 0

    assert host("unplug", *flags).code == 0
    assert host.ports() == set()
    assert snapshot() == before
    assert host("unplug", *flags).code == 0


def test_a_hybrid_vif(host: Host) -> None:
    flags = (*VIF, "--tap", "tap1", "--hybrid", "--id", vif_id(1))
    assert host("plug", *flags).code == 0
    assert {link["ifname"] for link in ip_json("link", "show", "type", "bridge")} == {"qbr00000000-00"}
    assert host.ports() == {"qvo00000000-00"}
    assert host("check", *flags).code == 0
    assert host("unplug", *flags).code == 0
    assert host.ports() == set()


def test_a_vhost_user_port_that_cannot_be_opened_says_why(host: Host) -> None:
    result = host("plug", *VIF, "--vhost-user", "/run/os-vif-test.sock")
    assert result.code == 4
    assert "Address family not supported" in result.err.splitlines()[0]
    assert host.ports() == set()


@pytest.mark.parametrize(
    "kind", [("--tap", "tap1"), ("--tap", "tap1", "--hybrid"), ("--vhost-user", "/run/x")]
)
def test_a_dry_run_writes_no_row(host: Host, kind: tuple[str, ...]) -> None:
    before, rows = snapshot(), host.rows()
    result = host("plug", *VIF, *kind, "--dry-run", "-f", "json")
    assert result.code == 0
    assert host.rows() == rows
    assert snapshot() == before
    assert isinstance(result.data, dict)
    written = [row for step in result.data["steps"] for row in step["rows"]]
    assert [row.split(":")[0] for row in written if row.startswith("insert ")] in (
        ["insert Interface", "insert QoS", "insert Port"],
        ["insert Interface", "insert Port"],
    )
    assert any(row.startswith("mutate Bridge br-int: insert ports=") for row in written)


def test_a_dry_run_of_many_writes_no_row(host: Host, tmp_path: Path) -> None:
    """Many rows go another way through the engine than few."""
    path = tmp_path / "vifs.json"
    path.write_text(json.dumps([_primitive(host, number) for number in range(1, 13)]))
    before, rows = snapshot(), host.rows()
    dry = host("plug", path, "--dry-run", "-f", "json").data
    assert isinstance(dry, dict)
    assert (host.rows(), snapshot()) == (rows, before)
    steps = {step["step"]: step["vifs"] for step in dry["steps"]}
    assert steps["write Open vSwitch port tap12"] == [vif_id(12)]

    host("plug", path)
    assert host("plug", path, "--dry-run").out == "nothing to do\n"
    plugged, rows = snapshot(), host.rows()
    gone = host("unplug", path, "--dry-run").out
    assert "remove Open vSwitch port tap12" in gone
    assert "delete Port tap12" in gone
    assert (host.rows(), snapshot()) == (rows, plugged)


def test_a_dry_run_says_which_bridge_it_would_make(host: Host) -> None:
    out = host("plug", *VIF, "--bridge", "br-new", "--tap", "tap1", "--datapath", "netdev", "--dry-run").out
    assert "insert Bridge: name=br-new, datapath_type=netdev, ports=br-new" in out
    assert host.ovs.vsctl("list-br").split() == ["br-int"]


def test_wait_says_why_not(host: Host) -> None:
    flags = (*VIF, "--tap", "tap1", "--id", vif_id(1))
    assert host("wait", *flags, "--timeout", 0).code == 1
    host("plug", *flags)
    host.ovs.vsctl("set", "Port", "tap1", "tag=4095")
    late = host("wait", *flags, "--timeout", 0.2)
    assert late.code == 1
    assert late.out.splitlines()[0] == f"VIF {vif_id(1)} (tap1): not ready after 0.2 s:"
    assert "dead VLAN" in late.out.splitlines()[1]
    data = host("wait", *flags, "--timeout", 0, "-f", "json").data
    assert isinstance(data, list)
    assert (data[0]["vif"], data[0]["ready"], len(data[0]["reasons"])) == (vif_id(1), False, 1)


def test_the_guest_of_a_port_that_somebody_else_plugged(host: Host) -> None:
    """Who only has the VIF does not know the guest: nothing is wrong with it, and nothing is written over it."""
    flags = (*VIF, "--tap", "tap1", "--id", vif_id(1))
    guest = "77777777-0000-4000-8000-000000000007"
    assert host("plug", *flags, "--instance", guest).code == 0
    assert host("check", *flags).code == 0
    assert host("wait", *flags, "--timeout", 0).code == 0
    assert host("repair", *flags).code == 0
    assert host.column("Interface", "tap1", "external_ids:vm-uuid") == f'"{guest}"'
    other = host("check", *flags, "--instance", guest.replace("7", "8"))
    assert (other.code, "external_ids:vm-uuid" in other.out) == (1, True)


def test_list(host: Host) -> None:
    host("plug", *VIF, "--tap", "tap1", "--id", vif_id(1))
    host("plug", *VIF, "--tap", "tap2", "--id", "00000001-0000-4000-8000-000000000002", "--hybrid")
    host.ovs.vsctl("set", "Port", "tap1", "tag=7")
    host.ovs.vsctl("add-port", "br-int", "foreign", "--", "set", "Interface", "foreign", "type=internal")
    mark = f"external_ids:os-vif={vif_id(3)}"
    host.ovs.vsctl("--no-wait", "add-port", "br-int", "broken", "--", "set", "Port", "broken", mark)
    table = host("list").out
    rows = {row[1]: row for row in (re.split(r"\s{2,}", line) for line in table.splitlines())}
    ofport = host.column("Interface", "tap1", "ofport")
    assert rows["DEVICE"] == ["VIF", "DEVICE", "KIND", "BRIDGE", "MTU", "OFPORT", "TAG", "STATE"]
    assert rows["tap1"] == [vif_id(1), "tap1", "tap", "br-int", "1500", ofport, "7", "no carrier"]
    assert rows["qvo00000001-00"][2:4] == ["veth", "br-int"]
    assert rows["qvb00000001-00"][3] == "qbr00000001-00"
    assert rows["broken"][0] == vif_id(3)
    assert "No such device" in rows["broken"][-1]
    assert "foreign" not in table
    (entry,) = (e for e in json.loads(host("list", "-f", "json").out) if e["device"] == "tap1")
    assert (entry["ofport"], entry["tag"], entry["bridge"]) == (int(ofport), 7, "br-int")


def test_gc_takes_ports_with_their_qos_and_what_is_kept_stays(host: Host, tmp_path: Path) -> None:
    path = tmp_path / "vifs.json"
    path.write_text(json.dumps([_primitive(host, number) for number in (1, 2, 3)]))
    host("plug", path)
    host("plug", *VIF, "--tap", "tap9", "--hybrid", "--id", vif_id(9))
    host.ovs.vsctl("add-port", "br-int", "foreign", "--", "set", "Interface", "foreign", "type=internal")
    rows = host.rows()
    dry = host("gc", "--keep", "-", "--dry-run", stdin=vif_id(2))
    assert {line.split()[2] for line in dry.out.splitlines()} >= {"tap1", "tap3", "qvo00000000-00"}
    assert host.rows() == rows

    swept = host("gc", "--keep", "-", stdin=vif_id(2))
    assert (swept.code, swept.err) == (0, "")
    assert host.ports() == {"tap2", "foreign"}
    assert len(host.ovs.vsctl("--columns=_uuid", "list", "QoS").split("_uuid")) - 1 == 1
    names = {link["ifname"] for link in ip_json("link")}
    assert names.isdisjoint({"tap1", "tap3", "qbr00000000-00", "qvo00000000-00"})
    host("gc", "--keep-none")
    assert host.ports() == {"foreign"}


def test_gc_leaves_a_bridge_with_a_port_that_is_kept(host: Host) -> None:
    trunk = ("--plugin", "ovs", *MAC, "--bridge", "tbr-1", "--datapath", "netdev")
    assert host("plug", *trunk, "--tap", "tap1", "--id", vif_id(1)).code == 0
    other = ("--", "set", "Interface", "other", "type=internal", "--", "set", "Port", "other")
    host.ovs.vsctl("add-port", "tbr-1", "other", *other, f"external_ids:os-vif={vif_id(2)}")
    host("gc", "--keep", "-", stdin=vif_id(2))
    assert host.ovs.vsctl("list-ports", "tbr-1").split() == ["other"]
    host("gc", "--keep-none")
    assert host.ovs.vsctl("list-br").split() == ["br-int"]


@pytest.mark.usefixtures("netns")
@pytest.mark.parametrize("verb", [("list",), ("gc", "--keep-none"), ("topology",)])
def test_a_host_without_a_switch_is_no_error_and_no_delay(
    os_vif_command: CommandLine, verb: tuple[str]
) -> None:
    os_vif_command("host-info")  # what is imported once is not what is measured
    start = time.monotonic()
    result = os_vif_command(*verb)
    assert (result.code, result.err) == (0, "")
    assert time.monotonic() - start < 0.5


@pytest.mark.usefixtures("netns")
@pytest.mark.parametrize(
    ("remote", "code", "words"),
    [("unix:/os-vif/no.sock", 4, "No such file"), ("nonsense", 2, "no connection method")],
)
def test_a_switch_that_was_named_and_is_not_there(
    os_vif_command: CommandLine,
    monkeypatch: pytest.MonkeyPatch,
    remote: str,
    code: int,
    words: str,
) -> None:
    monkeypatch.setattr("os_vif.cli.session._PATIENCE", 0.2)
    ip("tuntap", "add", "tap1", "mode", "tap")
    ip("link", "set", "tap1", "alias", f"os-vif:{vif_id(1)}")
    before = snapshot()
    for verb in (("list",), ("gc", "--keep-none"), ("topology",)):
        result = os_vif_command(*verb, "--ovsdb", remote)
        assert (result.code, result.out) == (code, ""), verb
        assert words in result.err.splitlines()[0]
    assert snapshot() == before


def _primitive(host: Host, number: int) -> object:
    """VIF `number` as JSON, as a caller of the library would write it."""
    from os_vif import objects
    from os_vif.cli import flags
    from os_vif.cli.arguments import VifArguments

    arguments = VifArguments(
        plugin="ovs",
        bridge="br-int",
        tap=f"tap{number}",
        mac=f"02:00:00:00:00:{number:02x}",
        vif_id=vif_id(number),
    )
    return json.loads(objects.to_json(flags.vif(arguments)))
