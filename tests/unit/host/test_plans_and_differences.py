"""Plan -> differences -> steps, as tables: what is on the host, what is said about it, what would be done."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from os_vif.host import changes, diff, removals
from os_vif.host.netlink import Link as Observed
from os_vif.host.observe import Host
from os_vif.host.plan import (
    EXTERNAL,
    OWNED,
    SHARED,
    SHARED_MARK,
    UNFINISHED_GROUP,
    AddressMove,
    Bridge,
    BridgePort,
    FilterRules,
    Hidden,
    Link,
    Plan,
    Resource,
    Script,
    Tap,
    Vlan,
    link_name_fault,
)

MARK = "os-vif:v1"


def link(index: int, name: str, kind: str, **fields: object) -> Observed:
    tap = {"tun_mode": "tap", "multi_queue": False} if kind == "tun" else {}
    return Observed(
        index=index,
        name=name,
        kind=kind,
        **{
            "mtu": 1500,
            "address": None,
            "up": True,
            "running": True,
            "carrier": True,
            "promisc": False,
            "operstate": "UP",
            "disable_ipv6": True,
            "arp_ignore": 1,
            "arp_announce": 2,
            **tap,
            **fields,
        },  # type: ignore[arg-type]
    )


BRIDGE = Bridge(name="br0", ownership=SHARED, mtu=1500, disable_ipv6=True, arp_ignore=1, arp_announce=2)
OWN_BRIDGE = replace(BRIDGE, ownership=OWNED)
TAP = Tap(name="tap1", mtu=1450, address="fe:00:00:00:00:01")
PORT = BridgePort(port="tap1", bridge="br0")
UPLINK = BridgePort(port="eth0", bridge="br0", ownership=SHARED)
VLAN = Vlan(name="vlan5", link="eth0", vlan_id=5, ownership=SHARED)
SCRIPT = Script(script="midonet", device="tap1")
RULES = FilterRules(bridge="br0", gateway=True, prefix="nova")
MOVE = AddressMove(source="eth0", target="br0")

br0 = link(2, "br0", "bridge", alias=SHARED_MARK)
tap1 = link(3, "tap1", "tun", mtu=1450, address="fe:00:00:00:00:01", master=2, alias=MARK)
eth0 = link(4, "eth0", "")
other0 = link(9, "other0", "bridge")


def host(*links: Observed, hidden: dict[Hidden, str] | None = None, configured: bool = False) -> Host:
    return Host(
        links={link.name: link for link in links},
        names={link.index: link.name for link in links},
        configured={"eth0": configured},
        hidden=hidden or {},
    )


@dataclass
class Case:
    """words: what is said; remedies: what can be done; steps: what plug (or repair) would do."""

    name: str
    resources: list[Resource]
    host: Host
    words: list[str] = field(default_factory=list)
    remedies: str = ""
    steps: list[str] = field(default_factory=list)


CASES = [
    Case("all is right", [BRIDGE, TAP, PORT], host(br0, tap1)),
    Case(
        "nothing is there",
        [BRIDGE, TAP, PORT],
        host(),
        ["br0: bridge is missing", "tap1: tap is missing", "tap1: is in no bridge, should be in br0"],
        "mend mend mend",
        [
            "create bridge br0",
            "turn IPv6 off on br0",
            "set alias os-vif:shared, arp_ignore 1, arp_announce 2, up on br0",
            "create tap tap1",
            "turn IPv6 off on tap1",
            "set mtu 1450, address fe:00:00:00:00:01, alias os-vif:v1, master br0, up on tap1",
        ],
    ),
    Case(
        "a tap with all settings wrong",
        [TAP, PORT],
        host(
            br0,
            replace(tap1, mtu=1500, address="02:00:00:00:00:09", up=False, master=0, alias="", disable_ipv6=False),
        ),
        [
            "tap1: does not carry the mark of VIF v1",
            "tap1: mtu is 1500, should be 1450",
            "tap1: address is 02:00:00:00:00:09, should be fe:00:00:00:00:01",
            "tap1: IPv6 is on, should be off",
            "tap1: is down, should be up",
            "tap1: is in no bridge, should be in br0",
        ],
        "mend mend mend mend mend mend",
        [
            "turn IPv6 off on tap1",
            "set mtu 1450, address fe:00:00:00:00:01, alias os-vif:v1, master br0, up on tap1",
        ],
    ),
    Case(
        "a tap in another bridge",
        [TAP, PORT],
        host(br0, other0, replace(tap1, master=9)),
        ["tap1: is in other0, should be in br0"],
        "mend",
        ["set master br0 on tap1"],
    ),
    Case(
        "a NIC in another bridge",
        [UPLINK],
        host(br0, other0, replace(eth0, master=9)),
        [
            "eth0: is in other0, should be in br0 "
            "(others may use it there: take it out with `ip link set eth0 nomaster`, or repair)"
        ],
        "ask",
        ["set master br0 on eth0"],
    ),
    Case(
        "another VIF's tap",
        [TAP],
        host(replace(tap1, alias="os-vif:v2")),
        ["tap1: belongs to VIF v2, not to VIF v1; unplug that one or rename this one"],
        "refuse",
    ),
    Case(
        "a tun, not a tap",
        [TAP],
        host(replace(tap1, tun_mode="tun")),
        ["tap1: is a tun, not a tap; remove it or choose another name"],
        "refuse",
    ),
    Case(
        "a bridge that is no bridge",
        [BRIDGE],
        host(link(2, "br0", "veth")),
        ["br0: is a veth, not a bridge; remove it or choose another name"],
        "refuse",
    ),
    Case(
        "a shared bridge that others set up",
        [BRIDGE],
        host(link(2, "br0", "bridge", mtu=9000, disable_ipv6=False, arp_ignore=0)),
    ),
    Case(
        "an own bridge that is set up wrongly",
        [OWN_BRIDGE],
        host(replace(br0, alias=MARK, mtu=9000, arp_ignore=0)),
        ["br0: mtu is 9000, should be 1500", "br0: arp_ignore is 0, should be 1"],
        "mend mend",
        ["set mtu 1500, arp_ignore 1 on br0"],
    ),
    Case(
        "a shared bridge that a dead plug left",
        [BRIDGE],
        host(replace(br0, alias="", group=UNFINISHED_GROUP, up=False, arp_ignore=0, disable_ipv6=False)),
        [
            "br0: is not finished; the plug that made it is at work or was interrupted",
            "br0: is not finished; the plug that made it is at work or was interrupted",
            "br0: IPv6 is on, should be off",
            "br0: arp_ignore is 0, should be 1",
            "br0: is down, should be up",
        ],
        "mend mend mend mend mend",
        ["turn IPv6 off on br0", "set alias os-vif:shared, arp_ignore 1, up on br0"],
    ),
    Case(
        "a bridge of others that is not there",
        [Link(name="br0", kind="bridge", up=True, ownership=EXTERNAL)],
        host(),
        ["br0: bridge is not there (others make it)"],
        "wait",
    ),
    Case(
        "a bridge of others that is down",
        [Link(name="br0", kind="bridge", up=True, ownership=EXTERNAL)],
        host(replace(br0, up=False)),
        ["br0: is down, should be up"],
        "wait",
    ),
    Case(
        "no such NIC",
        [Link(name="eth0", mtu=1500, up=True)],
        host(),
        ["eth0: no such network device on this host"],
        "refuse",
    ),
    Case(
        "a NIC as it comes",
        [Link(name="eth0", mtu=9000, up=True)],
        host(replace(eth0, up=False)),
        ["eth0: mtu is 1500, should be 9000", "eth0: is down, should be up"],
        "mend mend",
        ["set mtu 9000, up on eth0"],
    ),
    Case(
        "a VLAN",
        [VLAN],
        host(eth0),
        ["vlan5: VLAN device (id 5 on eth0) is missing"],
        "mend",
        ["create VLAN device vlan5, id 5 on eth0", "set alias os-vif:shared, up on vlan5"],
    ),
    Case(
        "a VLAN of another id, on another NIC",
        [VLAN],
        host(eth0, other0, link(5, "vlan5", "vlan", vlan_id=6, parent=9)),
        [
            "vlan5: vlan id is 6, should be 5 (another network uses the name: rename or remove that device)",
            "vlan5: parent is other0, should be eth0 (another network uses the name: rename or remove that device)",
        ],
        "refuse refuse",
    ),
    Case(
        "addresses on the NIC",
        [MOVE],
        host(br0, eth0, configured=True),
        ["eth0: has addresses or routes, they should be on br0"],
        "mend",
        ["move addresses and routes from eth0 to br0"],
    ),
    Case(
        "rules that are missing",
        [RULES],
        host(br0, hidden={RULES: "its filter rules are missing"}),
        ["br0: its filter rules are missing"],
        "mend",
        ["place the filter rules of br0"],
    ),
    Case("rules that are there", [RULES], host(br0, hidden={RULES: ""})),
    Case("rules that nobody looked at", [RULES], host(br0), steps=["place the filter rules of br0"]),
    Case(
        "a script that says no",
        [TAP, SCRIPT],
        host(br0, tap1, hidden={SCRIPT: "says that it is not plugged, exit code 1"}),
        ["tap1: plug script midonet: says that it is not plugged, exit code 1"],
        "mend",
        ["plug tap1 with script midonet"],
    ),
    Case("a script that says yes", [TAP, SCRIPT], host(br0, tap1, hidden={SCRIPT: ""})),
    Case("a script that nobody asked", [SCRIPT], host(), steps=["plug tap1 with script midonet"]),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_compare_and_make(case: Case) -> None:
    plan = Plan("v1", tuple(case.resources))
    found = diff.compare(plan, case.host)
    assert [str(d) for d in found] == case.words
    assert " ".join(d.remedy for d in found) == case.remedies
    if "refuse" in case.remedies:
        return
    made = [
        step
        for resource in plan
        for step in changes.to_make(
            resource, [d for d in found if d.resource == resource], plan, case.host, scope=0
        )
    ]
    assert [str(step) for step in changes.merge(made)] == case.steps


@pytest.mark.parametrize(
    ("found", "steps"),
    [
        pytest.param(tap1, ["delete tap1"], id="ours"),
        pytest.param(replace(tap1, alias=""), ["delete tap1"], id="of an older os-vif"),
        pytest.param(replace(tap1, alias="a note"), [], id="with an operator's note"),
        pytest.param(replace(tap1, alias="os-vif:v2"), [], id="another VIF's"),
        pytest.param(replace(tap1, alias=SHARED_MARK), [], id="shared"),
        pytest.param(replace(tap1, tun_mode="tun"), [], id="a tun"),
        pytest.param(link(3, "tap1", "veth"), [], id="a veth"),
        pytest.param(None, [], id="gone"),
    ],
)
def test_remove(found: Observed | None, steps: list[str]) -> None:
    """Only what the VIF owns; bridge, NIC and rules stay."""
    plan = Plan("v1", (BRIDGE, UPLINK, MOVE, RULES, TAP, PORT))
    there = host(br0, eth0, *([found] if found else []))
    assert [str(step) for step in removals.to_remove(plan, there, scope=0)] == steps


@pytest.mark.parametrize(
    ("found", "used", "steps"),
    [
        pytest.param(
            [br0, replace(eth0, master=2)],
            set(),
            [
                "remove the filter rules of br0",
                "move addresses and routes from br0 to eth0",
                "set nomaster on eth0",
                "delete br0",
            ],
            id="unused",
        ),
        pytest.param([br0, eth0], {"br0"}, [], id="used by others"),
        pytest.param([replace(br0, alias=""), eth0], set(), [], id="an operator's"),
        pytest.param(
            [replace(br0, alias="", group=UNFINISHED_GROUP), replace(eth0, up=False)],
            set(),
            [
                "remove the filter rules of br0",
                "set up on eth0",
                "move addresses and routes from br0 to eth0",
                "delete br0",
            ],
            id="unfinished",
        ),
    ],
)
def test_remove_shared(found: list[Observed], used: set[str], steps: list[str]) -> None:
    plan = Plan("v1", (BRIDGE, UPLINK, MOVE, RULES, TAP, PORT))
    assert [str(step) for step in removals.to_remove_shared([plan], host(*found), used, scope=0)] == steps


def test_only_settings_of_one_scope_are_joined() -> None:
    """What is rolled back apart stays apart, and in its order."""
    from os_vif.host.steps import MoveAddresses, SetLink

    mtu = SetLink(scope=-1, name="eth0", mtu=9000, before=(("mtu", 1500),))
    up = SetLink(scope=-1, name="eth0", up=True, before=(("up", False),))
    master = SetLink(scope=-2, name="eth0", master="br0")
    move = MoveAddresses(scope=-2, source="eth0", target="br0")
    both = SetLink(scope=-1, name="eth0", mtu=9000, up=True, before=(("up", False), ("mtu", 1500)))
    assert changes.merge([mtu, up, master]) == [both, master]
    assert changes.merge([mtu, master, up]) == [mtu, master, up]
    assert changes.merge([mtu, move, up]) == [mtu, move, up]


# --- plans that cannot be made ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Tap(name="t" * 16), "16 bytes"),
        (lambda: Tap(name="ä" * 8), "16 bytes"),
        (lambda: Tap(name=""), "non-empty"),
        (lambda: Tap(name=None), "non-empty"),  # type: ignore[arg-type]
        (lambda: Tap(name="a/b"), "contains"),
        (lambda: Tap(name="a b"), "contains"),
        (lambda: Tap(name="a:b"), "contains"),
        (lambda: Tap(name="tap%d"), "'%'"),
        (lambda: Tap(name=".."), "reserved"),
        (lambda: Tap(name="all"), "reserved"),
        (lambda: Tap(name="t", mtu=67), "mtu"),
        (lambda: Tap(name="t", mtu=65536), "mtu"),
        (lambda: Tap(name="t", mtu=True), "mtu"),
        (lambda: Tap(name="t", mtu="1500"), "mtu"),  # type: ignore[arg-type]
        (lambda: Tap(name="t", address="FE:00:00:00:00:01"), "lower-case"),
        (lambda: Tap(name="t", address="fe:00:00:00:01"), "address"),
        (lambda: Vlan(name="v", link="eth0", vlan_id=0), "vlan_id"),
        (lambda: Vlan(name="v", link="eth0", vlan_id=4095), "vlan_id"),
        (lambda: BridgePort(port="tap1", bridge="br/0"), "BridgePort.bridge"),
        (lambda: AddressMove(source="eth0", target=""), "AddressMove.target"),
        (lambda: Plan(""), "vif_id"),
        (lambda: Plan("x" * 201), "vif_id"),
        (lambda: Plan("a\nb"), "vif_id"),
        (lambda: Plan("v1", (TAP, replace(TAP, mtu=1400))), "two different resources for link tap1"),
        (lambda: Plan("v1", (TAP, Bridge(name="tap1"))), "two different resources for link tap1"),
    ],
)
def test_broken_plans_are_refused_where_they_are_made(make: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()  # type: ignore[operator]


def test_a_plan_says_which_links_it_is_about() -> None:
    plan = Plan("v1", (BRIDGE, UPLINK, MOVE, TAP, PORT, PORT))
    assert plan.links() == ("br0", "eth0", "tap1")
    assert plan.mark == MARK


@pytest.mark.parametrize("name", ["a", "brq01234567-89", "tap_1.2", "ä", "x" * 15])
def test_names_that_the_kernel_takes(name: str) -> None:
    assert link_name_fault(name) is None
