"""Drawings of a host that is made up here: what a reader sees in the tree, and what is in the picture."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest

from os_vif.cli import layout, svg, tree
from os_vif.host import topology
from os_vif.host.differences import Difference, Remedy
from os_vif.host.plan import Bridge, BridgePort, OvsBridge, OvsDatabase, OvsPort, Plan, Resource, Tap
from os_vif.host.topology import Port, Switch, Topology

ONE, TWO = "aaaaaaaa-0000-4000-8000-000000000001", "bbbbbbbb-0000-4000-8000-000000000002"
SVG = "{http://www.w3.org/2000/svg}"
DATABASE = OvsDatabase(remote="unix:/run/db.sock")

HOST = Topology(
    host="worker",
    bridges=(
        Switch(
            name="br-ex",
            kind="ovs",
            datapath="system",
            ports=(
                Port(name="eth1", kind="nic", bridge="br-ex", up=True, carrier=True),
                Port(name="phy", kind="patch", bridge="br-ex", peer="int", peer_bridge="br-int"),
            ),
        ),
        Switch(
            name="br-int",
            kind="ovs",
            datapath="system",
            ports=(
                Port(name="int", kind="patch", bridge="br-int", peer="phy", peer_bridge="br-ex"),
                Port(
                    name="qvo1",
                    kind="veth",
                    bridge="br-int",
                    vif=ONE,
                    peer="qvb1",
                    peer_bridge="qbr1",
                    up=True,
                ),
                Port(name="tap2", kind="tap", bridge="br-int", vif=TWO, up=True, carrier=False, tag=7),
            ),
        ),
        Switch(
            name="qbr1",
            kind="linux",
            vif=ONE,
            up=True,
            ports=(
                Port(
                    name="qvb1",
                    kind="veth",
                    bridge="qbr1",
                    vif=ONE,
                    peer="qvo1",
                    peer_bridge="br-int",
                    up=True,
                ),
                Port(name="tap1", kind="tap", bridge="qbr1", up=True, carrier=True),
            ),
        ),
    ),
    others=(
        Port(name="eth0", kind="nic", up=True, carrier=True, addresses=("192.0.2.1/24", "2001:db8::1/64")),
    ),
)


def test_the_tree() -> None:
    assert tree.lines(HOST) == [
        "worker",
        "",
        "br-ex    Open vSwitch bridge, system",
        "├─ eth1  NIC",
        "└─ phy   patch to br-int",
        "",
        "br-int   Open vSwitch bridge, system",
        "├─ int   patch to br-ex",
        "├─ qvo1  veth to qbr1                 VIF aaaaaaaa",
        "└─ tap2  tap, no guest, tag 7         VIF bbbbbbbb",
        "",
        "qbr1     Linux bridge                 VIF aaaaaaaa",
        "├─ qvb1  veth to br-int               VIF aaaaaaaa",
        "└─ tap1  tap, guest connected",
        "",
        "on no bridge",
        "└─ eth0  NIC",
        "     192.0.2.1/24",
        "     2001:db8::1/64",
        "",
        "VIFs",
        f"  {ONE}",
        f"  {TWO}",
    ]


def test_what_has_no_mark_is_faint_in_a_terminal() -> None:
    lines = tree.lines(HOST, colours=True)
    (unmarked,) = (line for line in lines if "tap1" in line)
    (marked,) = (line for line in lines if "tap2" in line)
    assert "\x1b[2mtap1" in unmarked
    assert "\x1b[2mtap2" not in marked


def test_ids_are_as_long_as_it_takes_to_tell_them_apart() -> None:
    called = tree.short_ids([ONE, "aaaaaaaa-0000-4000-9000-000000000001"])
    assert called(ONE) == "VIF aaaaaaaa-0000-4000-8"


def _differing() -> Topology:
    bridge, wanted = Bridge(name="qbr1"), OvsPort(name="new", bridge="br-int", database=DATABASE)
    missing = Bridge(name="br9"), Tap(name="tap9")
    one = Plan(ONE, (bridge, OvsBridge(name="br-int", database=DATABASE), wanted))
    two = Plan(TWO, (*missing, BridgePort(port="tap9", bridge="br9")))
    mtu = Difference(bridge, "mtu", 2, 1, Remedy.MEND, "qbr1: mtu is 1, should be 2")
    return topology.compared(HOST, [(one, [mtu, _missing(wanted)]), (two, [_missing(r) for r in missing])])


def _missing(resource: Resource) -> Difference:
    return Difference(resource, "present", True, False, Remedy.MEND, f"{resource.key[1]}: is missing")


def test_what_differs_is_shown_where_it_is_or_should_be() -> None:
    seen = _differing()
    lines = tree.lines(seen)
    assert (
        lines[lines.index("qbr1     Linux bridge                 VIF aaaaaaaa") + 1]
        == "│    ! mtu is 1, should be 2"
    )
    assert "└─ new   port, missing                VIF aaaaaaaa" in lines
    assert "br9      Linux bridge, missing" in lines
    assert "└─ tap9  tap, missing                 VIF bbbbbbbb" in lines
    assert lines[-2:] == [f"  {ONE}  2 differences", f"  {TWO}  2 differences"]
    as_planned = topology.compared(HOST, [(Plan(ONE), [])])
    assert tree.lines(as_planned)[-2:] == [f"  {ONE}  as planned", f"  {TWO}"]
    assert as_planned.bridges == HOST.bridges


@pytest.mark.parametrize("seen", [HOST, _differing(), Topology(host="empty", bridges=(), others=())])
def test_the_picture_is_xml_and_says_what_the_tree_says(seen: Topology) -> None:
    text = svg.drawing(seen)
    assert text == svg.drawing(seen)
    root = ElementTree.fromstring(text)
    assert root.findtext(f"{SVG}title") == f"Network of {seen.host}"
    assert root.findtext(f"{SVG}desc") == "\n".join(tree.lines(seen))
    labels = {element.text for element in root.iter(f"{SVG}text")}
    assert {port.name for port in seen.ports()} <= labels
    assert {bridge.name for bridge in seen.bridges} <= labels
    assert {f"VIF {vif}" for vif in seen.vifs()} <= labels
    for fault in seen.faults:
        assert f"! {fault.text.removeprefix(fault.object + ': ')}" in labels


def test_nothing_in_the_picture_lies_on_another_or_outside() -> None:
    plan = layout.arranged(_differing(), lambda port: (port.kind, "", "VIF aaaaaaaa"))
    boxes = plan.boxes
    assert len(boxes) == 5
    for n, one in enumerate(boxes):
        assert one.x - one.left >= 0
        assert one.x + one.width + one.right <= plan.width
        assert one.y + one.height <= plan.height
        for other in boxes[n + 1 :]:
            apart = (
                one.x + one.width + one.right <= other.x - other.left
                or other.x + other.width + other.right <= one.x - one.left
                or one.y + one.height <= other.y
                or other.y + other.height <= one.y
            )
            assert apart, (one.name, other.name)


def test_the_way_out_is_at_the_right_and_connections_end_at_their_ports() -> None:
    plan = layout.arranged(HOST, lambda port: (port.kind, "", ""))
    places = {box.name: box.x for box in plan.boxes}
    assert places["qbr1"] < places["br-int"] < places["br-ex"]
    rows = {row.port.name: (box, row) for box in plan.boxes for row in box.rows}
    assert {frozenset({wire.port.name, wire.port.peer}) for wire in plan.wires} == {
        frozenset({"int", "phy"}),
        frozenset({"qvb1", "qvo1"}),
    }
    for wire in plan.wires:
        (box, row), (other, peer) = rows[wire.port.name], rows[str(wire.port.peer)]
        assert wire.points[0] == (box.x + box.width, row.middle)
        assert wire.points[-1] == (other.x, peer.middle)


def test_names_cannot_play_with_the_terminal_or_the_document() -> None:
    bad = Port(name="\x1b[2J<b>&", kind="tap", vif="]]>\x07", up=True)
    seen = replace(HOST, host="<host>\x1b", others=(bad,))
    assert "\x1b" not in "".join(tree.lines(seen))
    root = ElementTree.fromstring(svg.drawing(seen))
    assert "\\x1b[2J<b>&" in {element.text for element in root.iter(f"{SVG}text")}
