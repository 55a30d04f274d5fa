"""`os-vif topology` of a real host: what is connected to what, whose it is, and what differs from the plans."""

from __future__ import annotations

import fcntl
import json
import os
import struct
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.commandline import CommandLine
from tests.netns import ip
from tests.ovs import OpenVSwitch
from tests.vifs import bridge_vif, vif_id

from os_vif import objects

NATIVE = "00000009-0000-4000-8000-000000000009"
HYBRID = "0000000a-0000-4000-8000-00000000000a"


@pytest.fixture
def host(ovs: OpenVSwitch, os_vif_command: CommandLine) -> Iterator[OpenVSwitch]:
    """A native and a hybrid port on br-int, a tap on a Linux bridge, a patch to br-ex, an address on a link."""
    ovs.bridge("br-int")
    ovs.bridge("br-ex")
    for bridge, port, peer in (("br-int", "int", "phy"), ("br-ex", "phy", "int")):
        patch = ("--", "set", "Interface", port, "type=patch", f"options:peer={peer}")
        ovs.vsctl("--no-wait", "add-port", bridge, port, *patch)
    common = ("--ovsdb", ovs.remote, "--plugin", "ovs", "--bridge", "br-int", "--mac", "02:00:00:00:00:01")
    assert os_vif_command("plug", *common, "--tap", "tap9", "--id", NATIVE).code == 0
    assert os_vif_command("plug", *common, "--tap", "tapa", "--hybrid", "--id", HYBRID).code == 0
    assert os_vif_command("plug", "-", stdin=objects.to_json(bridge_vif(1))).code == 0
    ip("link", "add", "eth0", "type", "veth", "peer", "name", "eth1")
    ip("address", "add", "192.0.2.1/24", "dev", "eth0")
    guest = os.open("/dev/net/tun", os.O_RDWR)
    try:
        fcntl.ioctl(
            guest, 0x400454CA, struct.pack("16sH22x", b"tap9", 0x1002)
        )  # TUNSETIFF, IFF_TAP | IFF_NO_PI
        yield ovs
    finally:
        os.close(guest)


def _lines(os_vif_command: CommandLine, host: OpenVSwitch, *arguments: object) -> list[str]:
    result = os_vif_command("topology", "--ovsdb", host.remote, *arguments)
    assert (result.code, result.err) == (0, "")
    return [" ".join(line.split()) for line in result.out.splitlines()]


def test_the_tree_says_what_is_connected_to_what(os_vif_command: CommandLine, host: OpenVSwitch) -> None:
    lines = _lines(os_vif_command, host)
    at = {line.split()[0]: n for n, line in enumerate(lines) if line and line[0] not in "├└│"}
    assert lines[at["br-int"] + 1 : at["br-int"] + 4] == [
        "├─ int patch to br-ex",
        "├─ qvo0000000a-00 veth to qbr0000000a-00 VIF 0000000a",
        "└─ tap9 tap, guest connected VIF 00000009",
    ]
    assert lines[at["br-ex"] + 1] == "└─ phy patch to br-int"
    assert lines[at["qbr0000000a-00"]].startswith("qbr0000000a-00 Linux bridge VIF 0000000a")
    assert lines[at["qbr0000000a-00"] + 1].startswith("└─ qvb0000000a-00 veth to br-int VIF 0000000a")
    assert lines[at["br0"]] == "br0 Linux bridge shared"
    assert "tap, no guest" in lines[at["br0"] + 1]
    assert "192.0.2.1/24" in " ".join(lines[at["on"] :])
    assert max(map(len, os_vif_command("topology", "--ovsdb", host.remote).out.splitlines())) <= 80


def test_json_and_svg_and_a_file(os_vif_command: CommandLine, host: OpenVSwitch, tmp_path: Path) -> None:
    topology = ("topology", "--ovsdb", host.remote)
    seen = json.loads(os_vif_command(*topology, "-f", "json").out)
    ports = {port["name"]: port for bridge in seen["bridges"] for port in bridge["ports"]}
    assert (ports["tap9"]["vif"], ports["tap9"]["carrier"], ports["tap9"]["bridge"]) == (
        NATIVE,
        True,
        "br-int",
    )
    assert ports["tap9"]["ofport"] > 0
    assert (ports["qvb0000000a-00"]["peer"], ports["qvb0000000a-00"]["peer_bridge"]) == (
        "qvo0000000a-00",
        "br-int",
    )
    assert ports["int"]["peer_bridge"] == "br-ex"
    path = tmp_path / "host.svg"
    written = os_vif_command(*topology, "-f", "svg", "-o", path)
    assert (written.code, written.out) == (0, "")
    assert ElementTree.parse(path).getroot().get("role") == "img"
    assert os_vif_command(*topology, "-f", "svg").out == path.read_text()
    refused = os_vif_command(*topology, "-o", tmp_path / "no" / "where")
    assert (refused.code, refused.out) == (2, "")
    assert "No such file" in refused.err


def test_what_differs_from_the_plans(os_vif_command: CommandLine, host: OpenVSwitch, tmp_path: Path) -> None:
    path = tmp_path / "vifs.json"
    path.write_text(json.dumps([json.loads(objects.to_json(bridge_vif(n))) for n in (1, 2)]))
    ip("link", "set", "tap1", "mtu", 1400, "nomaster")
    ip("link", "set", "tap1", "down")
    lines = _lines(os_vif_command, host, "--vif", path)
    tap1 = next(n for n, line in enumerate(lines) if "tap1" in line)
    assert "tap, down" in lines[tap1]
    assert any("! is in no bridge, should be in br0" in line for line in lines[tap1 : tap1 + 4])
    assert any("tap2 tap, missing" in line for line in lines)
    assert any(line.startswith(f"{vif_id(2)} ") and "difference" in line for line in lines)
    assert not any(line.startswith(NATIVE) and "planned" in line for line in lines)


@pytest.mark.usefixtures("netns")
def test_an_end_in_another_namespace_is_no_peer(os_vif_command: CommandLine) -> None:
    """Its index there may be that of a link here, even its own."""
    ip("link", "add", "br0", "type", "bridge")
    ip("netns", "add", name := f"os-vif-{os.getpid()}")
    try:
        for number in range(3):
            ip("link", "add", f"veth{number}", "type", "veth", "peer", "name", f"eth{number}")
            ip("link", "set", f"veth{number}", "master", "br0", "up")
            ip("link", "set", f"eth{number}", "netns", name)
        out = os_vif_command("topology").out
    finally:
        ip("netns", "delete", name)
    assert out.count("veth to another namespace") == 3
