"""Run by the interpreter of an environment with nova and this project: what Nova's converter makes of its VIFs.

Prints a JSON list of [case, class, plugin, port profile], each object taken through its JSON and back.
"""

import json
import warnings

warnings.simplefilter("ignore")

from nova import objects as nova_objects  # noqa: E402
from nova.network import model, os_vif_util  # noqa: E402

import os_vif  # noqa: E402
from os_vif import objects  # noqa: E402

PORT = "b679325f-ca89-4ee0-a8be-6db1409b69ea"
FUNCTION = {"pci_slot": "0000:0a:00.1"}
CASES = {
    "ovs": {"type": "ovs"},
    "ovs, hybrid": {"type": "ovs", "details": {"ovs_hybrid_plug": True}},
    "ovs, create_tap": {"type": "ovs", "delegate_create": True, "details": {"ovs_create_tap": True}},
    "ovs, direct": {"type": "ovs", "vnic_type": "direct", "profile": FUNCTION},
    "ovs, remote-managed": {"type": "ovs", "vnic_type": "remote-managed", "profile": FUNCTION},
    "agilio_ovs": {"type": "agilio_ovs"},
    "vhostuser": {"type": "vhostuser", "details": {"vhostuser_socket": "/s"}},
    "vhostuser, ovs": {
        "type": "vhostuser",
        "details": {"vhostuser_socket": "/s", "vhostuser_ovs_plug": True},
    },
    "vhostuser, fast path": {
        "type": "vhostuser",
        "details": {"vhostuser_socket": "/s", "vhostuser_fp_plug": True},
    },
    "vhostuser, fast path ovs": {
        "type": "vhostuser",
        "details": {"vhostuser_socket": "/s", "vhostuser_fp_plug": True, "vhostuser_ovs_plug": True},
    },
    "ivs": {"type": "ivs"},
    "ivs, hybrid": {"type": "ivs", "details": {"ovs_hybrid_plug": True}},
    "vrouter": {"type": "vrouter"},
    "vrouter, direct": {"type": "vrouter", "vnic_type": "direct", "profile": FUNCTION},
    "tap": {"type": "tap"},
}


def nova_vif(**fields: object) -> model.VIF:
    subnet = model.Subnet(
        cidr="10.0.0.0/24", gateway=model.IP("10.0.0.1"), ips=[], dns=[model.IP("192.0.2.53")]
    )
    network = model.Network(
        id="437c6db5-4e6f-4b43-b64b-ed6a11ee5ba7",
        bridge="br-int",
        label="private",
        subnets=[subnet],
        mtu=1450,
    )
    common = {"id": PORT, "address": "fa:16:3e:11:22:33", "network": network, "devname": "tapb679325f-ca"}
    return model.VIF(**common | {"ovs_interfaceid": PORT, "details": {}, "active": True} | fields)


nova_objects.register_all()
os_vif.initialize()
made = []
for case, fields in CASES.items():
    vif = os_vif_util.nova_to_osvif_vif(nova_vif(**fields))
    if vif is None:
        made.append([case, None, None, None])
        continue
    read = objects.from_json(objects.to_json(vif))
    profile = type(read.port_profile).__name__ if "port_profile" in read else None
    made.append([case, type(read).__name__, read.plugin, profile])
print(json.dumps({"from": os_vif.__file__, "made": made}))
