"""Bridges and ports of an Open vSwitch database as they were observed: data, compared with plans by ovs.diff."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

MARK = (
    "os-vif"  # the key in external_ids of Ports and Bridges whose value is the id of the VIF that owns them
)
QOS_NAMESPACE = uuid.UUID("68da264a-847f-42a8-8ab0-5e774aee3d95")


@dataclass(frozen=True, slots=True)
class BridgeState:
    """A row of the table Bridge; owner: the VIF whose mark it carries."""

    row: uuid.UUID
    name: str
    datapath_type: str
    owner: str | None


@dataclass(frozen=True, slots=True)
class PortState:
    """A row of the table Port with its Interface; bridge: name of the bridge it is on, "" if unknown.

    ofport: None until ovs-vswitchd has looked at it, -1 if it could not open the device, for the reason `error`.
    """

    row: uuid.UUID
    interface: uuid.UUID
    name: str
    bridge: str
    owner: str | None
    tag: int | None
    vlan_mode: str | None
    trunks: frozenset[int]
    qos: uuid.UUID | None
    interface_type: str
    external_ids: Mapping[str, str]
    options: Mapping[str, str]
    mtu_request: int | None
    ofport: int | None
    error: str | None


@dataclass(frozen=True, slots=True)
class OvsState:
    """The observed part of one database.

    controller: external_ids of the switch as a whole, where OVN leaves its. orphans: names of ports that are gone and
    have left their QoS rows; looked for before a removal alone.
    """

    bridges: Mapping[str, BridgeState] = field(default_factory=dict)
    ports: Mapping[str, PortState] = field(default_factory=dict)
    has_mtu_request: bool = True
    controller: Mapping[str, str] = field(default_factory=dict)
    orphans: frozenset[str] = frozenset()


def qos_id(port: str) -> str:
    """What the QoS row of a port is found by: external_ids:id of it."""
    return str(uuid.uuid5(QOS_NAMESPACE, port))
