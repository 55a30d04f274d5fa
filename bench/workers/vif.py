"""os-vif as a contestant: this checkout or a release, through the public API alone.

`python -m bench.workers.vif CONFIG`, where CONFIG is an oslo.config file with the lock path and, if the privileged
steps are to run in a daemon, its helper command.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from oslo_concurrency import lockutils  # noqa: F401 - registers lock_path before the file is read
from oslo_config import cfg

import os_vif
from bench.model import Verb, Vif
from bench.workers.protocol import Call, serve
from os_vif import objects


class OsVif:
    """Objects are built beforehand; releases without `plug_many` get one call after the other."""

    def prepare(self, verb: Verb, vifs: Sequence[Vif]) -> Call:
        pairs = [(build(vif), instance_of(vif)) for vif in vifs]
        if verb in ("plug", "unplug"):
            call = getattr(os_vif, verb)
            ((vif, instance),) = pairs
            return lambda: call(vif, instance)
        many = getattr(os_vif, verb, None)
        if many is not None:
            return lambda: many(pairs)
        single = getattr(os_vif, verb.removesuffix("_many"))
        return lambda: [single(vif, instance) for vif, instance in pairs]


def build(vif: Vif) -> objects.vif.VIFBase:
    if vif.kind != "bridge":
        return build_for_switch(vif)
    network = objects.network.Network(
        id="5ca1ab1e-0000-4000-8000-ffffffffffff",
        bridge=vif.bridge,
        bridge_interface=None,
        mtu=vif.mtu,
        should_provide_bridge=True,
    )
    built = objects.vif.VIFBridge(
        id=vif.id,
        plugin="linux_bridge",
        vif_name=vif.tap,
        bridge_name=vif.bridge,
        address=vif.address,
        network=network,
        has_traffic_filtering=vif.filtered,
    )
    if vif.create_tap:
        built.port_profile = objects.vif.VIFPortProfileLinuxBridge(create_tap=True)
    return built


def build_for_switch(vif: Vif) -> objects.vif.VIFBase:
    network = objects.network.Network(
        id="5ca1ab1e-0000-4000-8000-ffffffffffff", bridge=vif.bridge, mtu=vif.mtu
    )
    profile = objects.vif.VIFPortProfileOpenVSwitch(interface_id=vif.id, datapath_type="netdev")
    common = {"id": vif.id, "plugin": "ovs", "vif_name": vif.tap, "address": vif.address, "network": network}
    if vif.kind == "hybrid":
        return objects.vif.VIFBridge(bridge_name=vif.hybrid_links[0], port_profile=profile, **common)
    profile.create_port = profile.create_tap = True
    return objects.vif.VIFOpenVSwitch(bridge_name=vif.bridge, port_profile=profile, **common)


def instance_of(vif: Vif) -> objects.instance_info.InstanceInfo:
    return objects.instance_info.InstanceInfo(uuid=vif.id, name="bench", project_id="bench")


if __name__ == "__main__":
    cfg.CONF(["--config-file", sys.argv[1]], project="bench")
    os_vif.initialize()
    serve(OsVif())
