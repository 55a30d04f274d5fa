"""The plan: what must be on the host while a VIF is plugged, as data.

A plugin turns a VIF into a Plan and does nothing else; the engine (os_vif.host.engine) makes a plan true,
compares it with the host, or takes it away. Third-party plugins build their plans from the same classes, all of which
are imported from here; what they mean is said in os_vif.host.resources.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from os_vif.host.resources import (
    EXTERNAL,
    FORMER_NAME,
    HIDDEN,
    LINK_NAME_MAX,
    MARK_PREFIX,
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
    OvsBridge,
    OvsDatabase,
    OvsPort,
    Ownership,
    Rename,
    Resource,
    Script,
    SriovVf,
    Tap,
    Veth,
    Vlan,
    check_field,
    link_name_fault,
)

__all__ = [
    "EXTERNAL",
    "FORMER_NAME",
    "HIDDEN",
    "LINK_NAME_MAX",
    "MARK_PREFIX",
    "OWNED",
    "SHARED",
    "SHARED_MARK",
    "UNFINISHED_GROUP",
    "AddressMove",
    "Bridge",
    "BridgePort",
    "FilterRules",
    "Hidden",
    "Link",
    "OvsBridge",
    "OvsDatabase",
    "OvsPort",
    "Ownership",
    "Plan",
    "Rename",
    "Resource",
    "Script",
    "SriovVf",
    "Tap",
    "Veth",
    "Vlan",
    "check_field",
    "link_name_fault",
    "link_names",
]


@dataclass(frozen=True, slots=True)
class Plan:
    """All a VIF needs on this host, in the order in which it is made.

    vif_id: the VIF's id (a UUID as text), which is what its owned objects are marked with.
    leftovers: owned objects that the VIF had when it was plugged another way (a port that was rebound); an unplug
    removes them where they are found, a plug does not make them.
    obstacle: why the VIF cannot be plugged as it is, though what there is of it can be removed (a field is missing
    that only a plug needs, or its device is gone); a plug raises it before anything is done.
    """

    vif_id: str
    resources: tuple[Resource, ...] = ()
    leftovers: tuple[Resource, ...] = ()
    obstacle: Exception | None = None

    def __post_init__(self) -> None:
        if not self.vif_id or len(self.vif_id.encode()) > 200 or not self.vif_id.isprintable():
            raise ValueError(f"Plan.vif_id: {self.vif_id!r} must be 1 to 200 printable characters")
        seen: dict[tuple[str, str], Resource] = {}
        for resource in self.resources:
            if seen.setdefault(resource.key, resource) != resource:
                raise ValueError(f"Plan: two different resources for {' '.join(resource.key)}")

    @property
    def mark(self) -> str:
        """The ifalias of every link this VIF owns."""
        return MARK_PREFIX + self.vif_id

    def __iter__(self) -> Iterator[Resource]:
        return iter(self.resources)

    def links(self) -> tuple[str, ...]:
        """Names of all links the plan speaks of, each once."""
        return tuple(link_names(self.resources))


def link_names(resources: Iterable[Resource]) -> list[str]:
    """Names of all links the resources speak of, each once."""
    names: dict[str, None] = {}
    for resource in resources:
        if isinstance(resource, (OvsBridge, OvsPort)):
            continue
        for attribute in ("name", "peer", "link", "port", "bridge", "source", "target", "found"):
            name = getattr(resource, attribute, None)
            if name is not None:
                names[name] = None
    return list(names)
