"""Nova's libvirt driver with this library for every VIF type: `compute_driver = os_vif.openstack.nova.LibvirtDriver`.

Nova 34 converts some of its VIF types to VIFs of os-vif. The others it connects by code of its own, whose errors it
logs and forgets. Here they are converted too, plugged by a plugin, and rendered by os_vif.virt.libvirt; a plug that
fails is an exception, and one that succeeds returns when the VIF has been seen to be connected. How Nova is told of
this class: docs/openstack.md.

This module needs Nova, of which it uses the public methods of its drivers; all others of os_vif do without.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from xml.etree import ElementTree

from nova import exception as nova_exception
from nova.compute import vm_states
from nova.network import os_vif_util
from nova.virt import hardware
from nova.virt.libvirt import config, designer, driver
from nova.virt.libvirt import vif as libvirt_vif
from oslo_config import cfg
from oslo_log import log as logging

import os_vif
from os_vif import exception, objects
from os_vif.host.sysfs import Sysfs
from os_vif.openstack import nova_model
from os_vif.virt import Card, Rate, libvirt

LOG = logging.getLogger(__name__)

SECTION = "os_vif_nova"
OPTIONS = (
    cfg.FloatOpt(
        "ready_timeout",
        default=30.0,
        min=0.0,
        help="Seconds in which a VIF must have been seen to be connected, before its guest starts. 0: it is not "
        "waited for; that a plugin has failed is an error all the same.",
    ),
)
cfg.CONF.register_opts(OPTIONS, group=SECTION)

# What Nova converts itself, and has rendered by its own code; all others are converted here.
NOVAS = frozenset({"ovs", "agilio_ovs", "vhostuser", "ivs", "vrouter"})

# Instances whose guests run, or did until the host went down
_RUNNING = frozenset({vm_states.ACTIVE, vm_states.PAUSED, vm_states.RESCUED, vm_states.SUSPENDED})


class LibvirtDriver(driver.LibvirtDriver):  # type: ignore[misc]  # Nova has no types
    """Nova's driver, with a VIFDriver."""

    def __init__(self, virtapi: object, read_only: bool = False) -> None:
        super().__init__(virtapi, read_only)
        self.vif_driver = VIFDriver(self._host)

    def process_instances_at_startup(self, context: object, instances: Any) -> Any:
        """Called by the compute service when it starts, with the instances of its host: plug their VIFs in one pass.

        The service then calls plug_vifs for each instance, which finds nothing to do where this has succeeded, and
        is told the reason where it has not.
        """
        found = super().process_instances_at_startup(context, instances)
        running = [i for i in found if i.vm_state in _RUNNING and i.task_state is None]
        self.vif_driver.plug_many((i, vif) for i in running for vif in i.get_network_info() or ())
        return found

    def plug_vifs(self, instance: Any, network_info: Iterable[Mapping[str, Any]]) -> None:
        """As the service starts (nothing is being done to the instance) nobody waits: its guest has started long ago,
        and the next one's VIFs are to be looked at.
        """
        if instance.task_state is not None:
            super().plug_vifs(instance, network_info)
            return
        for vif in network_info:
            self.vif_driver.plug(instance, vif, wait=False)


class VIFDriver(libvirt_vif.LibvirtGenericVIFDriver):  # type: ignore[misc]  # Nova has no types
    """Plugs and renders the VIFs of guests, those that Nova converts by Nova's code and this library's plugins.

    Made when the service has read its configuration.
    """

    def __init__(self, host: Any = None) -> None:
        super().__init__(host)
        os_vif.initialize()

    def plug(self, instance: Any, vif: Mapping[str, Any], *, wait: bool = True) -> None:
        """Connect the VIF; return when it has been seen to be connected, if `wait`, and if it can be said already.

        :raises nova.exception.VirtualInterfacePlugException: with this library's reason
        :raises nova.exception.InternalError: from Nova's code, for the types that it converts
        """
        try:
            made = self._converted(instance, vif)
            if _is_novas(vif):
                super().plug(instance, vif)
            else:
                os_vif.plug(made, _instance_info(instance))
            if wait and _is_waited_for(vif, made):
                _wait_ready(made, _instance_info(instance))
        except exception.ExceptionBase as error:
            raise nova_exception.VirtualInterfacePlugException(str(error)) from error

    def unplug(self, instance: Any, vif: Mapping[str, Any]) -> None:
        """Disconnect the VIF.

        :raises nova.exception.VirtualInterfaceUnplugException: with this library's reason
        """
        if _is_novas(vif):
            super().unplug(instance, vif)
            return
        try:
            os_vif.unplug(nova_model.to_vif(vif), _instance_info(instance))
        except exception.ExceptionBase as error:
            raise nova_exception.VirtualInterfaceUnplugException(reason=str(error)) from error

    def plug_many(self, pairs: Iterable[tuple[Any, Mapping[str, Any]]]) -> None:
        """Connect the VIFs of instances in one pass; what fails is logged, for it is plugged once more by its own."""
        wanted = []
        for instance, vif in pairs:
            try:
                wanted.append((self._converted(instance, vif), _instance_info(instance)))
            except Exception as error:  # noqa: BLE001  # Nova's converter: also KeyError and NotImplementedError
                LOG.warning("VIF %s is left to be plugged alone: %r", vif.get("id"), error, instance=instance)
        try:
            os_vif.plug_many(wanted)
        except exception.BulkError as error:
            LOG.warning("Of %d VIFs of this host's guests: %s", len(wanted), error)
        else:
            LOG.info("Plugged %d VIFs of this host's guests", len(wanted))

    def get_config(
        self, instance: Any, vif: Mapping[str, Any], image_meta: Any, flavor: Any, virt_type: str
    ) -> Any:
        """The card of the VIF, as Nova's object of libvirt's element.

        :raises nova.exception.InternalError: with this library's reason
        """
        if _is_novas(vif):
            return super().get_config(instance, vif, image_meta, flavor, virt_type)
        base = self._base_config(instance, vif, image_meta, flavor, virt_type)
        try:
            made = _converted_here(vif, base.vhost_queues)
            if isinstance(made, objects.vif.VIFDirect) and "vif_name" not in made:
                made.vif_name = _netdev(made)
            element = libvirt.element(made, _card(base).only(libvirt.takes(made)))
        except exception.ExceptionBase as error:
            raise nova_exception.InternalError(err=str(error)) from error
        is_interface = element.tag == "interface"
        read = config.LibvirtConfigGuestInterface() if is_interface else config.LibvirtConfigGuestHostdevPCI()
        read.parse_str(ElementTree.tostring(element, encoding="unicode"))
        return read

    def _converted(self, instance: Any, vif: Mapping[str, Any]) -> objects.vif.VIFBase:
        """The VIF that is plugged, whoever converts it."""
        if not _is_novas(vif):
            virt_type = cfg.CONF.libvirt.virt_type
            base = self._base_config(instance, vif, instance.image_meta, instance.flavor, virt_type)
            return _converted_here(vif, base.vhost_queues)
        made: objects.vif.VIFBase = os_vif_util.nova_to_osvif_vif(vif)
        profile = _open_vswitch(made)
        if profile is not None and "create_tap" in profile and profile.create_tap:
            # as Nova's driver does it before it plugs
            profile.multiqueue = hardware.get_vif_multiqueue_constraint(instance.flavor, instance.image_meta)
        return made

    def _base_config(
        self, instance: Any, vif: Mapping[str, Any], image_meta: Any, flavor: Any, virt_type: str
    ) -> Any:
        """What Nova wants of any card of this guest: model, queues, bandwidth."""
        vnic_type = vif.get("vnic_type") or "normal"
        base = self.get_base_config(instance, vif.get("address"), image_meta, flavor, virt_type, vnic_type)
        designer.set_vif_bandwidth_config(base, flavor)
        return base


def _is_novas(vif: Mapping[str, Any]) -> bool:
    """A VIF that the network side has sent itself is none of Nova's, whatever its type."""
    return vif.get("type") in NOVAS and not (vif.get("details") or {}).get("os_vif")


def _instance_info(instance: Any) -> objects.instance_info.InstanceInfo:
    made: objects.instance_info.InstanceInfo = os_vif_util.nova_to_osvif_instance(instance)
    return made


def _converted_here(vif: Mapping[str, Any], queues: int | None) -> objects.vif.VIFBase:
    """queues: of the card; a tap must have been made for many to be opened with many."""
    made = nova_model.to_vif(vif)
    if isinstance(made, objects.vif.VIFDVS):
        reason = "a distributed switch is vSphere's."
        hint = "Have its instance scheduled to a host of Nova's VMware driver."
        raise exception.NotForGuest(
            vif_id=made.id, type=made.obj_name(), guest="libvirt", reason=reason, hint=hint
        )
    if "port_profile" in made and isinstance(made.port_profile, objects.vif.VIFPortProfileTap):
        made.port_profile.multiqueue = (queues or 1) > 1
    return made


def _open_vswitch(made: objects.vif.VIFBase) -> objects.vif.VIFPortProfileOpenVSwitch | None:
    profile = made.port_profile if "port_profile" in made else None
    return profile if isinstance(profile, objects.vif.VIFPortProfileOpenVSwitch) else None


def _is_waited_for(vif: Mapping[str, Any], made: objects.vif.VIFBase) -> bool:
    """Nova waits for word of Neutron only of ports that are not ACTIVE yet, and so does this driver.

    A port of Open vSwitch whose tap libvirt makes is connected only when the guest has started.
    """
    if vif.get("active") or not cfg.CONF[SECTION].ready_timeout:
        return False
    profile = _open_vswitch(made)
    if profile is None or not isinstance(made, objects.vif.VIFOpenVSwitch):
        return True
    return "create_tap" in profile and bool(profile.create_tap)


def _wait_ready(made: objects.vif.VIFBase, instance_info: objects.instance_info.InstanceInfo) -> None:
    try:
        os_vif.wait_ready(made, cfg.CONF[SECTION].ready_timeout, instance_info)
    except exception.CheckNotSupported:
        LOG.debug("Plugin %s cannot say whether VIF %s is connected", made.plugin, made.id)


def _netdev(made: objects.vif.VIFDirect) -> str:
    """The network device of the PCI function that the VIF is on."""
    found = Sysfs().netdevs(str(made.dev_address))
    if not found:
        raise exception.ResourceMissing(
            object=f"The network device of PCI function {made.dev_address}",
            hint="See `ls /sys/bus/pci/devices/*/net`.",
        )
    return found[0]


def _card(base: Any) -> Card:
    return Card(
        model=base.model,
        driver=base.driver_name,
        queues=base.vhost_queues or 1,
        rx_queue_size=base.vhost_rx_queue_size,
        packed=bool(base.driver_packed),
        inbound=_rate(base, "inbound"),
        outbound=_rate(base, "outbound"),
    )


def _rate(base: Any, direction: str) -> Rate | None:
    parts = {part: getattr(base, f"vif_{direction}_{part}") for part in ("average", "peak", "burst")}
    said = {part: int(value) for part, value in parts.items() if value}
    return Rate(**said) if "average" in said else None
