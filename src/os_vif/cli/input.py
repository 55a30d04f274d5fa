"""What commands are given, made into objects: VIFs from JSON or from flags, and lists of VIF ids.

Whatever is wrong with it is an InputError that says where.
"""

from __future__ import annotations

import contextlib
import json
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, NoReturn, TypeVar

from os_vif import exception, objects
from os_vif.cli.arguments import VifArguments
from os_vif.cli.errors import InputError
from os_vif.objects.instance_info import InstanceInfo
from os_vif.objects.network import Network
from os_vif.objects.vif import VIFBase, VIFBridge, VIFGeneric, VIFPortProfileLinuxBridge

_NAME = "versioned_object.name"
_T = TypeVar("_T")


class Card(NamedTuple):
    """A VIF and the guest it belongs to."""

    vif: VIFBase
    instance_info: InstanceInfo


def cards(arguments: VifArguments) -> list[Card]:
    """The VIFs that a command line speaks of, in the order given; call os_vif.initialize() first."""
    flags = [name for name in arguments.__slots__ if name != "file" and _is_given(getattr(arguments, name))]
    if arguments.file is not None and flags:
        raise InputError(
            "a FILE of VIFs and a VIF in flags were both given", "give one of the two; a FILE says everything"
        )
    if arguments.file is not None:
        return _cards_of_file(arguments.file)
    if not flags:
        raise InputError(
            "no VIF was given",
            "give a FILE ('-': standard input), or flags: --plugin linux_bridge --bridge br0 --tap tap1",
        )
    return [_card_of_flags(arguments)]


def vif_ids(path: str) -> list[str]:
    """VIF ids from a file: one a line ("#" starts a comment), or JSON: a list of ids or VIFs, or one VIF."""
    text = _read(path)
    if not text.lstrip().startswith((b"[", b"{")):
        return list(_ids_of_lines(text, _called(path)))
    value = _parse(text, path)
    ids = []
    for where, entry in _entries(value, _called(path)):
        vif_id = entry if isinstance(entry, str) else _id_of_vif(entry)
        ids.append(_checked_id(vif_id, where))
    return ids


# --- files -------------------------------------------------------------------------------------------------------


def _called(path: str) -> str:
    return "standard input" if path == "-" else path


def _read(path: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(f"{_called(path)} cannot be read: {reason}") from error


def _parse(text: bytes, path: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{_called(path)} is not JSON: {error}", "a VIF looks as os_vif.objects.to_json writes it"
        ) from error


def _entries(value: object, name: str) -> Iterator[tuple[str, object]]:
    """The entries of a JSON list, or the one value itself, each with where it is."""
    if isinstance(value, list):
        yield from ((f"{name}, entry {n}", entry) for n, entry in enumerate(value, 1))
    else:
        yield name, value


def _cards_of_file(path: str) -> list[Card]:
    found = [_card(entry, where) for where, entry in _entries(_parse(_read(path), path), _called(path))]
    if not found:
        raise InputError(f"{_called(path)}: an empty list, there is no VIF in it")
    return found


def _card(entry: object, where: str) -> Card:
    if not isinstance(entry, Mapping) or (_NAME not in entry and "vif" not in entry):
        raise InputError(
            f"{where}: is no VIF",
            'a VIF is an object with "versioned_object.name", or {"vif": ..., "instance_info": ...}',
        )
    if _NAME in entry:
        entry = {"vif": entry}
    unknown = sorted(set(entry) - {"vif", "instance_info"})
    if unknown:
        raise InputError(f"{where}: {unknown[0]!r} is not known beside 'vif' and 'instance_info'")
    vif = _object(VIFBase, entry["vif"], where)
    if "instance_info" in entry:
        return Card(vif, _object(InstanceInfo, entry["instance_info"], where))
    if "id" not in vif:
        raise InputError(f"{where}: the VIF has no id", "every VIF needs one: its objects are marked with it")
    return Card(vif, _instance_info(vif.id))


def _object(expected: type[_T], primitive: object, where: str) -> _T:
    if not isinstance(primitive, Mapping):
        raise InputError(f"{where}: a {expected.__name__} was expected, not {type(primitive).__name__}")
    try:
        found = objects.from_primitive(primitive)
    except exception.InvalidObject as error:
        raise InputError(f"{where}: {error.kwargs['path']}: {error.kwargs['reason']}") from error
    if not isinstance(found, expected):
        raise InputError(f"{where}: {found.obj_name()} is not a {_kind_of(expected)}")
    return found


def _kind_of(expected: type) -> str:
    return "VIF" if expected is VIFBase else expected.__name__


def _instance_info(instance: str) -> InstanceInfo:
    return InstanceInfo(uuid=instance, name=f"instance-{instance}", project_id="")


# --- lists of ids ------------------------------------------------------------------------------------------------


def _ids_of_lines(text: bytes, name: str) -> Iterator[str]:
    try:
        lines = text.decode().splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{name} is not text: {error}") from error
    for n, line in enumerate(lines, 1):
        word = line.partition("#")[0].strip()
        if word:
            yield _checked_id(word, f"{name}, line {n}")


def _id_of_vif(entry: object) -> object:
    """The id in a VIF's primitive; the rest of it may be of any version, and is not looked at."""
    if isinstance(entry, Mapping) and "vif" in entry:
        entry = entry["vif"]
    if not isinstance(entry, Mapping) or not str(entry.get(_NAME)).startswith("VIF"):
        return None
    data = entry.get("versioned_object.data")
    return data.get("id") if isinstance(data, Mapping) else None


def _checked_id(value: object, where: str) -> str:
    try:
        uuid.UUID(str(value))
    except ValueError as error:
        text = f"{where}: no VIF id" if value is None else f"{where}: {value!r} is not a VIF id (a UUID)"
        raise InputError(
            text, "nothing was done: a list that is not understood keeps nothing safe"
        ) from error
    return str(value)


# --- flags -------------------------------------------------------------------------------------------------------

# Ids made of names are the same in every process: unplug finds what plug with the same flags made.
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "os-vif:")


def _is_given(value: object) -> bool:
    return value is not None and value is not False


def _card_of_flags(arguments: VifArguments) -> Card:
    if arguments.plugin is None:
        raise InputError("the VIF in flags names no plugin", "say --plugin linux_bridge, for example")
    if arguments.plugin not in _BUILDERS:
        _refuse_plugin(arguments.plugin)
    vif_id = _uuid("--id", arguments.vif_id) or _derived_id(arguments)
    vif = _BUILDERS[arguments.plugin](arguments, vif_id)
    return Card(vif, _instance_info(_uuid("--instance", arguments.instance) or vif_id))


def _refuse_plugin(name: str) -> NoReturn:
    """Tell a plugin that is not there from one that flags have no words for.

    :raises os_vif.exception.NoMatchingPlugin: the library's own answer, with what is installed
    """
    import os_vif

    with contextlib.suppress(exception.CheckNotSupported, exception.InvalidVIF):
        os_vif.plan(VIFGeneric(id=str(_NAMESPACE), plugin=name))
    raise InputError(
        f"VIFs of plugin {name} cannot be given in flags", "give the VIF as JSON; flags are for linux_bridge"
    )


def _derived_id(arguments: VifArguments) -> str:
    return str(uuid.uuid5(_NAMESPACE, f"{arguments.plugin}/{_needed('--tap', arguments.tap)}"))


def _linux_bridge(arguments: VifArguments, vif_id: str) -> VIFBase:
    bridge, tap = _needed("--bridge", arguments.bridge), _needed("--tap", arguments.tap)
    for flag, value in (("--nic", arguments.nic), ("--vlan", arguments.vlan)):
        if value is not None and not arguments.create_bridge:
            raise InputError(f"{flag} says how the bridge is made", "add --create-bridge")
    network = Network(
        id=str(uuid.uuid5(_NAMESPACE, f"network/{bridge}")),
        bridge=bridge,
        label=bridge,
        should_provide_bridge=arguments.create_bridge,
        should_provide_vlan=arguments.vlan is not None,
        bridge_interface=arguments.nic,
        vlan=arguments.vlan,
        mtu=arguments.mtu,
    )
    vif = VIFBridge(
        id=vif_id,
        plugin=arguments.plugin,
        vif_name=tap,
        bridge_name=bridge,
        network=network,
        has_traffic_filtering=bool(arguments.filtered),
        port_profile=VIFPortProfileLinuxBridge(create_tap=True, multiqueue=arguments.multiqueue),
    )
    try:
        vif.address = None if arguments.mac is None else arguments.mac.lower()
    except ValueError as error:
        raise InputError(
            f"--mac: {arguments.mac!r} is not a MAC address",
            "six pairs of hexadecimal digits: 02:00:00:00:00:01",
        ) from error
    return vif


_BUILDERS: dict[str, Callable[[VifArguments, str], VIFBase]] = {"linux_bridge": _linux_bridge}


def _needed(flag: str, value: str | None) -> str:
    if value is None:
        raise InputError(f"the VIF in flags lacks {flag}")
    return value


def _uuid(flag: str, value: str | None) -> str | None:
    try:
        return None if value is None else str(uuid.UUID(value))
    except ValueError as error:
        raise InputError(f"{flag}: {value!r} is not a UUID") from error
