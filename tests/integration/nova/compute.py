"""What nova-compute does with the VIFs of a guest, by Nova's own code; run by an environment with nova.

Arguments: the nova.conf. Each line on standard input is a request, {"do": "plug", "vif": {fields of a
nova.network.model.VIF}}, and is answered by a line of JSON on standard output: {"result": ...}, or {"error": the
exception's class, "text": what it says}.
"""

from __future__ import annotations

from nova import monkey_patch

monkey_patch.patch(backend="threading")  # before anything else, as nova-compute of this release does

import json  # noqa: E402
import os  # noqa: E402
import shlex  # noqa: E402
import sys  # noqa: E402
import warnings  # noqa: E402
from collections.abc import Callable  # noqa: E402

warnings.simplefilter("ignore")

from nova import config, objects, utils  # noqa: E402
from nova.conf import CONF  # noqa: E402
from nova.network import model, os_vif_util  # noqa: E402
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

    def plug(self, vif: model.VIF) -> None:
        self.driver.plug(self.instance, vif)

    def unplug(self, vif: model.VIF) -> None:
        self.driver.unplug(self.instance, vif)

    def xml(self, vif: model.VIF) -> str:
        wanted = self.driver.get_config(self.instance, vif, self.image, self.flavor, CONF.libvirt.virt_type)
        return str(wanted.to_xml())

    def converted(self, vif: model.VIF) -> list[str] | None:
        made = os_vif_util.nova_to_osvif_vif(vif)
        return None if made is None else [type(made).__name__, made.plugin]


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # nothing else that writes there shall be taken for an answer
    config.parse_args(["nova-compute", "--config-file", sys.argv[1]], configure_db=False, init_rpc=False)
    logging.setup(CONF, "nova")
    priv_context.init(root_helper=shlex.split(utils.get_root_helper()))
    objects.register_all()
    os_vif.initialize()
    compute = Compute(libvirt_vif.LibvirtGenericVIFDriver(Host()))

    def answer(value: object) -> None:
        print(json.dumps(value), file=answers, flush=True)

    answer({"result": os_vif.__file__})
    for line in sys.stdin:
        request = json.loads(line)
        act: Callable[[model.VIF], object] = getattr(compute, request["do"])
        try:
            answer({"result": act(nova_vif(**request["vif"]))})
        except Exception as error:  # noqa: BLE001  # it is the answer
            names = [cls.__name__ for cls in type(error).__mro__]
            answer({"error": names, "text": str(error)})


main()
