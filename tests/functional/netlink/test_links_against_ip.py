"""What the client reads is what ``ip -d -j link`` shows, and what it sets ``ip`` sees."""

import errno
import os
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.netns import ip, ip_json

from os_vif.host.netlink import Link, NetlinkError, RouteSocket, create_tap, requests

pytestmark = pytest.mark.usefixtures("netns")
SETTINGS = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def route(netns: None) -> Iterator[RouteSocket]:
    with RouteSocket() as socket:
        yield socket


def shown(name: str) -> dict[str, object]:
    (entry,) = ip_json("link", "show", "dev", name)
    return entry


def as_ip_shows(link: Link, indexes: dict[int, str]) -> dict[str, object]:
    """The fields of a link under the names, and with the values, of ip -d -j."""
    said: dict[str, object] = {
        "ifindex": link.index,
        "ifname": link.name,
        "mtu": link.mtu,
        "address": link.address,
        "operstate": link.operstate,
        "group": "default" if link.group == 0 else str(link.group),
        "UP": link.up,
        "LOWER_UP": link.carrier,
        "PROMISC": link.promisc,
        "kind": link.kind,
        "master": indexes.get(link.master),
        "link": indexes.get(link.parent),
        "ifalias": link.alias or None,
        "altnames": list(link.altnames) or None,
    }
    if link.kind == "bridge":
        said |= {
            "forward_delay": link.forward_delay,
            "ageing_time": link.ageing_time,
            "stp_state": int(link.stp or 0),
            "mcast_snooping": int(link.multicast_snooping or 0),
        }
    if link.kind == "tun":
        said |= {"type": link.tun_mode, "multi_queue": link.multi_queue}
    return said


def from_ip(entry: dict[str, object]) -> dict[str, object]:
    flags, info = entry["flags"], entry.get("linkinfo", {})
    assert isinstance(flags, list)
    assert isinstance(info, dict)
    keys = (
        "ifindex",
        "ifname",
        "mtu",
        "address",
        "operstate",
        "group",
        "master",
        "link",
        "ifalias",
        "altnames",
    )
    said = {key: entry.get(key) for key in keys}
    said |= {flag: flag in flags for flag in ("UP", "LOWER_UP", "PROMISC")}
    said["kind"] = info.get("info_kind", "")
    data = info.get("info_data", {})
    wanted = {
        "bridge": ("forward_delay", "ageing_time", "stp_state", "mcast_snooping"),
        "tun": ("type", "multi_queue"),
    }
    return said | {key: data[key] for key in wanted.get(str(said["kind"]), ())}


def assert_same_as_ip(route: RouteSocket) -> None:
    # Carrier and operational state follow a change by and by: what ip shows before and after must be the same.
    for _ in range(50):
        entries = ip_json("link")
        listed = {link.name: link for link in route.all_links()}
        asked = route.links([str(entry["ifname"]) for entry in entries])
        if ip_json("link") == entries:
            break
        time.sleep(0.02)
    indexes = {int(str(entry["ifindex"])): str(entry["ifname"]) for entry in entries}
    assert {name: as_ip_shows(link, indexes) for name, link in listed.items()} == {
        str(entry["ifname"]): from_ip(entry) for entry in entries
    }
    assert asked == listed


def test_all_kinds_are_read_as_ip_shows_them(route: RouteSocket) -> None:
    ip("link", "add", "br0", "type", "bridge", "forward_delay", "0", "stp_state", "0", "mcast_snooping", "0")
    ip("link", "add", "br1", "type", "bridge", "ageing_time", "0", "forward_delay", "700")
    ip("link", "add", "v0", "mtu", "1400", "type", "veth", "peer", "name", "v1")
    ip("link", "set", "v0", "master", "br0", "up", "alias", "os-vif:1", "group", "7")
    ip("link", "set", "v1", "up", "promisc", "on")
    ip(
        "link",
        "property",
        "add",
        "dev",
        "v1",
        "altname",
        "a-long-name-for-the-second-end",
        "altname",
        "short",
    )
    ip("tuntap", "add", "tap0", "mode", "tap")
    ip("tuntap", "add", "tap1", "mode", "tap", "multi_queue")
    ip("tuntap", "add", "tun0", "mode", "tun")
    ip("link", "add", "vx0", "type", "vxlan", "id", "42", "dev", "v0", "dstport", "4789")
    ip("link", "add", "mv0", "link", "br1", "type", "macvtap")
    assert_same_as_ip(route)


small = st.none() | st.booleans()
macs = st.none() | st.integers(0, 2**32 - 1).map(lambda n: "02:00:" + n.to_bytes(4, "big").hex(":"))
groups = st.none() | st.integers(2, 2**31 - 1)


@SETTINGS
@given(
    mtu=st.none() | st.integers(68, 65535),
    address=macs,
    # Whole seconds: what is no multiple of the kernel's tick (HZ) reads back rounded down.
    forward_delay=st.none() | st.integers(0, 30).map(lambda seconds: 100 * seconds),
    stp=st.none() | st.just(value=False),
    multicast_snooping=small,
    ageing_time=st.none() | st.integers(0, 1000).map(lambda seconds: 100 * seconds),
    group=groups,
    up=st.booleans(),
)
def test_a_new_bridge_is_what_was_asked_for(route: RouteSocket, **asked: object) -> None:
    route.request(requests.new_bridge("br0", **asked))  # type: ignore[arg-type]  # drawn by name
    try:
        assert_same_as_ip(route)
        link = route.links(["br0"])["br0"]
        assert {name: getattr(link, name) for name, value in asked.items() if value is not None} == {
            name: value for name, value in asked.items() if value is not None
        }
    finally:
        route.request(requests.delete_link("br0"))


@SETTINGS
@given(
    mtu=st.none() | st.integers(68, 65535),
    address=macs,
    alias=st.none()
    | st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=60),  # ip prints these raw
    up=small,
    promisc=small,
    group=groups,
    arp_ignore=st.none() | st.integers(0, 8),
    arp_announce=st.none() | st.integers(0, 2),
    enslave=small,
)
def test_set_link_sets_what_is_said_and_nothing_else(
    route: RouteSocket, enslave: bool | None, **asked: object
) -> None:
    route.execute([requests.new_veth("v0", "v1"), requests.new_bridge("br0")])
    try:
        before = route.links(["v0", "br0"])
        if enslave is not None:
            asked["master"] = before["br0"].index if enslave else 0
        route.request(requests.set_link("v0", **asked))  # type: ignore[arg-type]  # drawn by name
        assert_same_as_ip(route)
        after = route.links(["v0"])["v0"]
        for name in (
            "mtu",
            "address",
            "alias",
            "up",
            "promisc",
            "group",
            "arp_ignore",
            "arp_announce",
            "master",
        ):
            value = asked.get(name)
            assert getattr(after, name) == (getattr(before["v0"], name) if value is None else value), name
        for sysctl in ("arp_ignore", "arp_announce"):
            with open(f"/proc/sys/net/ipv4/conf/v0/{sysctl}") as file:
                assert int(file.read()) == getattr(after, sysctl)
    finally:
        route.execute([requests.delete_link("v0"), requests.delete_link("br0")])


def test_disable_ipv6_is_read_from_the_link(route: RouteSocket) -> None:
    route.request(requests.new_bridge("br0"))
    for value in ("1", "0"):
        with open("/proc/sys/net/ipv6/conf/br0/disable_ipv6", "w") as file:
            file.write(value)
        assert route.links(["br0"])["br0"].disable_ipv6 is (value == "1")
    # No IPv6 at all on a link with an MTU below 1280.
    route.request(requests.set_link("br0", mtu=1200))
    assert route.links(["br0"])["br0"].disable_ipv6 is None


def test_a_veth_pair_in_one_go_with_marks(route: RouteSocket) -> None:
    route.request(requests.new_bridge("br0", up=True))
    bridge = route.links(["br0"])["br0"]
    assert route.execute(
        [
            requests.new_veth("qvb", "qvo", mtu=1450, master=bridge.index, group=5, up=True),
            requests.set_link("qvo", up=True, alias="os-vif:b"),
            requests.set_link("qvb", alias="os-vif:a", promisc=True),
        ]
    ) == [None, None, None]
    assert_same_as_ip(route)
    ends = route.links(["qvb", "qvo"])
    assert [(e.mtu, e.group, e.up, e.carrier, e.alias) for e in ends.values()] == [
        (1450, 5, True, True, "os-vif:a"),
        (1450, 5, True, True, "os-vif:b"),
    ]
    assert (ends["qvb"].master, ends["qvb"].parent) == (bridge.index, ends["qvo"].index)


def test_altnames_are_found_and_addressed_like_names(route: RouteSocket) -> None:
    long = "tap-of-an-instance-with-a-name-longer-than-fifteen-letters"
    route.execute(
        [requests.new_bridge("br0"), requests.add_altname("br0", long), requests.add_altname("br0", "b")]
    )
    found = route.links([long, "b", "br0", "nothing", "nothing-with-a-very-long-name"])
    assert set(found) == {long, "b", "br0"}
    assert set(found.values()) == {found["br0"]}
    assert found["br0"].altnames == (long, "b")
    route.request(requests.set_link(long, mtu=1300))
    assert shown("br0")["mtu"] == 1300
    route.request(requests.del_altname("br0", "b"))
    assert shown("br0")["altnames"] == [long]
    route.request(requests.delete_link(long))
    assert route.links(["br0"]) == {}


def test_rename(route: RouteSocket) -> None:
    route.request(requests.new_bridge("br0"))
    route.request(requests.set_link(route.links(["br0"])["br0"].index, new_name="br1"))
    assert set(route.links(["br0", "br1"])) == {"br1"}


def test_a_group_is_deleted_and_nothing_else(route: RouteSocket) -> None:
    made = [requests.new_veth(f"a{i}", f"b{i}", group=77) for i in range(150)] + [
        requests.new_bridge("br0", group=78)
    ]
    assert route.execute(made) == [None] * 151
    route.request(requests.delete_group(77))
    assert {link.name for link in route.all_links()} == {"lo", "br0"}


def test_each_failure_comes_with_its_request_and_the_kernels_reason(route: RouteSocket) -> None:
    results = route.execute(
        [
            requests.new_bridge("br0"),
            requests.new_bridge("br0"),
            requests.set_link("br0", mtu=70000),
            requests.delete_link("absent"),
            requests.set_link("br0", mtu=1300),
        ]
    )
    assert [result and result.errno for result in results] == [
        None,
        errno.EEXIST,
        errno.EINVAL,
        errno.ENODEV,
        None,
    ]
    assert str(results[2]) == "set mtu 70000 on br0: Invalid argument (mtu greater than device maximum)"
    assert shown("br0")["mtu"] == 1300
    with pytest.raises(NetlinkError, match=r"^create bridge br0: File exists"):
        route.request(requests.new_bridge("br0"))


def test_a_thousand_failures_in_a_row_lose_no_answer(route: RouteSocket) -> None:
    route.request(requests.new_bridge("br0"))
    results = route.execute([requests.set_link("br0", mtu=70000 + (i % 2)) for i in range(1000)])
    assert {result and result.reason for result in results} == {"mtu greater than device maximum"}
    assert [result and result.what for result in results[:2]] == [
        "set mtu 70000 on br0",
        "set mtu 70001 on br0",
    ]


def test_looking_up_many_names(route: RouteSocket) -> None:
    assert route.links([]) == {}
    assert not any(route.execute([requests.new_veth(f"a{i}", f"b{i}") for i in range(150)]))
    names = [f"{end}{i}" for i in range(150) for end in "abc"]
    assert list(route.links([*names, *names])) == [name for name in names if name[0] != "c"]
    assert len(route.all_links()) == 301


def test_new_vlan_live(route: RouteSocket) -> None:
    route.request(requests.new_bridge("br0"))
    below = route.links(["br0"])["br0"].index
    (failure,) = route.execute([requests.new_vlan("vlan5", below, 5, mtu=1400, up=True)])
    if failure is not None and failure.errno == errno.EOPNOTSUPP:
        pytest.skip(f"this kernel has no 8021q: {failure}")
    assert failure is None
    link = route.links(["vlan5"])["vlan5"]
    assert (link.kind, link.vlan_id, link.parent, link.mtu, link.up) == ("vlan", 5, below, 1400, True)


def test_a_tap_is_made_as_ip_makes_it(route: RouteSocket) -> None:
    create_tap("tap0", multiqueue=True, owner=os.getuid(), group=os.getgid())
    create_tap("tap1")
    ip("tuntap", "add", "tap2", "mode", "tap", "multi_queue", "user", os.getuid(), "group", os.getgid())
    by_us, by_ip = (shown(name)["linkinfo"] for name in ("tap0", "tap2"))
    assert by_us == by_ip
    assert_same_as_ip(route)
    assert route.links(["tap1"])["tap1"].multi_queue is False


def test_a_tap_never_takes_over_what_has_its_name(route: RouteSocket) -> None:
    create_tap("tap0")
    route.request(requests.new_bridge("br0"))
    for name, kind in (("tap0", "tap"), ("br0", "bridge")):
        with pytest.raises(
            NetlinkError, match=rf"create tap {name}: File exists \(link \d+ of kind {kind} has"
        ) as caught:
            create_tap(name)
        assert caught.value.errno == errno.EEXIST
