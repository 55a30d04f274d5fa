"""Which bridges OVN looks after: what ovn-controller(8) reads of a switch, as far as readiness depends on it.

os_vif.host.ovs.diff calls it. A port of another bridge is nobody's but the switch's own, also on a host of OVN.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

_BRIDGE, _REMOTE = "ovn-bridge", "ovn-remote"
# options whose names begin like those of one chassis (ovn-bridge-CHASSIS, ovn-remote-CHASSIS)
_OTHERS = (
    "ovn-bridge-mappings",
    "ovn-bridge-datapath-type",
    "ovn-bridge-remote",
    "ovn-remote-probe-interval",
)


def bridges(external_ids: Mapping[str, str]) -> set[str]:
    """The integration bridges of the host's ovn-controllers: one, as a rule, and none where OVN is not set up.

    external_ids: of the table Open_vSwitch. An option of one chassis overrides the one for all of them, and a host
    may be several chassis, each with a bridge of its own (ovn-controller(8), CONFIGURATION).
    """
    found = set()
    for chassis in {external_ids.get("system-id", ""), *_chassis(external_ids)}:
        if external_ids.get(f"{_REMOTE}-{chassis}") or external_ids.get(_REMOTE):
            everybodys = external_ids.get(_BRIDGE, "br-int")
            found.add(external_ids.get(f"{_BRIDGE}-{chassis}", everybodys))
    return found


def _chassis(external_ids: Mapping[str, str]) -> Iterator[str]:
    """The chassis that have options of their own."""
    for key in external_ids:
        for option in (_BRIDGE, _REMOTE):
            if key.startswith(f"{option}-") and not key.startswith(_OTHERS):
                yield key.removeprefix(f"{option}-")
