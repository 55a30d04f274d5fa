"""What nova-compute does with the VIFs of a guest, by Nova's own code; run by an environment with nova.

Arguments: the nova.conf, and whose driver: "nova", or "os_vif" for os_vif.openstack.nova. Each line on standard
input is a request, {"do": "plug", "vif": {fields of a nova.network.model.VIF}, "extra_specs": {those of the flavor}},
and is answered by a line of JSON on standard output: {"result": ...}, or {"error": the exception's class and its
bases, "text": what it says}.
"""

from __future__ import annotations

from nova import monkey_patch

monkey_patch.patch(backend="threading")  # before anything else, as nova-compute of this release does

import json  # noqa: E402
import os  # noqa: E402
import shlex  # noqa: E402
import socket  # noqa: E402
import sys  # noqa: E402
import traceback  # noqa: E402
import warnings  # noqa: E402
from collections.abc import Callable  # noqa: E402

warnings.simplefilter("ignore")

from nova import config, objects, utils  # noqa: E402
from nova import context as nova_context  # noqa: E402
from nova.compute import vm_states  # noqa: E402
from nova.conf import CONF  # noqa: E402
from nova.network import model, neutron  # noqa: E402
from nova.virt import driver as virt_driver  # noqa: E402
from nova.virt.libvirt import vif as libvirt_vif  # noqa: E402
from novavifs import nova_vif  # noqa: E402
from oslo_log import log as logging  # noqa: E402
from oslo_privsep import priv_context  # noqa: E402

import os_vif  # noqa: E402

INSTANCE = "5a6c1b0e-3f57-4d0e-8f5e-0d9b3c1f7a42"
PROJECT = "9d1a6a4c0d0a4ae39dfd6cb7c4bd3cb6"


class Host:
    """The part of nova.virt.libvirt.host.Host that the VIF driver asks: a libvirt that is new enough for all."""

    def has_min_version(self, *_arguments: object, **_named: object) -> bool:
        return True


class Compute:
    """The requests, by name."""

    def __init__(self, driver: libvirt_vif.LibvirtGenericVIFDriver) -> None:
        self.driver = driver
        flavor = objects.Flavor(id=1, name="small", memory_mb=512, vcpus=2, extra_specs={})
        image = objects.ImageMeta(properties=objects.ImageMetaProps())
        self.image, self.flavor = image, flavor
        self.instance = objects.Instance(
            uuid=INSTANCE,
            id=7,
            project_id=PROJECT,
            flavor=flavor,
            image_ref="",
            system_metadata={},
            display_name="guest",
        )

    def instance_id(self) -> str:
        return INSTANCE

    def read(self, port: str) -> dict[str, object]:
        """The VIF that Nova makes of a port of Neutron."""
        api, context = neutron.API(), nova_context.get_admin_context()
        found = api.show_port(context, port)["port"]
        network = {"id": found["network_id"], "name": "private", "tenant_id": PROJECT}
        self.instance.info_cache = objects.InstanceInfoCache(network_info=model.NetworkInfo())
        (made,) = api._build_network_info_model(context, self.instance, [network], [port])
        return json.loads(json.dumps(made))

    def plug(self, vif: model.VIF) -> None:
        self.driver.plug(self.instance, vif)

    def unplug(self, vif: model.VIF) -> None:
        self.driver.unplug(self.instance, vif)

    def xml(self, vif: model.VIF) -> str:
        wanted = self.driver.get_config(self.instance, vif, self.image, self.flavor, CONF.libvirt.virt_type)
        return str(wanted.to_xml())

    def restarted(self, vif: model.VIF, count: int) -> list[object]:
        """What the compute service does when it starts, with `count` instances that have such a VIF each; the names
        of the classes of what was asked, and how many taps there were before any instance was looked at by itself.
        """
        whole = virt_driver.load_compute_driver(None, "os_vif.openstack.nova.LibvirtDriver")
        instances = objects.InstanceList(objects=[self._with_vif(vif, number) for number in range(count)])
        whole.process_instances_at_startup(nova_context.get_admin_context(), instances)
        taps = sum(name.startswith("tap0000") for _, name in socket.if_nameindex())
        for instance in instances:
            whole.plug_vifs(instance, instance.get_network_info())
        return [type(whole).__name__, type(whole.vif_driver).__name__, taps]

    def together(self, vif: model.VIF, other: dict[str, object]) -> None:
        """Two instances' VIFs in one pass, as when the service starts; other: fields of the second one's."""
        both = (self._with_vif(vif, 0), self._with_vif(nova_vif(**other), 1))
        self.driver.plug_many((i, its) for i in both for its in i.get_network_info())

    def gone(self, vif: model.VIF, count: int) -> None:
        """The same instances' VIFs are unplugged."""
        for instance in (self._with_vif(vif, number) for number in range(count)):
            for its in instance.get_network_info():
                self.driver.unplug(instance, its)

    def _with_vif(self, vif: model.VIF, number: int) -> objects.Instance:
        its = model.VIF.hydrate(vif)
        its["id"] = f"{number:08x}{vif['id'][8:]}"
        its["ovs_interfaceid"], its["devname"] = its["id"], f"tap{its['id']}"[:14]
        its["address"] = f"fa:16:3e:00:00:{number:02x}"
        instance = self.instance.obj_clone()
        instance.uuid = f"{number:08x}{INSTANCE[8:]}"
        instance.vm_state, instance.task_state, instance.deleted = vm_states.ACTIVE, None, False
        instance.numa_topology, instance.host, instance.node = None, "host", "host"
        instance.info_cache = objects.InstanceInfoCache(network_info=model.NetworkInfo([its]))
        return instance


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # nothing else that writes there shall be taken for an answer
    config.parse_args(["nova-compute", "--config-file", sys.argv[1]], configure_db=False, init_rpc=False)
    logging.setup(CONF, "nova")
    priv_context.init(root_helper=shlex.split(utils.get_root_helper()))
    objects.register_all()
    if sys.argv[2] == "nova":
        os_vif.initialize()
        compute = Compute(libvirt_vif.LibvirtGenericVIFDriver(Host()))
    else:
        from os_vif.openstack import nova as driver_of_os_vif

        compute = Compute(driver_of_os_vif.VIFDriver(Host()))

    def answer(value: object) -> None:
        print(json.dumps(value), file=answers, flush=True)

    answer({"result": os_vif.__file__})
    for line in sys.stdin:
        request = json.loads(line)
        act: Callable[..., object] = getattr(compute, request.pop("do"))
        compute.flavor.extra_specs = request.pop("extra_specs", {})
        try:
            if "vif" in request:
                said = request["vif"]
                request["vif"] = model.VIF.hydrate(said) if "network" in said else nova_vif(**said)
            answer({"result": act(**request)})
        except Exception as error:  # noqa: BLE001  # it is the answer
            traceback.print_exc()  # to the log
            names = [cls.__name__ for cls in type(error).__mro__]
            answer({"error": names, "text": str(error)})


main()
