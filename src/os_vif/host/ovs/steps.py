"""Steps for the database: they stand among those for the kernel, and never cross to the privileged side.

os_vif.host.changes makes them, os_vif.host.passes gathers those of a pass into one transaction.
"""

from __future__ import annotations

from dataclasses import dataclass

from os_vif.host.ovs.state import BridgeState, PortState
from os_vif.host.plan import OvsBridge, OvsDatabase, OvsPort
from os_vif.host.steps import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class OvsStep(Step):
    """A change of one database."""

    database: OvsDatabase


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeOvs(OvsStep):
    """Have a bridge or port be as the plan says; owner: the VIF it is marked with."""

    resource: OvsBridge | OvsPort
    owner: str | None

    def __str__(self) -> str:
        kind = "bridge" if isinstance(self.resource, OvsBridge) else "port"
        return f"write Open vSwitch {kind} {self.resource.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveOvsPort(OvsStep):
    """Have a port, as it was observed, and its QoS be gone."""

    port: PortState

    def __str__(self) -> str:
        return f"remove Open vSwitch port {self.port.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveOvsQos(OvsStep):
    """Have the QoS be gone that a port, which somebody else removed, has left."""

    port: str

    def __str__(self) -> str:
        return f"remove the QoS of Open vSwitch port {self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveOvsBridge(OvsStep):
    """Have a bridge be gone."""

    bridge: BridgeState

    def __str__(self) -> str:
        return f"remove Open vSwitch bridge {self.bridge.name}"
