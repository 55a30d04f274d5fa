"""The resources of a plan: each class is one kind of object that a VIF may need on the host.

Read them as os_vif.host.plan.

Every resource says what its object on the host is called (its key), how it should be, and whose it is:

OWNED     exists for this VIF alone; carries the VIF's mark; an unplug removes it.
SHARED    other VIFs or the operator use it too; made if it is missing, never changed where it differs unless
          `repair` asks for it, never removed by an unplug.
EXTERNAL  somebody else makes it (the operator, a hypervisor, an agent); only looked at.

Sizes are in bytes, times in hundredths of a second as the kernel's bridge code has them.
"""

from __future__ import annotations

import enum
import functools
import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

from os_vif.host.scripts.fields import FAULTS as SCRIPT_FAULTS

if TYPE_CHECKING:
    import socket

MARK_PREFIX = "os-vif:"
SHARED_MARK = MARK_PREFIX + "shared"
UNFINISHED_GROUP = 0x6F737669  # of links that a plug has made and not yet set up and marked: it may have died
FORMER_NAME = "os-vif-was-"  # begins the altname with which a renamed link keeps the name it had
LINK_NAME_MAX = 15  # IFNAMSIZ - 1, uapi/linux/if.h

_MISREAD = re.compile(r"[/:\s]")
_MAC = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\Z")


class Ownership(enum.StrEnum):
    """Whose an object on the host is; see the module's docstring."""

    OWNED = "owned"
    SHARED = "shared"
    EXTERNAL = "external"


OWNED, SHARED, EXTERNAL = Ownership.OWNED, Ownership.SHARED, Ownership.EXTERNAL


def link_name_fault(name: object) -> str | None:
    """Why the kernel would refuse `name` as a link's name, or None if it would take it.

    The rule is dev_valid_name() of the kernel: 1 to 15 bytes, not "." or "..", no "/", ":" or white space.
    """
    if not isinstance(name, str) or not name:
        return "a link's name must be a non-empty string"
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return "the name cannot be encoded as UTF-8"
    if size > LINK_NAME_MAX:
        return f"{name!r} is {size} bytes long, the kernel takes at most {LINK_NAME_MAX}"
    if name in (".", "..", "all", "default"):
        return f"{name!r} is reserved"  # "all" and "default" are directories of /proc/sys/net/*/conf
    if not name.isprintable() or _MISREAD.search(name):
        return f"{name!r} contains '/', ':', white space or a control character"
    if name.startswith("-") or "%" in name:
        return f"{name!r} starts with '-' or contains '%', which tools and the kernel's name patterns misread"
    return None


class _Checked:
    """Checks the fields every resource shares, so that a broken plan is refused where it is made."""

    __slots__ = ()

    def __post_init__(self) -> None:
        kind = type(self)
        for name in _checked(kind):  # type: ignore[arg-type]  # a class is hashable, whatever its objects are
            check_field(kind.__name__, name, getattr(self, name))


_LINK_NAME_FIELDS = frozenset({"name", "peer", "link", "port", "bridge", "source", "target", "found"})


@functools.cache
def _checked(kind: type[object]) -> tuple[str, ...]:
    """The fields for which check_field knows a rule: plans are made at every plug."""
    known = _LINK_NAME_FIELDS | {"mtu", "address", "vlan", "vlan_id", "number"} | SCRIPT_FAULTS.keys()
    return tuple(f.name for f in fields(kind) if f.name in known)  # type: ignore[arg-type]  # a dataclass


def check_field(resource: str, name: str, value: object) -> None:
    fault: str | None = None
    if resource == "Script" and name in SCRIPT_FAULTS:
        fault = SCRIPT_FAULTS[name](value)
    elif resource.startswith("Ovs") and name in ("name", "bridge"):
        # rows, not links: a patch port's name may be longer than a link's
        if not isinstance(value, str) or not value or not value.isprintable() or "/" in value:
            fault = f"{value!r} is not the name of an Open vSwitch bridge or port"
    elif name in _LINK_NAME_FIELDS:
        fault = link_name_fault(value)
    elif name == "mtu" and value is not None:
        if not isinstance(value, int) or isinstance(value, bool) or not 68 <= value <= 65535:
            fault = f"{value!r} is not a size in bytes from 68 to 65535"
    elif name == "address" and value is not None:
        if not isinstance(value, str) or not _MAC.match(value):
            fault = f"{value!r} is not a MAC address of six lower-case hexadecimal pairs"
    elif name == "vlan" and value is not None and (not isinstance(value, int) or not 0 <= value <= 4094):
        fault = f"{value!r} is not a VLAN id from 1 to 4094, or 0 for none"
    elif name == "number" and (not isinstance(value, int) or not 0 <= value < 65536):
        fault = f"{value!r} is not the number of a virtual function"
    elif name == "vlan_id" and (not isinstance(value, int) or not 1 <= value <= 4094):
        fault = f"{value!r} is not a VLAN id from 1 to 4094"
    if fault:
        raise ValueError(f"{resource}.{name}: {fault}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridge(_Checked):
    """A Linux bridge.

    On a shared bridge that exists the settings (all but `up`) are left as they are and are not compared:
    they say how the bridge is made, and an operator may have made it otherwise.
    """

    name: str
    ownership: Ownership = OWNED
    mtu: int | None = None
    forward_delay: int = 0
    stp: bool = False
    multicast_snooping: bool = False
    ageing_time: int | None = None
    disable_ipv6: bool | None = None
    arp_ignore: int | None = None
    arp_announce: int | None = None
    up: bool = True

    @property
    def key(self) -> tuple[str, str]:
        return ("link", self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tap(_Checked):
    """A persistent tap device, there before the hypervisor opens it."""

    name: str
    ownership: Ownership = OWNED
    mtu: int | None = None
    address: str | None = None
    multiqueue: bool = False
    disable_ipv6: bool | None = True
    up: bool = True

    @property
    def key(self) -> tuple[str, str]:
        return ("link", self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vlan(_Checked):
    """An 802.1Q device with id `vlan_id` on top of `link`."""

    name: str
    link: str
    vlan_id: int
    ownership: Ownership = OWNED
    mtu: int | None = None
    up: bool = True

    @property
    def key(self) -> tuple[str, str]:
        return ("link", self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link(_Checked):
    """Attributes a VIF needs of a link that os-vif does not make: a NIC, or a bridge somebody provides.

    A missing SHARED one makes a plug fail with an error that names it; an EXTERNAL one is only reported by
    `check` and waited for by `wait_ready`. `mtu`, `address` and `up` are set where they differ, since the VIF
    asks for them; None leaves them alone. An OWNED one (a NIC's representor of the VIF, its virtual function) is set
    down by an unplug, not deleted, and carries no mark; one with another address is another's by now. optional: its
    absence is no difference.
    """

    name: str
    ownership: Ownership = SHARED
    kind: str | None = None
    mtu: int | None = None
    address: str | None = None
    up: bool | None = None
    optional: bool = False

    @property
    def key(self) -> tuple[str, str]:
        return ("attributes", self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rename(_Checked):
    """A link that is there already is called `name` while the VIF is plugged; `found` is what it is called now.

    For NICs' representors, which the kernel named one way and the VIF another. It comes before all that speaks of
    the link by `name`. The former name stays with the link as an altname with FORMER_NAME before it, so that an
    unplug with no memory of the plug can give it back: a link left with the VIF's name would be in the way when the
    VIF is plugged again, on another function. Where `found` equals `name` there is nothing to do but that. Another
    link called `name` is an error. Kernels before 6.2 rename only what is down.
    """

    name: str
    found: str
    ownership: Ownership = OWNED

    @property
    def key(self) -> tuple[str, str]:
        return ("link-name", self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgePort(_Checked):
    """`port` is a port of the Linux bridge `bridge`."""

    port: str
    bridge: str
    ownership: Ownership = OWNED

    @property
    def key(self) -> tuple[str, str]:
        return ("bridge-port", self.port)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressMove(_Checked):
    """The layer-3 configuration of `source` (addresses of global scope, routes) is on `target` instead."""

    source: str
    target: str
    ownership: Ownership = SHARED

    @property
    def key(self) -> tuple[str, str]:
        return ("addresses", self.source)


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterRules(_Checked):
    """What may be forwarded from and to `bridge`; see os_vif.host.filters for the rules themselves.

    gateway: whether the bridge may forward at all; forward_interfaces: to which interfaces ("all": any);
    prefix: first part of the names of the iptables chains, at most 16 characters.
    """

    bridge: str
    gateway: bool
    prefix: str
    forward_interfaces: tuple[str, ...] = ("all",)
    drop_action: str = "DROP"
    ipv6: bool = False
    top_regex: str = ""
    bottom_regex: str = ""
    ownership: Ownership = SHARED

    @property
    def key(self) -> tuple[str, str]:
        return ("filter", self.bridge)


@dataclass(frozen=True, slots=True, kw_only=True)
class Veth(_Checked):
    """A veth pair, both ends alike; `peer` is the name of the other end."""

    name: str
    peer: str
    ownership: Ownership = OWNED
    mtu: int | None = None
    promisc: bool = False
    disable_ipv6: bool | None = True
    up: bool = True

    @property
    def key(self) -> tuple[str, str]:
        return ("link", self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class OvsDatabase:
    """Where an Open vSwitch database is reached.

    remote: unix:PATH, tcp:HOST:PORT or ssl:HOST:PORT; timeout: seconds an operation may take, until
    ovs-vswitchd has acted on it; private_key, certificate, ca_certificate: files in PEM format, for ssl; lender: who
    opens a unix: socket that this process may not open (os_vif.host.lending).
    """

    remote: str
    timeout: float = 120.0
    private_key: str | None = None
    certificate: str | None = None
    ca_certificate: str | None = None
    lender: Callable[[], socket.socket] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class OvsBridge(_Checked):
    """An Open vSwitch bridge.

    datapath_type: "system", "netdev", or "" for the default; None where the VIF does not care. A shared bridge that
    exists keeps its own; one that differs from what is asked for is reported by `check`.
    default_datapath_type: with what it is made if datapath_type is None. It is no part of what the bridge should be:
    two VIFs that differ in it alone want the same bridge.
    """

    name: str
    database: OvsDatabase
    ownership: Ownership = SHARED
    datapath_type: str | None = None
    default_datapath_type: str = field(default="system", compare=False)

    @property
    def key(self) -> tuple[str, str]:
        return ("ovs-bridge", self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class OvsPort(_Checked):
    """A port of an Open vSwitch bridge, with its one interface.

    external_ids, options: pairs that the Interface row must have; others that it has stay. tag, vlan_mode, trunks,
    qos_type: how the Port is made; they belong to the network's controller afterwards and are not compared.
    own_vlans: except that tag, vlan_mode and trunks stay as planned, on a bridge that no controller looks at.
    mtu_request: bytes. must_be_ready: a plug returns only when ovs-vswitchd has given the interface an ofport; False
    where the device is made later by others.
    """

    name: str
    bridge: str
    database: OvsDatabase
    ownership: Ownership = OWNED
    interface_type: str = ""
    external_ids: tuple[tuple[str, str], ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    mtu_request: int | None = None
    tag: int | None = None
    vlan_mode: str | None = None
    trunks: tuple[int, ...] = ()
    own_vlans: bool = False
    qos_type: str | None = None
    must_be_ready: bool = True

    @property
    def key(self) -> tuple[str, str]:
        return ("ovs-port", self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class SriovVf(_Checked):
    """Virtual function `number` of an SR-IOV NIC, as the switch in the NIC is to treat it.

    name: the netdev of its physical function; address: the guest's, the only one that the function may use unless it
    is trusted; vlan: the id its traffic is tagged with, 0 for none. There is no room for a mark on one: it is the
    VIF's as long as it has the VIF's address, and then an unplug takes address, VLAN and trust away.
    """

    name: str
    number: int
    address: str
    vlan: int = 0
    trusted: bool = False
    ownership: Ownership = OWNED

    @property
    def key(self) -> tuple[str, str]:
        return ("vf", f"{self.name} vf {self.number}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Script(_Checked):
    """The plug script `script` has connected `device`: a link of the VIF, a PCI device, a socket.

    Its links are ready before the script is run to plug, and are there until it has been run to unplug. payload: JSON
    for its standard input; environment: OS_VIF_* variables with their values. Only a plugin whose runner has plug
    scripts configured can carry it out, see vif_plug_script.privsep; what scripts are is in docs/scripts.md.
    """

    script: str
    device: str
    payload: str = field(default="{}", repr=False)
    environment: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    ownership: Ownership = OWNED

    @property
    def key(self) -> tuple[str, str]:
        return ("script", self.device)


Hidden = FilterRules | Script
"""What only the privileged side can look at: it is asked, where everybody may look at the rest."""
HIDDEN = (FilterRules, Script)

Resource = (
    Bridge
    | Tap
    | Vlan
    | Link
    | Rename
    | BridgePort
    | AddressMove
    | FilterRules
    | Veth
    | OvsBridge
    | OvsPort
    | SriovVf
    | Script
)
