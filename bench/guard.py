"""The correctness guard: is what a call was to do really there? A contestant that is fast by omission has failed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from bench.model import Verb, Vif

Observed = Mapping[str, object]


def link_names(vifs: Sequence[Vif]) -> list[str]:
    """Everything on the host that the VIFs may bring with them."""
    bridges = {vif.bridge for vif in vifs if vif.kind == "bridge"}
    taps = {vif.tap for vif in vifs if vif.create_tap or vif.kind == "native"}
    return sorted(
        bridges | taps | {name for vif in vifs if vif.kind == "hybrid" for name in vif.hybrid_links}
    )


def violations(verb: Verb, vifs: Sequence[Vif], links: Mapping[str, Observed], rules: str) -> list[str]:
    """What is not as it should be after the call, in words; empty when all is well."""
    if verb in ("unplug", "unplug_many"):
        return [f"{vif.tap} is still there" for vif in vifs if vif.create_tap and vif.tap in links]
    found: list[str] = []
    for name in sorted({vif.bridge for vif in vifs}):
        found += bridge_violations(name, links.get(name))
    for vif in vifs:
        if vif.create_tap:
            found += tap_violations(vif, links.get(vif.tap))
        if not vif.filtered and not any(
            vif.bridge in line and "accept" in line.lower() for line in rules.splitlines()
        ):
            found.append(f"no rule accepts what {vif.bridge} forwards")
    return found


def switch_violations(
    verb: Verb, vifs: Sequence[Vif], links: Mapping[str, Observed], ports: Mapping[str, Observed]
) -> list[str]:
    """The same for VIFs of Open vSwitch."""
    if verb in ("unplug", "unplug_many"):
        left = [name for name in link_names(vifs) if name in links]
        return [f"{name} is still there" for name in (*left, *ports)]
    found: list[str] = []
    for vif in vifs:
        if vif.kind == "native":
            found += tap_violations(vif, links.get(vif.tap))
        else:
            bridge, *ends = vif.hybrid_links
            found += bridge_violations(bridge, links.get(bridge))
            for end, master in zip(ends, (bridge, None), strict=True):
                found += veth_violations(end, master, vif, links.get(end))
        found += port_violations(vif, ports.get(vif.port))
    return found


def port_violations(vif: Vif, port: Observed | None) -> Iterator[str]:
    if port is None:
        yield f"{vif.port} is not in the Open vSwitch bridge"
        return
    wanted = {"iface-id": vif.id, "iface-status": "active", "attached-mac": vif.address, "vm-uuid": vif.id}
    for key, value in wanted.items():
        if dig(port, "external_ids").get(key) != value:
            yield f"{vif.port}: {key} is {dig(port, 'external_ids').get(key)}, not {value}"
    ofport = port.get("ofport")
    if not isinstance(ofport, int) or ofport < 1:
        yield f"{vif.port}: ofport is {ofport}"


def veth_violations(name: str, master: str | None, vif: Vif, link: Observed | None) -> Iterator[str]:
    if link is None:
        yield f"{name} is absent"
        return
    if link.get("mtu") != vif.mtu:
        yield f"{name}: mtu is {link.get('mtu')}, not {vif.mtu}"
    if link.get("master") != master:
        yield f"{name}: master is {link.get('master')}, not {master}"
    yield from flag_violations(name, link)


def bridge_violations(name: str, link: Observed | None) -> Iterator[str]:
    if link is None:
        yield f"{name} is absent"
        return
    info = dig(link, "linkinfo", "info_data")
    wanted = {"forward_delay": 0, "stp_state": 0, "mcast_snooping": 0}
    for key, value in wanted.items():
        if info.get(key) != value:
            yield f"{name}: {key} is {info.get(key)}, not {value}"
    for key, text in {"disable_ipv6": "1", "arp_ignore": "1", "arp_announce": "2"}.items():
        if dig(link, "sysctl").get(key) != text:
            yield f"{name}: {key} is {dig(link, 'sysctl').get(key)}, not {text}"
    yield from flag_violations(name, link)


def tap_violations(vif: Vif, link: Observed | None) -> Iterator[str]:
    if link is None:
        yield f"{vif.tap} is absent"
        return
    kind = dig(link, "linkinfo").get("info_kind")
    for key, value, wanted in (
        ("kind", kind, "tun"),
        ("master", link.get("master"), vif.bridge if vif.kind == "bridge" else None),
        ("mtu", link.get("mtu"), vif.mtu),
    ):
        if value != wanted:
            yield f"{vif.tap}: {key} is {value}, not {wanted}"
    yield from flag_violations(vif.tap, link)


def flag_violations(name: str, link: Observed) -> Iterator[str]:
    flags = link.get("flags")
    if not isinstance(flags, list) or "UP" not in flags:
        yield f"{name} is not up"


def dig(link: Observed, *keys: str) -> Observed:
    value: object = link
    for key in keys:
        value = value.get(key, {}) if isinstance(value, Mapping) else {}
    return value if isinstance(value, Mapping) else {}
