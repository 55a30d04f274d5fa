"""Run by the interpreter of an environment with nova and this project: what Nova's converter makes of its VIFs.

Prints a JSON list of [case, class, plugin, port profile], each object taken through its JSON and back.
"""

import json
import warnings

warnings.simplefilter("ignore")

from nova import objects as nova_objects  # noqa: E402
from nova.network import os_vif_util  # noqa: E402
from novavifs import nova_vif  # noqa: E402

import os_vif  # noqa: E402
from os_vif import objects  # noqa: E402

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
