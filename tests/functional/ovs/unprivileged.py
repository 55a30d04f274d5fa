"""Run as root by test_unprivileged: plugs as a user who may open neither the database's socket nor the network.

The privsep daemon is forked before the privileges are dropped, as a service's is started through sudo. Arguments: the
configuration file, the VIF as JSON.
"""

import os
import sys
import warnings

warnings.simplefilter("ignore")

from oslo_config import cfg  # noqa: E402
from oslo_privsep import priv_context  # noqa: E402

import os_vif  # noqa: E402
from os_vif import exception, objects  # noqa: E402
from os_vif.host import engine, lending, netlink, passes, removals  # noqa: E402, F401
from os_vif.host.ovs import commit, reading, settle, watching  # noqa: E402, F401
from vif_plug_ovs import privsep  # noqa: E402

cfg.CONF(["--config-file", sys.argv[1]], project="os-vif")
os_vif.initialize()
privsep.vif_plug.start(priv_context.Method.FORK)
os.setgid(65534)
os.setgroups([])
os.setuid(65534)

vif = objects.from_json(sys.argv[2])
instance = objects.instance_info.InstanceInfo(uuid="1e2f3a4b-0000-4000-8000-000000000001", name="guest")
os_vif.plug(vif, instance)
print([str(difference) for difference in os_vif.check(vif, instance)])
try:
    os_vif.wait_ready(vif, 0.3, instance)
except exception.NotReady as error:
    print(*error.reasons)
os_vif.unplug(vif, instance)
print("done")
