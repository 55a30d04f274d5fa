"""The table of Neutron's vif_types: which VIF each becomes, by vnic_type.

`vif` is called by os_vif.openstack.neutron with what it read. Where Nova converts a type by itself, the VIF is the
same but for what docs/openstack.md says; the others are those that Nova connects by code of its own, or no longer.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping

from oslo_versionedobjects import exception as ovo_exception

from os_vif import exception, objects
from os_vif.objects import fields
from os_vif.objects import vif as vifs
from os_vif.openstack import direct
from os_vif.openstack.binding import MAC, Binding

Builder = Callable[[Binding], vifs.VIFBase]


def vif(binding: Binding) -> vifs.VIFBase:
    """The VIF for a port; one that the network side has sent itself is taken as it is.

    :raises os_vif.exception.PortNotBound: nobody bound the port, or its binding failed
    :raises os_vif.exception.InvalidPort: naming the key that is missing or wrong
    """
    if binding.vif_type in ("binding_failed", "unbound"):
        raise _not_bound(binding)
    if "os_vif" in binding.details:
        return _sent(binding)
    by_vnic_type = TYPES.get(binding.vif_type)
    if by_vnic_type is None:
        reason = f"is {binding.vif_type!r}, and must be one of {', '.join(sorted(TYPES))}"
        raise binding.port.invalid("binding:vif_type", reason)
    builder = by_vnic_type.get(binding.vnic_type)
    if builder is None:
        reason = f"is {binding.vnic_type!r}; with {binding.vif_type} it must be {' or '.join(by_vnic_type)}"
        raise binding.port.invalid("binding:vnic_type", reason)
    if "plug_script" in binding.details and builder not in (_tap, _other):
        reason = f"is only for binding:vif_type tap or other, not for {binding.vif_type}"
        raise binding.details.invalid("plug_script", reason)
    return builder(binding)


def _not_bound(binding: Binding) -> exception.PortNotBound:
    host = binding.port.text("binding:host_id")
    if binding.vif_type == "binding_failed":
        hint = (
            f"no mechanism driver of Neutron took it for {f'host {host}' if host else 'its host'}, and the log of "
            "neutron-server says why. Mostly the host's agent is down (openstack network agent list): mend that, "
            "then bind the port again."
        )
    else:
        hint = "set binding:host_id to the host that its guest is on."
    return exception.PortNotBound(
        port=binding.port_id, field="binding:vif_type", vif_type=binding.vif_type, host=host, hint=hint
    )


# --- what the network side says in os-vif's own words --------------------------------------------------------


def _sent(binding: Binding) -> vifs.VIFBase:
    """A serialized VIF: the primitive, or its JSON."""
    value = binding.details.values["os_vif"]
    try:
        primitive = json.loads(value) if isinstance(value, str | bytes) else value
        if not isinstance(primitive, Mapping):
            raise binding.details.invalid("os_vif", "must be a serialized VIF")
        found = objects.from_primitive(primitive, tolerant=True)
    except (ValueError, RecursionError) as error:
        raise binding.details.invalid("os_vif", f"is not JSON ({error})") from error
    except (exception.InvalidObject, ovo_exception.IncompatibleObjectVersion) as error:
        raise binding.details.invalid("os_vif", f"is not a VIF that can be read here ({error})") from error
    if not isinstance(found, vifs.VIFBase):
        raise binding.details.invalid("os_vif", f"must be a VIF, not a {found.obj_name()}")
    return found


def _script_profile(binding: Binding, script: str, **more: str) -> vifs.VIFPortProfileScript:
    said = binding.details.section("plug_script_parameters")
    parameters = {str(key): text for key in said.values if (text := said.text(key)) is not None}
    return vifs.VIFPortProfileScript(script=script, parameters=parameters | more)


def _with_script(name: str) -> Builder:
    """A backend that needs a tap and a script of its own name."""

    def build(binding: Binding) -> vifs.VIFBase:
        return _scripted(binding, name)

    return build


def _scripted(binding: Binding, script: str) -> vifs.VIFBase:
    profile = _script_profile(binding, script)
    return vifs.VIFGeneric(**binding.common("script"), vif_name=binding.device_name, port_profile=profile)


def _other(binding: Binding) -> vifs.VIFBase:
    """vif_type other: that of no mechanism in particular."""
    return _scripted(binding, binding.details.required("plug_script"))


# --- Open vSwitch --------------------------------------------------------------------------------------------


def _open_vswitch(binding: Binding) -> vifs.VIFBase:
    common = binding.common("ovs", binding.network(binding.integration_bridge()))
    if binding.details.flag("ovs_hybrid_plug"):
        # the guest's tap is in the Linux bridge, where the hypervisor makes it: nothing to create for OVS
        return vifs.VIFBridge(
            **common,
            vif_name=binding.device_name,
            bridge_name=binding.name("qbr"),
            port_profile=_ovs_profile(binding, create_tap=False),
        )
    return vifs.VIFOpenVSwitch(
        **common,
        vif_name=binding.device_name,
        bridge_name=binding.integration_bridge(),
        port_profile=_ovs_profile(
            binding,
            create_port=True,  # as Nova has it since 24: the port is made here, not by libvirt
            create_tap=binding.details.flag("ovs_create_tap"),
        ),
    )


def _ovs_profile(binding: Binding, **more: object) -> vifs.VIFPortProfileOpenVSwitch:
    # OVN says an empty datapath_type for a chassis that has not said one: the same as not saying it
    datapath_type = binding.details.text("datapath_type")
    return vifs.VIFPortProfileOpenVSwitch(
        interface_id=binding.interface_id, datapath_type=datapath_type, **more
    )


def _representor(plugin: str) -> Builder:
    """A virtual function of a NIC, whose representor is the port."""

    def build(binding: Binding) -> vifs.VIFBase:
        # Deprecated, of which it warns whoever asks for such warnings, and yet what hosts of every os-vif read.
        profile = vifs.VIFPortProfileOVSRepresentor(
            interface_id=binding.interface_id,
            representor_name=binding.device_name,
            representor_address=binding.pci_slot(),
            datapath_offload=_offload(binding),
        )
        return vifs.VIFHostDevice(
            **binding.common(plugin, binding.network(binding.integration_bridge())),
            dev_type=fields.VIFHostDeviceDevType.ETHERNET,
            dev_address=binding.pci_slot(),
            port_profile=profile,
        )

    return build


def _vdpa(binding: Binding) -> vifs.VIFBase:
    """As a virtual function, but that its guest has a virtio card; only hosts since os-vif 6 are sent it so."""
    profile = _ovs_profile(binding, datapath_offload=_offload(binding))
    return vifs.VIFVDPA(
        **binding.common("ovs", binding.network(binding.integration_bridge())),
        dev_address=binding.pci_slot(),
        port_profile=profile,
    )


def _remote_managed(binding: Binding) -> vifs.VIFBase:
    """The switch is in the NIC (a DPU), with an agent of its own: nothing to do on the guest's host."""
    common = binding.common("noop", binding.network(binding.integration_bridge()))
    return direct.host_device(binding, common, fields.VIFHostDeviceDevType.ETHERNET)


def _offload(binding: Binding) -> vifs.DatapathOffloadRepresentor:
    return vifs.DatapathOffloadRepresentor(
        representor_name=binding.device_name, representor_address=binding.pci_slot()
    )


# --- vhost-user ----------------------------------------------------------------------------------------------


def _vhost_user(
    binding: Binding,
    common: Mapping[str, object],
    name: str,
    profile: vifs.VIFPortProfileBase | None = None,
) -> vifs.VIFBase:
    mode = binding.details.typed("vhostuser_mode", fields.VIFVHostUserMode())
    return vifs.VIFVHostUser(
        **common,
        vif_name=name,
        mode=mode or fields.VIFVHostUserMode.SERVER,
        path=binding.details.required("vhostuser_socket"),
        **({} if profile is None else {"port_profile": profile}),
    )


def _socket(binding: Binding) -> vifs.VIFBase:
    """vif_type vhostuser: the details say which switch is at the socket's other end."""
    details, name = binding.details, binding.device_name
    if details.flag("vhostuser_fp_plug"):
        return _fast_path(binding)
    if details.flag("vhostuser_ovs_plug"):
        common = binding.common("ovs", binding.network(binding.integration_bridge()))
        return _vhost_user(binding, common, binding.name("vhu"), _ovs_profile(binding))
    if details.flag("vhostuser_vrouter_plug"):
        return _vhost_user(binding, binding.common("contrail_vrouter"), name)
    return _vhost_user(binding, binding.common("noop"), name)


def _fast_path(binding: Binding) -> vifs.VIFBase:
    profile: vifs.VIFPortProfileBase
    bridge: str | None
    if binding.details.flag("vhostuser_ovs_plug"):
        bridge, hybrid = binding.integration_bridge(), binding.details.flag("ovs_hybrid_plug")
        profile = vifs.VIFPortProfileFPOpenVSwitch(
            interface_id=binding.interface_id,
            datapath_type=binding.details.text("datapath_type"),
            hybrid_plug=hybrid,
            bridge_name=binding.name("qbr") if hybrid else bridge,
        )
    elif "mac_address" in binding.details:  # routed (Calico), where the host's end has an address of its own
        bridge, profile = (
            None,
            vifs.VIFPortProfileFPTap(mac_address=binding.details.typed("mac_address", MAC)),
        )
    else:
        bridge = binding.linux_bridge()
        profile = vifs.VIFPortProfileFPBridge(bridge_name=bridge)
    common = binding.common("vhostuser_fp", binding.network(bridge))
    return _vhost_user(binding, common, binding.device_name, profile)


def _offloaded_socket(plugin: str) -> Builder:
    """A socket that a forwarder in the NIC's driver serves, for a virtual function."""

    def build(binding: Binding) -> vifs.VIFBase:
        if plugin != "agilio_ovs":
            profile = vifs.VIFPortProfileBase(datapath_offload=_offload(binding))
            return _vhost_user(binding, binding.common(plugin), binding.device_name, profile)
        function = _representor(plugin)(binding)
        common = binding.common(plugin, function.network)
        return _vhost_user(binding, common, binding.device_name, function.port_profile)

    return build


# --- taps and Linux bridges ----------------------------------------------------------------------------------


def _linux_bridge(binding: Binding) -> vifs.VIFBase:
    bridge = binding.linux_bridge()
    return vifs.VIFBridge(
        **binding.common("linux_bridge", binding.network(bridge, should_provide_bridge=True)),
        vif_name=binding.device_name,
        bridge_name=bridge,
    )


def _tap(binding: Binding) -> vifs.VIFBase:
    if "plug_script" in binding.details:
        return _other(binding)
    own_address = binding.details.typed("mac_address", MAC)
    profile = vifs.VIFPortProfileTap(mac_address=own_address)
    return vifs.VIFGeneric(**binding.common("tap"), vif_name=binding.device_name, port_profile=profile)


def _ivs(binding: Binding) -> vifs.VIFBase:
    common = binding.common("ivs")
    if binding.details.flag("ovs_hybrid_plug"):
        return vifs.VIFBridge(**common, vif_name=binding.device_name, bridge_name=binding.name("qbr"))
    return vifs.VIFGeneric(**common, vif_name=binding.device_name)


def _vrouter(binding: Binding) -> vifs.VIFBase:
    return vifs.VIFGeneric(**binding.common("vrouter"), vif_name=binding.device_name)


def _vrouter_direct(binding: Binding) -> vifs.VIFBase:
    profile = vifs.VIFPortProfileBase(datapath_offload=_offload(binding))
    common = binding.common("vrouter")
    return direct.host_device(binding, common, fields.VIFHostDeviceDevType.ETHERNET, profile)


# --- VMware --------------------------------------------------------------------------------------------------


def _dvs(binding: Binding) -> vifs.VIFBase:
    """A port of a distributed switch: vSphere connects it, no host does."""
    details = binding.details
    return vifs.VIFDVS(
        **binding.common("noop", binding.network(binding.network_id)),
        switch_id=_switch_id(binding),
        port_group_id=details.required("dvs_port_group_key"),
        port_id=details.integer("dvs_port_key"),
        connection_id=details.integer("dvs_connection_id"),
    )


def _switch_id(binding: Binding) -> str:
    """A UUID, also as vSphere writes it ("50 1c 6b 5a ... 7d-a3 4e ...")."""
    said = binding.details.required("dvs_id")
    try:
        return str(uuid.UUID(said.replace(" ", "")))
    except ValueError:
        raise binding.details.invalid("dvs_id", f"is {said[:60]!r}, which is no UUID") from None


def _for(vnic_types: tuple[str, ...], builder: Builder) -> dict[str, Builder]:
    return dict.fromkeys(vnic_types, builder)


TYPES: Mapping[str, Mapping[str, Builder]] = {
    "ovs": {"normal": _open_vswitch}
    | _for(direct.FUNCTION, _representor("ovs"))
    | {"vdpa": _vdpa, "remote-managed": _remote_managed},
    "agilio_ovs": {"normal": _open_vswitch}
    | _for(direct.FUNCTION, _representor("agilio_ovs"))
    | {"virtio-forwarder": _offloaded_socket("agilio_ovs")},
    "vhostuser": {"normal": _socket},
    "bridge": {"normal": _linux_bridge},
    "ivs": {"normal": _ivs},
    "vrouter": {"normal": _vrouter}
    | _for(direct.FUNCTION, _vrouter_direct)
    | {"virtio-forwarder": _offloaded_socket("vrouter")},
    "tap": {"normal": _tap},
    "other": {"normal": _other},
    "macvtap": {"normal": direct.macvtap, "macvtap": direct.macvtap},
    "hw_veb": _for(direct.FUNCTION, direct.hw_veb) | {"macvtap": direct.hw_veb_macvtap},
    "802.1qbg": _for(("normal", "macvtap"), direct.qbg),
    "802.1qbh": _for(direct.FUNCTION, direct.qbh) | _for(("normal", "macvtap"), direct.qbh_macvtap),
    "hostdev_physical": _for((*direct.WHOLE, *direct.FUNCTION, "normal"), direct.physical),
    "ib_hostdev": _for((*direct.FUNCTION, *direct.WHOLE, "normal"), direct.infiniband),
    "midonet": {"normal": _with_script("midonet")},
    "iovisor": {"normal": _with_script("iovisor")},
    "dvs": {"normal": _dvs},
}
