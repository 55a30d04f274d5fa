"""What commands are given, made into objects: VIFs from JSON files or from flags, and lists of VIF ids.

Whatever is wrong with it is an InputError that says where.
"""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

from os_vif import exception, objects
from os_vif.cli import flags
from os_vif.cli.arguments import VifArguments
from os_vif.cli.errors import InputError
from os_vif.objects.instance_info import InstanceInfo
from os_vif.objects.vif import VIFBase

_NAME = "versioned_object.name"
_T = TypeVar("_T")


class Card(NamedTuple):
    """A VIF and the guest it belongs to; a guest that nobody named goes by the VIF's id."""

    vif: VIFBase
    instance_info: InstanceInfo

    @property
    def told(self) -> tuple[VIFBase, InstanceInfo | None]:
        """For commands that compare: somebody else, who knew the guest, may have plugged the VIF."""
        return self.vif, None if self.instance_info.uuid == self.vif.id else self.instance_info


def cards(arguments: VifArguments) -> list[Card]:
    """The VIFs that a command line speaks of, in the order given; call os_vif.initialize() first."""
    said = flags.given(arguments)
    if arguments.file is not None and said:
        raise InputError(
            "a FILE of VIFs and a VIF in flags were both given", "give one of the two; a FILE says everything"
        )
    if arguments.file is not None:
        return cards_of_file(arguments.file)
    if not said:
        raise InputError(
            "no VIF was given",
            "give a FILE ('-': standard input), or flags: --plugin linux_bridge --bridge br0 --tap tap1",
        )
    vif = flags.vif(arguments)
    return [Card(vif, _instance_info(flags.checked_uuid("--instance", arguments.instance) or vif.id))]


def cards_of_file(path: str) -> list[Card]:
    """The VIFs of a file, one at least."""
    found = [_card(entry, where) for where, entry in _entries(_parse(_read(path), path), _called(path))]
    if not found:
        raise InputError(f"{_called(path)}: an empty list, there is no VIF in it")
    return found


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
