"""All there is on a host with Open vSwitch, thing by thing, and what of it a VIF needs, refuses and leaves.

For the stateful test: an opinion of its own about what the ovs plugin has to do, made from what `ip` and `ovs-vsctl`
show, with none of the plugin's or the engine's words in it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.netns import ip_json
from tests.ovs import OpenVSwitch
from tests.ovsvifs import (
    BRIDGE,
    MTU,
    Row,
    database,
    hybrid,
    identity,
    ids,
    mac,
    mark,
    native,
    settled,
    short,
    vhost_user,
)

Key = tuple[str, str]
"""Table of the database, or "link", and a name; of a QoS row its external_ids:id."""

Things = dict[Key, Row]

NEW = "br-new"
"""A bridge that is not there until a VIF needs it."""

# the name of a link of VIF n: what it is
_KINDS = {"tap": "tun", "qbr": "bridge", "qvb": "veth", "qvo": "veth"}
_QOS = uuid.UUID("68da264a-847f-42a8-8ab0-5e774aee3d95")


def things(ovs: OpenVSwitch) -> Things:
    """What there is now, once ovs-vswitchd has acted on what the database says.

    A row and a link keep their identity (`_uuid`, `index`). Left out are columns that ovs-vswitchd fills, and of the
    devices that it makes all but their being there.
    """
    tables = database(ovs, *settled(ovs), identity=True)
    found: Things = {(table, name): row for table, rows in tables.items() for name, row in rows.items()}
    for name, row in tables["Bridge"].items():
        members = row.pop("ports")
        for member in [members] if isinstance(members, str) else members:
            found["Port", member]["bridge"] = name
    for entry in ip_json("link", "show"):
        name = str(entry["ifname"])
        if not name.startswith("ovs-") and name != "lo":
            internal = tables["Interface"].get(name, {}).get("type") == "internal"
            # it cannot make one where a veth end has the name
            made = (internal and _kind(entry) == "tun") or name in tables["Bridge"]
            found["link", name] = {"kind": _kind(entry)} if made else _link(entry)
    return found


def _kind(entry: Row) -> str:
    return str(entry["linkinfo"]["info_kind"])


def _link(entry: Row) -> Row:
    kind = _kind(entry)
    row: Row = {
        "index": entry["ifindex"],
        "kind": kind,
        "up": "UP" in entry["flags"],
        "master": entry.get("master", ""),
        "alias": entry.get("ifalias", ""),
        "peer": entry.get("link", ""),
        "ipv6": Path(f"/proc/sys/net/ipv6/conf/{entry['ifname']}/disable_ipv6").read_text().strip() == "0",
    }
    # those of a bridge follow its ports'
    return row if kind == "bridge" else row | {"mtu": entry["mtu"], "address": entry["address"]}


def qos_id(port: str) -> str:
    return str(uuid.uuid5(_QOS, port))


def names(number: int) -> dict[str, str]:
    """What VIF `number` calls its things, whichever way it is plugged, by their first letters."""
    cut = {prefix: short(prefix, number) for prefix in ("tap", "qbr", "qvb", "qvo", "pb", "vhu")}
    whole = {prefix: prefix + identity(number) for prefix in ("ibp", "pbp")}
    return cut | whole | {"tbr": f"tbr-{number}"}


def is_of(key: Key, number: int) -> bool:
    """Whether the thing is called as those of VIF `number` are."""
    called = names(number).values()
    return key[1] in called or (key[0] == "QoS" and key[1] in map(qos_id, called))


def others(found: Things, number: int) -> Things:
    """What is not called as the things of VIF `number`."""
    return {key: row for key, row in found.items() if not is_of(key, number)}


def own(found: Things, number: int) -> Things:
    return {key: row for key, row in found.items() if is_of(key, number)}


def fits(row: Row | None, wanted: Row) -> bool:
    """Whether it has these values; of a map these keys; "" stands for none."""
    if row is None:
        return False
    for column, value in wanted.items():
        found = row.get(column, type(value)())
        if isinstance(value, dict):
            if not value.items() <= found.items():
                return False
        elif found != value:
            return False
    return True


@dataclass(frozen=True)
class Form:
    """A way to plug VIF `number`.

    options: of the plugin; waits: the plug returns only when Open vSwitch has the port; shared: the bridge, if it
    is not the VIF's own.
    """

    name: str
    make: Callable[[int], Any]
    wanted: Callable[[int], Things]
    options: dict[str, Any] = field(default_factory=dict)
    waits: bool = True
    shared: str | None = BRIDGE


def refuses(before: Things, number: int, form: Form) -> bool:
    """Whether a plug has to fail: what it needs is another kind of thing, or carries another's mark."""
    for key, row in form.wanted(number).items():
        found = before.get(key)
        if key[0] == "link" and row.get("kind") == "veth":
            peer = before.get(("link", row["peer"]))
            if (found is None) != (peer is None):
                return True
        if found is None:
            continue
        if key[0] == "link" and (_is_foreign(found, number) or not fits(found, _what_it_is(row))):
            return True
        if (
            key[0] in ("Port", "Bridge")
            and "external_ids" in row
            and _owner(found) not in (None, identity(number))
        ):
            return True
    return form is WAITED


def remains(before: Things, number: int, form: Form) -> set[Key]:
    """What an unplug has to leave though it is called as the VIF's: other kinds of things, and what is another's."""
    left: set[Key] = set()
    for prefix, name in names(number).items():
        link = before.get(("link", name))
        if link is not None and prefix in _KINDS and not _goes(before, number, prefix):
            left.add(("link", name))
    gone = {
        name
        for name in (names(number)["pb"], names(number)["tbr"])
        if ("Bridge", name) in before and _owner(before["Bridge", name]) in (None, identity(number))
    }
    home = {
        "pbp": names(number)["pb"],
        "tap": form.home(number) if isinstance(form, _Housed) else form.shared,
    }
    for prefix, name in names(number).items():
        port = before.get(("Port", name))
        if ("Bridge", name) in before:
            if name not in gone:
                left |= {(table, name) for table in ("Bridge", "Port", "Interface", "link")}
        elif port is not None and port["bridge"] not in gone:
            owner = _owner(port)
            if owner not in (None, identity(number)) or (
                owner is None and port["bridge"] != home.get(prefix, form.shared)
            ):
                left |= {("Port", name), ("Interface", name)}
                if "qos" in port:
                    left.add(("QoS", port["qos"]))
    return left & before.keys()


def _goes(before: Things, number: int, prefix: str) -> bool:
    name = names(number)[prefix]
    link = before["link", name]
    if prefix in ("qvb", "qvo"):
        peer = names(number)["qvo" if prefix == "qvb" else "qvb"]
        pair = [link, before.get(("link", peer))]
        return link["peer"] == peer and not any(e is None or _is_foreign(e, number) for e in pair)
    return link["kind"] == _KINDS[prefix] and not _is_foreign(link, number)


def _is_foreign(link: Row, number: int) -> bool:
    return link.get("alias", "") not in ("", mark(number))


def _what_it_is(row: Row) -> Row:
    return {column: value for column, value in row.items() if column in ("kind", "peer")}


def _owner(row: Row) -> str | None:
    return row.get("external_ids", {}).get("os-vif")


# --- the forms ---------------------------------------------------------------------------------------------------


def _port(number: int, name: str, bridge: str, **columns: Any) -> Things:
    """A port and its interface; `columns` are of the interface."""
    return {
        ("Port", name): {"bridge": bridge, "external_ids": {"os-vif": identity(number)}},
        ("Interface", name): {"type": "", "external_ids": ids(number), **columns},
    }


def _tap(number: int) -> Things:
    row = {
        "kind": "tun",
        "up": True,
        "mtu": MTU,
        "alias": mark(number),
        "address": mac(number),
        "ipv6": False,
    }
    return {("link", short("tap", number)): row}


def _native(number: int, bridge: str = BRIDGE, **columns: Any) -> Things:
    return _tap(number) | _port(number, short("tap", number), bridge, **columns)


def _hybrid(number: int, bridge: str = BRIDGE) -> Things:
    called = names(number)
    end = {"kind": "veth", "up": True, "mtu": MTU, "alias": mark(number), "ipv6": False}
    return {
        ("link", called["qbr"]): {"kind": "bridge", "up": True, "alias": mark(number), "ipv6": False},
        ("link", called["qvb"]): {**end, "peer": called["qvo"], "master": called["qbr"]},
        ("link", called["qvo"]): {**end, "peer": called["qvb"]},
        **_port(number, called["qvo"], bridge),
    }


def _own_bridge(number: int) -> Things:
    called = names(number)
    here, there = called["ibp"], called["pbp"]
    marked = {"external_ids": {"os-vif": identity(number)}}
    return {
        **_tap(number),
        ("Bridge", called["pb"]): {"datapath_type": "netdev", **marked},
        **_port(number, called["tap"], called["pb"], external_ids={}),
        **_port(
            *(number, here, BRIDGE),
            type="patch",
            options={"peer": there},
            external_ids=ids(number) | {"iface-id": identity(number)},
        ),
        **_port(number, there, called["pb"], type="patch", options={"peer": here}, external_ids={}),
    }


def _trunk(number: int) -> Things:
    bridge = names(number)["tbr"]
    marked = {"external_ids": {"os-vif": identity(number)}}
    return {
        ("Bridge", bridge): {"datapath_type": "netdev", **marked},
        **_native(number, bridge, external_ids=ids(number, bridge_name=bridge)),
    }


def _vhost(number: int) -> Things:
    path = {"vhost-server-path": f"/tmp/nobody-opens-it-{number}"}
    name = short("vhu", number)
    return _port(number, name, BRIDGE, type="dpdkvhostuserclient", options=path, mtu_request=MTU)


def _no_bridge(number: int) -> Things:
    return {}


@dataclass(frozen=True)
class _Housed(Form):
    """The tap's port is in a bridge of the VIF's own."""

    home: Callable[[int], str] = lambda number: names(number)["pb"]


NATIVE = Form("native", native, _native)
SHAPED = Form(
    "native, QoS, isolated",
    lambda n: native(n, datapath_type=None),
    _native,
    {"isolate_vif": True},
)
OWN_BRIDGE = _Housed("a bridge per port", native, _own_bridge, {"per_port_bridge": True})
HYBRID = Form("hybrid", hybrid, _hybrid)
PORT = Form(
    "hypervisor's tap",
    lambda n: native(n, create_tap=False),
    lambda n: _port(n, short("tap", n), BRIDGE),
    waits=False,
)
HYPERVISOR = Form(
    "hypervisor's port", lambda n: native(n, create_port=False, create_tap=False), _no_bridge, waits=False
)
TRUNK = _Housed(
    "trunk", lambda n: native(n, bridge=f"tbr-{n}"), _trunk, shared=None, home=lambda n: names(n)["tbr"]
)
NEW_NATIVE = Form(
    "native on a new bridge", lambda n: native(n, bridge=NEW), lambda n: _native(n, NEW), shared=NEW
)
NEW_HYBRID = Form(
    "hybrid on a new bridge", lambda n: hybrid(n, bridge=NEW), lambda n: _hybrid(n, NEW), shared=NEW
)
VHOST = Form("vhost-user, not waited for", vhost_user, _vhost, waits=False)
WAITED = Form("vhost-user", vhost_user, _vhost)
"""Without DPDK, Open vSwitch cannot open its port: the plug fails in any case."""

FORMS: dict[int, dict[str, Form]] = {
    number: {form.name: form for form in forms}
    for number, forms in {
        1: (NATIVE, SHAPED, OWN_BRIDGE, HYBRID),
        2: (NATIVE, HYBRID, PORT, HYPERVISOR),
        3: (TRUNK,),
        4: (VHOST, WAITED),
        5: (NEW_NATIVE, NEW_HYBRID),
    }.items()
}
"""The VIFs of the stateful test, and what each may be from one plug to the next: ports are rebound."""


def names_of(numbers: Iterable[int]) -> set[str]:
    return {name for number in numbers for name in names(number).values()}
