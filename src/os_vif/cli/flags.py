"""One VIF out of the flags of a command line: a builder for each plugin whose VIFs can be said so.

os_vif.cli.input calls `vif`. What flags do not say is derived from what they do, the same way in every process, so
that an unplug by the same flags finds what the plug made.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from os_vif import exception
from os_vif.cli.arguments import Mode, VifArguments
from os_vif.cli.errors import InputError
from os_vif.objects.network import Network
from os_vif.objects.vif import (
    VIFBase,
    VIFBridge,
    VIFGeneric,
    VIFHostDevice,
    VIFOpenVSwitch,
    VIFPortProfileLinuxBridge,
    VIFPortProfileOpenVSwitch,
    VIFPortProfileScript,
    VIFPortProfileTap,
    VIFVHostUser,
)

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "os-vif:")

# flags that not every plugin has a use for
_SCRIPT = ("script", "param", "hybrid", "vhost_user", "mode", "pci")
_OF_PLUGIN = {
    "linux_bridge": ("create_bridge", "nic", "vlan", "filtered"),
    "ovs": ("hybrid", "vhost_user", "mode", "datapath", "interface_id"),
    "tap": (),
    "script": _SCRIPT,
    "ivs": _SCRIPT,
    "vrouter": _SCRIPT,
    "contrail_vrouter": _SCRIPT,
    "vhostuser_fp": _SCRIPT,
}
_SPELLED = {"vif_id": "--id", "filtered": "--filter"}
_NIC_NAME_LEN = 14  # of the names that the plugin ovs, Nova and Neutron make of ids


def given(arguments: VifArguments) -> list[str]:
    """The flags that were given, as they are spelled."""
    names = [name for name in arguments.__slots__ if name != "file"]
    return [_spelled(name) for name in names if _is_given(arguments, name)]


def vif(arguments: VifArguments) -> VIFBase:
    """The VIF that the flags describe.

    :raises InputError: flags are missing, contradict each other, or have values that no VIF can have
    :raises os_vif.exception.NoMatchingPlugin: no such plugin is installed
    """
    plugin = arguments.plugin
    if plugin is None:
        raise InputError("the VIF in flags names no plugin", "say --plugin linux_bridge, ovs, tap or script")
    if plugin not in _OF_PLUGIN:
        _refuse_plugin(plugin)
    for name in dict.fromkeys(name for names in _OF_PLUGIN.values() for name in names):
        if name not in _OF_PLUGIN[plugin] and _is_given(arguments, name):
            others = " or ".join(
                other for other in ("linux_bridge", "ovs", "tap", "script") if name in _OF_PLUGIN[other]
            )
            raise InputError(f"{_spelled(name)} is for plugin {others}, not for {plugin}")
    built = _BUILDERS.get(plugin, _script)(arguments)
    try:
        # always set: a field that is not set is another thing to a plugin than one without a value
        built.address = None if arguments.mac is None else arguments.mac.lower()
    except ValueError as error:
        raise InputError(
            f"--mac: {arguments.mac!r} is not a MAC address",
            "six pairs of hexadecimal digits: 02:00:00:00:00:01",
        ) from error
    return built


def checked_uuid(flag: str, value: str | None) -> str | None:
    """The value in its usual spelling, None for None."""
    try:
        return None if value is None else str(uuid.UUID(value))
    except ValueError as error:
        raise InputError(f"{flag}: {value!r} is not a UUID") from error


def _is_given(arguments: VifArguments, name: str) -> bool:
    value = getattr(arguments, name)
    return value is not None and value is not False and value != []


def _spelled(name: str) -> str:
    return _SPELLED.get(name, "--" + name.replace("_", "-"))


def _refuse_plugin(name: str) -> NoReturn:
    """Tell a plugin that is not there from one that flags have no words for.

    :raises os_vif.exception.NoMatchingPlugin: the library's own answer, with what is installed
    """
    import os_vif

    with contextlib.suppress(exception.CheckNotSupported, exception.InvalidVIF):
        os_vif.plan(VIFGeneric(id=str(_NAMESPACE), plugin=name))
    raise InputError(
        f"VIFs of plugin {name} cannot be given in flags",
        f"give the VIF as JSON; flags are for {', '.join(_OF_PLUGIN)}",
    )


def _linux_bridge(arguments: VifArguments) -> VIFBase:
    tap, bridge = _needed("--tap", arguments.tap), _needed("--bridge", arguments.bridge)
    for flag, value in (("--nic", arguments.nic), ("--vlan", arguments.vlan)):
        if value is not None and not arguments.create_bridge:
            raise InputError(f"{flag} says how the bridge is made", "add --create-bridge")
    network = Network(
        id=_network_id(bridge),
        bridge=bridge,
        label=bridge,
        should_provide_bridge=arguments.create_bridge,
        should_provide_vlan=arguments.vlan is not None,
        bridge_interface=arguments.nic,
        vlan=arguments.vlan,
        mtu=arguments.mtu,
    )
    return VIFBridge(
        id=_vif_id(arguments, tap),
        plugin=arguments.plugin,
        vif_name=tap,
        bridge_name=bridge,
        network=network,
        has_traffic_filtering=bool(arguments.filtered),
        port_profile=VIFPortProfileLinuxBridge(create_tap=True, multiqueue=arguments.multiqueue),
    )


def _ovs(arguments: VifArguments) -> VIFBase:
    """A port with its tap; or the hybrid kind, whose tap the hypervisor makes; or a vhost-user port."""
    if arguments.vhost_user is None:
        device = _needed("--tap", arguments.tap)
        _refuse_together(
            arguments.mode is not None, "--mode says whose the socket is", "add --vhost-user SOCKET"
        )
    else:
        device = arguments.vhost_user
        for flag, value in (("--tap", arguments.tap), ("--hybrid", arguments.hybrid)):
            _refuse_together(bool(value), f"{flag} and --vhost-user were both given", "give one of the two")
    bridge = _needed("--bridge", arguments.bridge)
    native = not arguments.hybrid and arguments.vhost_user is None
    _refuse_together(
        arguments.multiqueue and not native, "--multiqueue is for a tap that os-vif creates", "leave it out"
    )
    vif_id = _vif_id(arguments, device)
    common = {
        "id": vif_id,
        "plugin": arguments.plugin,
        "network": Network(id=_network_id(bridge), bridge=bridge, label=bridge, mtu=arguments.mtu),
        "port_profile": VIFPortProfileOpenVSwitch(
            interface_id=checked_uuid("--interface-id", arguments.interface_id) or vif_id,
            datapath_type=arguments.datapath.value if arguments.datapath is not None else None,
            create_port=native,
            create_tap=native,
            multiqueue=arguments.multiqueue,
        ),
    }
    if arguments.vhost_user is not None:
        return VIFVHostUser(path=device, mode=(arguments.mode or Mode.SERVER).value, **common)
    if arguments.hybrid:
        return VIFBridge(vif_name=device, bridge_name=f"qbr{vif_id}"[:_NIC_NAME_LEN], **common)
    return VIFOpenVSwitch(vif_name=device, bridge_name=bridge, **common)


def _tap(arguments: VifArguments) -> VIFBase:
    tap = _needed("--tap", arguments.tap)
    _refuse_together(
        arguments.bridge is not None,
        "--bridge is not for plugin tap, whose taps are in no bridge",
        "leave it out",
    )
    return VIFGeneric(
        id=_vif_id(arguments, tap),
        plugin=arguments.plugin,
        vif_name=tap,
        network=Network(id=_network_id(tap), label=tap, mtu=arguments.mtu),
        port_profile=VIFPortProfileTap(multiqueue=arguments.multiqueue),
    )


def _script(arguments: VifArguments) -> VIFBase:
    """A tap; the hybrid kind, whose tap the hypervisor makes; a vhost-user socket; or a PCI device."""
    kinds = {"--tap": arguments.tap, "--vhost-user": arguments.vhost_user, "--pci": arguments.pci}
    said = [flag for flag, value in kinds.items() if value is not None]
    if len(said) != 1:
        text = f"{' and '.join(said)} were both given" if said else "the VIF in flags lacks a device"
        raise InputError(text, "give one of --tap, --vhost-user and --pci")
    (flag,) = said
    device = str(kinds[flag])
    for other, wrong in (
        ("--hybrid", arguments.hybrid and flag != "--tap"),
        ("--mode", arguments.mode is not None and flag != "--vhost-user"),
        ("--multiqueue", arguments.multiqueue and (arguments.hybrid or flag != "--tap")),
    ):
        _refuse_together(wrong, f"{other} and {flag} do not go together", "leave it out")
    vif_id = _vif_id(arguments, device)
    network = Network(id=_network_id(arguments.bridge or device), mtu=arguments.mtu)
    if arguments.bridge is not None:
        network.bridge = network.label = arguments.bridge
    common: dict[str, Any] = {"id": vif_id, "plugin": arguments.plugin, "network": network}
    profile = VIFPortProfileScript(parameters=_parameters(arguments.param), multiqueue=arguments.multiqueue)
    if arguments.script is not None:
        profile.script = arguments.script
    if arguments.script is not None or arguments.param or arguments.multiqueue:
        common["port_profile"] = profile
    if arguments.vhost_user is not None:
        name = f"vhu{vif_id}"[:_NIC_NAME_LEN]  # as Nova calls the devices of vhost-user ports
        return VIFVHostUser(vif_name=name, path=device, mode=(arguments.mode or Mode.SERVER).value, **common)
    if arguments.pci is not None:
        return _pci(device, common)
    if arguments.hybrid:
        return VIFBridge(vif_name=device, bridge_name=f"qbr{vif_id}"[:_NIC_NAME_LEN], **common)
    return VIFGeneric(vif_name=device, **common)


def _pci(address: str, common: dict[str, Any]) -> VIFBase:
    try:
        return VIFHostDevice(dev_address=address, dev_type="ethernet", **common)
    except ValueError as error:
        raise InputError(f"--pci: {address!r} is not a PCI address", "like 0000:04:10.1") from error


def _parameters(given: Sequence[str] | None) -> dict[str, str]:
    parameters = {}
    for text in given or ():
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise InputError(f"--param: {text!r} is not NAME=VALUE")
        parameters[name] = value
    return parameters


_BUILDERS: Mapping[str, Callable[[VifArguments], VIFBase]] = {
    "linux_bridge": _linux_bridge,
    "ovs": _ovs,
    "tap": _tap,
}


def _refuse_together(wrong: bool, text: str, hint: str) -> None:
    if wrong:
        raise InputError(text, hint)


def _needed(flag: str, value: str | None) -> str:
    if value is None:
        raise InputError(f"the VIF in flags lacks {flag}")
    return value


def _network_id(bridge: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, f"network/{bridge}"))


def _vif_id(arguments: VifArguments, device: str) -> str:
    return checked_uuid("--id", arguments.vif_id) or str(
        uuid.uuid5(_NAMESPACE, f"{arguments.plugin}/{device}")
    )
