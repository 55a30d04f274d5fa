"""Steps: what the engine asks its privileged side to do, as data that can cross a process boundary.

The engine (no privileges) makes steps from differences; the executor (os_vif.host.executor, with privileges)
checks and runs them. A step can express nothing but the resources of a plan: `from_wire` refuses the rest, so a
caller that got hold of the channel gains no more than the plan's vocabulary.

A scope is what is rolled back together: the objects of one VIF, or a group of shared objects.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from os_vif.host import hidden
from os_vif.host import plan as _plan

Wire = list[object]
"""A step as lists, strings, numbers and None: [class name, {field: value}]."""

LEAVE, ADD, TUNE, SET, JOIN, DELETE = range(6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One change, in the rollback scope `scope` (an index into the pass's scopes)."""

    phase: ClassVar[int] = SET
    scope: int

    @property
    def when(self) -> int:
        """The phase in which this one is done, where that depends on more than its class."""
        return self.phase

    def __str__(self) -> str:
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class AddBridge(Step):
    """Create a bridge, down."""

    phase: ClassVar[int] = ADD
    name: str
    mtu: int | None = None
    forward_delay: int = 0
    stp: bool = False
    multicast_snooping: bool = False
    ageing_time: int | None = None

    def __str__(self) -> str:
        return f"create bridge {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AddTap(Step):
    """Create a persistent tap, down."""

    phase: ClassVar[int] = ADD
    name: str
    multiqueue: bool = False

    def __str__(self) -> str:
        return f"create tap {self.name}{' with many queues' if self.multiqueue else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AddVlan(Step):
    """Create an 802.1Q device, down."""

    phase: ClassVar[int] = ADD
    name: str
    link: str
    vlan_id: int
    mtu: int | None = None

    def __str__(self) -> str:
        return f"create VLAN device {self.name}, id {self.vlan_id} on {self.link}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AddVeth(Step):
    """Create a veth pair, both ends down."""

    phase: ClassVar[int] = ADD
    name: str
    peer: str
    mtu: int | None = None

    def __str__(self) -> str:
        return f"create veth pair {self.name}, {self.peer}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameLink(Step):
    """Call the link `name` by `new_name`, before all that speaks of it by that; it is down for a moment.

    former: the altname that it gets, which says what it was called.
    """

    phase: ClassVar[int] = ADD
    name: str
    new_name: str
    former: str

    def __str__(self) -> str:
        return f"rename {self.name} to {self.new_name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameLinkBack(RenameLink):
    """Call it again by what its altname `former` says, which goes; after all that speaks of it by `name`."""

    phase: ClassVar[int] = DELETE


@dataclass(frozen=True, slots=True, kw_only=True)
class DisableIPv6(Step):
    """Write /proc/sys/net/ipv6/conf/<name>/disable_ipv6; before: what it was, None if the link was not there."""

    phase: ClassVar[int] = TUNE
    name: str
    value: bool
    before: bool | None = None

    def __str__(self) -> str:
        return f"turn IPv6 {'off' if self.value else 'on'} on {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetLink(Step):
    """Set the given attributes of an existing link; None leaves one alone.

    master: name of the bridge the link becomes a port of, "" to take it out of the one it is in.
    before: the same attributes as they were, as (name, value) pairs, for the rollback.
    """

    name: str
    mtu: int | None = None
    address: str | None = None
    alias: str | None = None
    group: int | None = None
    master: str | None = None
    arp_ignore: int | None = None
    arp_announce: int | None = None
    promisc: bool | None = None
    up: bool | None = None
    before: tuple[tuple[str, int | str | bool], ...] = ()

    def __str__(self) -> str:
        words = []
        for attribute in ("mtu", "address", "alias", "arp_ignore", "arp_announce"):
            value = getattr(self, attribute)
            if value is not None:
                words.append(f"{attribute} {value}")
        if self.master is not None:
            words.append(f"master {self.master}" if self.master else "nomaster")
        if self.promisc is not None:
            words.append(f"promisc {'on' if self.promisc else 'off'}")
        if self.up is not None:
            words.append("up" if self.up else "down")
        return f"set {', '.join(words)} on {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetVf(Step):
    """Set the given attributes of virtual function `number` of the physical one whose netdev is `name`.

    before: the same attributes as they were, as (name, value) pairs, for the rollback.
    """

    name: str
    number: int
    address: str | None = None
    vlan: int | None = None
    trusted: bool | None = None
    before: tuple[tuple[str, int | str | bool], ...] = ()

    def __str__(self) -> str:
        words = [f"{a} {getattr(self, a)}" for a in ("address", "vlan") if getattr(self, a) is not None]
        if self.trusted is not None:
            words.append(f"trust {'on' if self.trusted else 'off'}")
        return f"set {', '.join(words)} on virtual function {self.number} of {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveAddresses(Step):
    """Move the layer-3 configuration of link `source` to link `target`."""

    source: str
    target: str

    def __str__(self) -> str:
        return f"move addresses and routes from {self.source} to {self.target}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look(Step):
    """Look at what only the privileged side can see; answered in the outcome's `answers`, in words ("": right)."""

    resource: _plan.Hidden

    def __str__(self) -> str:
        return hidden.words(self.resource)[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place(Step):
    """Make what only the privileged side can see be there."""

    resource: _plan.Hidden

    @property
    def when(self) -> int:
        # a script finds the links of its VIF as they should be; rules are there before there is anything to forward
        return JOIN if isinstance(self.resource, _plan.Script) else SET

    def __str__(self) -> str:
        return hidden.words(self.resource)[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Remove(Step):
    """Take away what only the privileged side can see."""

    resource: _plan.Hidden

    @property
    def when(self) -> int:
        return LEAVE if isinstance(self.resource, _plan.Script) else SET

    def __str__(self) -> str:
        return hidden.words(self.resource)[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteLink(Step):
    """Delete a link, if it is still of that kind and carries that mark (or, `adopt`, none)."""

    phase: ClassVar[int] = DELETE
    name: str
    kind: str
    mark: str
    adopt: bool = False

    def __str__(self) -> str:
        return f"delete {self.name}"


_STEPS: dict[str, type[Step]] = {
    cls.__name__: cls
    for cls in (
        AddBridge,
        AddTap,
        AddVlan,
        AddVeth,
        RenameLink,
        RenameLinkBack,
        DisableIPv6,
        SetLink,
        SetVf,
        MoveAddresses,
        Look,
        Place,
        Remove,
        DeleteLink,
    )
}
_FIELDS = {cls: tuple(f.name for f in dataclasses.fields(cls)) for cls in _STEPS.values()}
_TYPES = {  # "int | None" and the like
    cls: {f.name: str(f.type).replace("None", "NoneType").split(" | ") for f in dataclasses.fields(cls)}
    for cls in _STEPS.values()
}
_LINK_KINDS = frozenset({"bridge", "tun", "vlan", "veth"})


def to_wire(steps: Iterable[Step]) -> list[Wire]:
    """The steps as plain data for the privileged side."""
    wire: list[Wire] = []
    for step in steps:
        values = [getattr(step, name) for name in _FIELDS[type(step)]]
        if isinstance(step, (Look, Place, Remove)):
            values[-1] = hidden.to_wire(step.resource)
        wire.append([type(step).__name__, *values])
    return wire


def from_wire(wire: Sequence[Sequence[object]]) -> list[Step]:
    """Build and check steps that came from outside; ValueError names the first thing that is not a step."""
    steps = []
    for entry in wire:
        name, *values = entry
        cls = _STEPS.get(str(name))
        if cls is None or len(values) != len(_FIELDS[cls]):
            raise ValueError(f"not a step: {entry!r}")
        kwargs: dict[str, object] = dict(zip(_FIELDS[cls], values, strict=True))
        _check(cls, kwargs)
        steps.append(cls(**kwargs))  # type: ignore[arg-type]  # _check made sure of the types
    return steps


def _check(cls: type[Step], kwargs: dict[str, object]) -> None:
    for field, value in kwargs.items():
        if field in ("name", "peer", "new_name", "link", "source", "target"):
            fault = _plan.link_name_fault(value)
            if fault:
                raise ValueError(f"{cls.__name__}.{field}: {fault}")
        elif field == "master":
            if value not in (None, "") and _plan.link_name_fault(value):
                raise ValueError(f"{cls.__name__}.master: {_plan.link_name_fault(value)}")
        elif field == "alias":
            # the one alias a step may set is a mark: what others wrote there is put back by `before` only
            if value is not None and not str(value).startswith(_plan.MARK_PREFIX):
                raise ValueError(f"{cls.__name__}.alias: {value!r} is not a mark of this project")
        elif field == "kind":
            if value not in _LINK_KINDS:
                raise ValueError(f"{cls.__name__}.kind: {value!r} is not a kind os-vif deletes")
        elif field == "mark":
            if not isinstance(value, str) or not value.startswith(_plan.MARK_PREFIX):
                raise ValueError(f"{cls.__name__}.mark: {value!r} is not a mark of this project")
        elif field == "before" and cls in _SETTABLE:
            kwargs[field] = _before(cls, value)
        elif field == "resource":
            kwargs[field] = hidden.from_wire(value)
        elif type(value).__name__ not in _TYPES[cls][field]:
            raise ValueError(f"{cls.__name__}.{field}: {value!r} is not {' or '.join(_TYPES[cls][field])}")
        elif field in ("mtu", "address", "vlan_id", "vlan", "number"):
            _plan.check_field(cls.__name__, field, value)


_SETTABLE: dict[type[Step], frozenset[str]] = {
    SetLink: frozenset(
        {"mtu", "address", "alias", "group", "master", "arp_ignore", "arp_announce", "promisc", "up"}
    ),
    SetVf: frozenset({"address", "vlan", "trusted"}),
}


def _before(cls: type[Step], value: object) -> tuple[tuple[str, int | str | bool], ...]:
    if not isinstance(value, (list, tuple)):
        raise ValueError(f"{cls.__name__}.before: {value!r} is not a list of pairs")  # noqa: TRY004  # bad data, not a bug
    for pair in value:
        if not isinstance(pair, (list, tuple)) or len(pair) != 2 or pair[0] not in _SETTABLE[cls]:
            raise ValueError(f"{cls.__name__}.before: {pair!r} is not an attribute and its value")
    return tuple((str(attribute), setting) for attribute, setting in value)
