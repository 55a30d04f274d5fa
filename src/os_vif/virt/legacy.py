"""The five drivers of 2012, each of which fixes how its guests are connected; deprecated.

They are for network services whose metadata have no vif_type. Whoever sends one needs GenericVIFDriver alone, which
all of them are. What such services left out has the value that it had then: the bridge of Open vSwitch is br-int, the
interface id is the VIF's own.
"""

from __future__ import annotations

import warnings
from typing import ClassVar

from os_vif.objects.vif import VIFBase
from os_vif.virt.generic import NAME_LEN, GenericVIFDriver, Metadata, Pair, Plugger, Setup

OVS_BRIDGE = "br-int"


class _LegacyDriver(GenericVIFDriver):
    """A driver that knows the type beforehand, and one set-up of it."""

    vif_type: ClassVar[str]
    setup: ClassVar[Setup]

    def __init__(
        self, plugger: Plugger, *, libvirt_version: tuple[int, ...] | None = None, firewall: bool = False
    ) -> None:
        warnings.warn(
            f"{type(self).__name__} is deprecated: send vif_type and use os_vif.virt.generic.GenericVIFDriver",
            DeprecationWarning,
            stacklevel=2,
        )
        super().__init__(plugger, libvirt_version=libvirt_version, firewall=firewall)

    def vif(self, vif: VIFBase | Pair) -> VIFBase:
        return super().vif(vif if isinstance(vif, VIFBase) else self._completed(Metadata(*vif)))

    def _completed(self, said: Metadata) -> Pair:
        return said.network, said.mapping

    def _vif_type(self, said: Metadata) -> str:
        return self.vif_type

    def _setup(self, said: Metadata, vif_type: str) -> Setup:
        return self.setup


class LibvirtBridgeDriver(_LegacyDriver):
    """A Linux bridge."""

    vif_type = "bridge"
    setup = Setup.BRIDGE


class QuantumLinuxBridgeVIFDriver(LibvirtBridgeDriver):
    """The Linux bridge of Quantum's agent: "brq" and the network's id, made if it is missing."""

    def _completed(self, said: Metadata) -> Pair:
        bridge = said.optional("network.bridge") or f"brq{said.text('network.id')}"[:NAME_LEN]
        return {**said.network, "bridge": bridge}, {**said.mapping, "should_create_bridge": True}


class _OpenVswitchDriver(_LegacyDriver):
    vif_type = "ovs"

    def _completed(self, said: Metadata) -> Pair:
        interface_id = said.optional("mapping.ovs_interfaceid") or said.text("mapping.vif_uuid")
        network = {**said.network, "bridge": said.optional("network.bridge") or OVS_BRIDGE}
        return network, {**said.mapping, "ovs_interfaceid": interface_id}


class LibvirtOpenVswitchDriver(_OpenVswitchDriver):
    """A port of Open vSwitch and its tap, both made by os-vif."""

    setup = Setup.ETHERNET


class LibvirtHybridOVSBridgeDriver(_OpenVswitchDriver):
    """A Linux bridge between the tap and Open vSwitch, for filter rules."""

    setup = Setup.HYBRID


class LibvirtOpenVswitchVirtualPortDriver(_OpenVswitchDriver):
    """A port of Open vSwitch that libvirt makes."""

    setup = Setup.VIRTUALPORT
