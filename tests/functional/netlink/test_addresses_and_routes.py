"""Addresses and routes are read as ``ip`` shows them, and survive the way to another link and back."""

import errno
import ipaddress
import socket
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.netns import ip, ip_json

from os_vif.host.netlink import Address, NetlinkError, Route, RouteSocket, requests

SETTINGS = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
CREATE_ONLY = ("valid_life_time", "preferred_life_time")


@pytest.fixture
def route(netns: None) -> Iterator[RouteSocket]:
    """eth0 and br0, up, without addresses."""
    with RouteSocket() as opened:
        for name in ("eth0", "br0"):
            opened.request(requests.new_bridge(name, up=True))
            with open(f"/proc/sys/net/ipv6/conf/{name}/addr_gen_mode", "w") as file:
                file.write("1")
            ip("address", "flush", "dev", name)
        yield opened


def addresses_of(name: str) -> list[dict[str, object]]:
    (entry,) = ip_json("address", "show", "dev", name)
    found = entry.get("addr_info", [])
    assert isinstance(found, list)
    return sorted(found, key=str)


def routes_of(name: str) -> list[dict[str, object]]:
    found = [*ip_json("-4", "route", "show", "table", "all", "dev", name)]
    found += ip_json("-6", "route", "show", "table", "all", "dev", name)
    kernels = [entry for entry in found if entry.get("protocol") != "kernel"]
    return sorted(
        ({k: v for k, v in entry.items() if k not in ("dev", "flags")} for entry in kernels), key=str
    )


def own_routes(route: RouteSocket, index: int) -> list[Route]:
    kernel = 2
    return [one for one in route.routes(oif=index) if one.protocol != kernel]


def move(route: RouteSocket, source: int, target: int) -> None:
    addresses, routes = route.addresses(source), own_routes(route, source)
    results = route.execute(
        [requests.delete_route(one) for one in routes]
        + [requests.delete_address(one) for one in addresses if not one.secondary]
        + [requests.add_address(one, target) for one in addresses]
        + [requests.add_route(one, target) for one in sorted(routes, key=lambda one: one.gateway is not None)]
    )
    assert results == [None] * len(results)


def renamed(entries: list[dict[str, object]], old: str, new: str) -> list[dict[str, object]]:
    return [entry | ({"label": new} if entry.get("label") == old else {}) for entry in entries]


v4 = st.tuples(st.integers(1, 250), st.integers(16, 30), st.sampled_from(["", "eth0:1", "eth0:long"]))
v6 = st.tuples(st.integers(1, 60000), st.integers(48, 128))
metrics = st.integers(1, 5000)


@SETTINGS
@given(
    fours=st.lists(v4, max_size=4, unique_by=lambda one: one[0]),
    sixes=st.lists(v6, max_size=3, unique_by=lambda one: one[0]),
    lifetime=st.booleans(),
    gateways=st.lists(st.tuples(metrics, st.sampled_from(["main", "100", "70000"])), max_size=3, unique=True),
)
def test_there_and_back(
    route: RouteSocket,
    fours: list[tuple[int, int, str]],
    sixes: list[tuple[int, int]],
    lifetime: bool,
    gateways: list[tuple[int, str]],
) -> None:
    try:
        for number, length, label in fours:
            ip(
                "address",
                "add",
                f"10.{number}.0.1/{length}",
                "dev",
                "eth0",
                *(["label", label] if label else []),
            )
        for number, length in sixes:
            ip("address", "add", f"fd00:{number:x}::1/{length}", "dev", "eth0", "nodad")
        if lifetime:
            args = ("valid_lft", "3600", "preferred_lft", "1800")
            ip("address", "add", "192.0.2.1/24", "peer", "192.0.2.9/24", "dev", "eth0", *args)
            ip("address", "add", "192.0.2.77/24", "dev", "eth0", "noprefixroute")
        ip(
            "route",
            "add",
            "198.51.100.0/24",
            "dev",
            "eth0",
            "proto",
            "static",
            "src",
            "127.0.0.1",
            "mtu",
            "1400",
        )
        for metric, table in gateways:
            more = ("metric", metric, "table", table)
            ip("route", "add", "default", "via", "198.51.100.1", "dev", "eth0", "onlink", *more)
            ip("-6", "route", "add", "fd99::/32", "via", "fe80::1", "dev", "eth0", *more)
        links = route.links(["eth0", "br0"])
        eth0, br0 = links["eth0"].index, links["br0"].index
        before, routes = addresses_of("eth0"), routes_of("eth0")

        move(route, eth0, br0)
        assert addresses_of("eth0") == []
        assert routes_of("eth0") == []
        assert without_time(addresses_of("br0")) == without_time(renamed(before, "eth0", "br0"))
        assert routes_of("br0") == routes

        move(route, br0, eth0)
        assert without_time(addresses_of("eth0")) == without_time(before)
        assert routes_of("eth0") == routes
    finally:
        for name in ("eth0", "br0"):
            ip("address", "flush", "dev", name)
            ip("-4", "route", "flush", "table", "all", "dev", name)
            ip("-6", "route", "flush", "table", "all", "dev", name)


def without_time(entries: list[dict[str, object]]) -> list[dict[str, object]]:
    """Lifetimes count down: only whether there is one stays the same."""
    for_ever = 4294967295
    return sorted(
        (entry | {key: entry[key] == for_ever for key in CREATE_ONLY} for entry in entries), key=str
    )


def test_addresses_read_as_ip_shows_them(route: RouteSocket) -> None:
    ip("address", "add", "10.0.0.1/24", "dev", "eth0")
    ip("address", "add", "10.0.0.2/24", "dev", "eth0", "label", "eth0:1")
    ip("address", "add", "10.1.0.1/32", "peer", "10.1.0.2/32", "dev", "eth0")
    ip("address", "add", "fd00::1/64", "dev", "eth0", "valid_lft", "100", "preferred_lft", "50")
    index = route.links(["eth0"])["eth0"].index
    found = {one.address: one for one in route.addresses(index)}
    assert set(found) == {"10.0.0.1", "10.0.0.2", "10.1.0.1", "fd00::1"}
    assert (found["10.0.0.2"].label, found["10.0.0.2"].secondary) == ("eth0:1", True)
    assert (found["10.1.0.1"].peer, found["10.1.0.1"].prefix_length) == ("10.1.0.2", 32)
    assert [found[a].dynamic for a in ("10.0.0.1", "fd00::1")] == [False, True]
    assert {one.address for one in route.addresses()} == {*found, "127.0.0.1", "::1"}


def test_routes_read_as_ip_shows_them(route: RouteSocket) -> None:
    ip("address", "add", "10.0.0.1/24", "dev", "eth0")
    ip("address", "add", "fd00::1/64", "dev", "br0", "nodad")
    ip("route", "add", "default", "via", "10.0.0.254", "metric", "50", "src", "10.0.0.1")
    ip("route", "add", "172.16.0.0/12", "via", "10.0.0.253", "table", "1000", "proto", "static")
    ip("route", "add", "blackhole", "192.0.2.0/24")
    links = route.links(["eth0", "br0"])
    found = own_routes(route, links["eth0"].index)
    assert [(one.destination, one.gateway, one.metric, one.prefsrc, one.table) for one in found] == [
        ("172.16.0.0/12", "10.0.0.253", 0, None, 1000),
        ("default", "10.0.0.254", 50, "10.0.0.1", 254),
    ]
    assert {one.destination for one in route.routes(links["br0"].index, socket.AF_INET6)} >= {"fd00::/64"}
    assert route.routes(links["br0"].index, socket.AF_INET) == []
    everything = route.routes()
    assert {one.family for one in everything} == {socket.AF_INET, socket.AF_INET6}
    blackhole = 6
    assert [one.destination for one in everything if one.type == blackhole] == ["192.0.2.0/24"]
    for one in everything:
        if one.destination != "default":
            ipaddress.ip_network(one.destination)


def test_a_route_over_several_links_is_not_moved_by_accident(route: RouteSocket) -> None:
    hops = (
        "nexthop",
        "via",
        "10.0.0.1",
        "dev",
        "eth0",
        "onlink",
        "nexthop",
        "via",
        "10.0.0.2",
        "dev",
        "br0",
        "onlink",
    )
    ip("route", "add", "198.51.100.0/24", *hops)
    (found,) = own_routes(route, route.links(["eth0"])["eth0"].index)
    assert (found.multipath, found.oif) == (True, 0)
    with pytest.raises(ValueError, match="several next hops"):
        requests.add_route(found, 1)
    route.request(requests.delete_route(found))
    assert routes_of("eth0") == []


def test_a_changed_flag_counts_when_an_address_is_added(route: RouteSocket) -> None:
    nodad = 0x02
    ip("address", "add", "fd00::1/64", "dev", "eth0")
    (found,) = route.addresses(route.links(["eth0"])["eth0"].index)
    changed = Address(**{name: getattr(found, name) for name in found.__slots__} | {"flags": nodad})
    route.request(requests.add_address(changed, route.links(["br0"])["br0"].index))
    (shown,) = addresses_of("br0")
    assert shown.get("nodad") is True


def test_what_exists_and_what_does_not(route: RouteSocket) -> None:
    ip("address", "add", "10.0.0.1/24", "dev", "eth0")
    index = route.links(["eth0"])["eth0"].index
    (found,) = route.addresses(index)
    with pytest.raises(NetlinkError, match=rf"add 10.0.0.1/24 to link {index}: File exists"):
        route.request(requests.add_address(found, index))
    route.request(requests.delete_address(found))
    with pytest.raises(NetlinkError) as caught:
        route.request(requests.delete_address(found))
    assert caught.value.errno == errno.EADDRNOTAVAIL
    for question in (lambda: route.addresses(9999), lambda: route.routes(9999)):
        with pytest.raises(NetlinkError) as caught:
            question()
        assert caught.value.errno == errno.ENODEV
