"""Objects to JSON and back, for whoever talks to a peer that may be older, newer or wrong.

`from_json` and `from_primitive` are the way in for data from outside the process. oslo's own
`obj_from_primitive` trusts its input: it fails with KeyErrors, and turns the string "false" into True. Here
every value must have the JSON type its field writes, and whatever is wrong is an InvalidObject that names it.
"""

import json
import re
import uuid
from collections.abc import Mapping

from oslo_versionedobjects import base as ovo_base
from oslo_versionedobjects import exception as ovo_exception
from oslo_versionedobjects import fields as ovo_fields

from os_vif import exception
from os_vif.objects import base

_PREFIX = base.VersionedObject.OBJ_SERIAL_NAMESPACE
_VERSION = re.compile(r"[1-9][0-9]{0,5}(\.(0|[1-9][0-9]{0,5})){1,2}")


def from_json(text: str | bytes, *, tolerant: bool = False) -> base.VersionedObject:
    """Return the object that `text` (JSON; bytes in UTF-8, -16 or -32) describes; see `from_primitive`."""
    try:
        primitive = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise exception.InvalidObject(
            path="(text)", reason=f"not JSON ({error}). Send the output of os_vif.objects.to_json."
        ) from error
    return from_primitive(primitive, tolerant=tolerant)


def from_primitive(primitive: Mapping[str, object], *, tolerant: bool = False) -> base.VersionedObject:
    """Return the object that `primitive` (what `obj_to_primitive` returns) describes.

    An object of an older version keeps that version in its `VERSION`, and the fields that came later stay
    unset (Network alone sets its defaults). Fields this side does not know are ignored.

    With `tolerant`, an object of a newer minor version is taken as one of this side's version, at any depth.
    A sub-object of a class that is unknown here is left out if its field is nullable, or one that holders can
    do without; elsewhere it is an error: an object that lacks its essence would be plugged wrongly.

    :raises InvalidObject: the input is malformed; the message says where
    :raises oslo_versionedobjects.exception.IncompatibleObjectVersion: an object, at any depth, is of a newer
        version than this side's (with `tolerant`: of another major version)
    """
    base.register_all()
    name = primitive.get(f"{_PREFIX}.name") if isinstance(primitive, Mapping) else None
    path = name if isinstance(name, str) else "(top)"
    return _hydrate(_object_class(primitive, path), primitive, path, tolerant)


def to_json(
    obj: ovo_base.VersionedObject, *, target_version: str | None = None, indent: int | None = None
) -> str:
    """Return `obj` as JSON without change lists and with sorted keys, so that equal objects give equal text.

    :param target_version: an older version of the class to write instead of its own, for an older peer
    :param indent: spaces per level; None for one line
    :raises oslo_versionedobjects.exception.InvalidTargetVersion: `target_version` is newer than `obj`
    """
    primitive = _without_changes(obj.obj_to_primitive(target_version=target_version))
    return json.dumps(primitive, sort_keys=True, indent=indent)


def _without_changes(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_changes(item) for key, item in value.items() if key != f"{_PREFIX}.changes"}
    if isinstance(value, list):
        return [_without_changes(item) for item in value]
    return value


def _hydrate(
    known: type[base.VersionedObject], primitive: Mapping[str, object], path: str, tolerant: bool
) -> base.VersionedObject:
    version = _version(known, primitive, path, tolerant)
    data = primitive.get(f"{_PREFIX}.data")
    if not isinstance(data, Mapping):
        raise exception.InvalidObject(
            path=path, reason=f"'{_PREFIX}.data' must be the fields of the object, not {_kind(data)}."
        )
    changes = primitive.get(f"{_PREFIX}.changes", [])
    if not isinstance(changes, list | tuple) or not all(isinstance(name, str) for name in changes):
        raise exception.InvalidObject(
            path=path, reason=f"'{_PREFIX}.changes' must be a list of field names. It may be left out."
        )
    obj = known()
    obj.VERSION = version
    for name, field in known.fields.items():
        if name in data:
            _set_field(obj, name, field, data[name], f"{path}.{name}", tolerant)
    obj.obj_reset_changes()
    obj._changed_fields.update(name for name in changes if name in known.fields and obj.obj_attr_is_set(name))
    return obj


def _set_field(
    obj: base.VersionedObject,
    name: str,
    field: ovo_fields.Field[object],
    value: object,
    path: str,
    tolerant: bool,
) -> None:
    hydrated: object
    if tolerant and _has_unknown_class(value) and _can_be_left_out(obj, name, field):
        return
    if value is None:
        hydrated = None
    elif isinstance(field, ovo_fields.ObjectField):
        hydrated = _sub_object(field.objname, value, path, tolerant)
    elif isinstance(field, ovo_fields.ListOfObjectsField):
        if not isinstance(value, list | tuple):
            raise exception.InvalidObject(path=path, reason=f"must be a list of objects, not {_kind(value)}.")
        hydrated = [
            _sub_object(field.objname, item, f"{path}[{index}]", tolerant) for index, item in enumerate(value)
        ]
    else:
        hydrated = _value(obj, name, field, value, path)
    try:
        setattr(obj, name, hydrated)
    except (ValueError, TypeError) as error:
        raise exception.InvalidObject(
            path=path, reason=f"{error}. Correct the value, or leave it out."
        ) from error


def _value(
    obj: base.VersionedObject, name: str, field: ovo_fields.Field[object], value: object, path: str
) -> object:
    """Return the value of a field that holds no objects."""
    # an interface_id, by contrast, is whatever the network's controller calls its port
    if isinstance(field, ovo_fields.UUIDField) and name in ("id", "uuid"):
        _check_uuid(value, path)
    try:
        hydrated = field.coerce(obj, name, field.from_primitive(obj, name, value))
        written = field.to_primitive(obj, name, hydrated)
    except Exception as error:  # a field type, of netaddr's or a plugin's, may raise whatever it likes
        raise exception.InvalidObject(
            path=path,
            reason=f"{_shown(value)} is not valid here ({error}). Correct the value, or leave it out.",
        ) from error
    if not _same_json_type(value, written):
        raise exception.InvalidObject(path=path, reason=f"must be {_kind(written)}, not {_kind(value)}.")
    return hydrated


def _check_uuid(value: object, path: str) -> None:
    # oslo's UUIDField only warns. A VIF with a malformed id would be marked with it on the host.
    try:
        uuid.UUID(str(value))
    except ValueError as error:
        raise exception.InvalidObject(path=path, reason=f"{_shown(value)} is not a UUID.") from error


def _sub_object(declared: str, primitive: object, path: str, tolerant: bool) -> base.VersionedObject:
    known = _object_class(primitive, path)
    # Checked before descending: the depth of the data is thereby bounded by that of the declared fields.
    if declared not in (parent.__name__ for parent in known.mro()):
        raise exception.InvalidObject(path=path, reason=f"must be a {declared}, not a {known.obj_name()}.")
    assert isinstance(primitive, Mapping)
    return _hydrate(known, primitive, path, tolerant)


def _object_class(primitive: object, path: str) -> type[base.VersionedObject]:
    """Return this side's newest class for `primitive`, whose envelope is checked but for version and data."""
    if not isinstance(primitive, Mapping):
        raise exception.InvalidObject(
            path=path, reason=f"must be a versioned object, not {_kind(primitive)}."
        )
    name = primitive.get(f"{_PREFIX}.name")
    if not isinstance(name, str):
        raise exception.InvalidObject(
            path=path, reason=f"has no '{_PREFIX}.name'. Send what obj_to_primitive() or to_json() return."
        )
    namespace = primitive.get(f"{_PREFIX}.namespace")
    if namespace != base.VersionedObject.OBJ_PROJECT_NAMESPACE:
        raise exception.InvalidObject(
            path=path,
            reason=f"'{_PREFIX}.namespace' must be '{base.VersionedObject.OBJ_PROJECT_NAMESPACE}', "
            f"not {_shown(namespace)}: {name} is an object of another project.",
        )
    known = _newest_class(name)
    if known is None:
        raise exception.InvalidObject(
            path=path,
            reason=f"{_shown(name)} is not a class known here. Upgrade this side, or send an older one.",
        )
    return known


def _newest_class(name: str) -> type[base.VersionedObject] | None:
    # The registry is shared with every other project in the process (Nova has a FixedIP of its own).
    for known in ovo_base.VersionedObjectRegistry.obj_classes().get(name, []):
        if issubclass(known, base.VersionedObject):
            return known
    return None


def _version(
    known: type[base.VersionedObject], primitive: Mapping[str, object], path: str, tolerant: bool
) -> str:
    """Return the version to give the object, after comparing the one it claims with this side's."""
    version = primitive.get(f"{_PREFIX}.version")
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        raise exception.InvalidObject(
            path=path,
            reason=f"'{_PREFIX}.version' must be a version such as '{known.VERSION}', not {_shown(version)}.",
        )
    # The third part, of stable branches, adds nothing that a reader has to know.
    (major, minor), (own_major, own_minor) = (
        tuple(int(part) for part in text.split(".")[:2]) for text in (version, known.VERSION)
    )
    if major == own_major and minor <= own_minor:
        return version
    if major == own_major and tolerant:
        return known.VERSION
    raise ovo_exception.IncompatibleObjectVersion(
        message=f"{path}: version {version} of {known.obj_name()} is not supported, "
        f"this side has {known.VERSION}. Upgrade this side, or have the peer write an older target_version.",
        objname=known.obj_name(),
        objver=version,
        supported=known.VERSION,
    )


def _has_unknown_class(primitive: object) -> bool:
    """Say whether this is an object, or a list with one, whose class only a newer peer has."""
    if isinstance(primitive, list | tuple):
        return any(_has_unknown_class(item) for item in primitive if not isinstance(item, list | tuple))
    if not isinstance(primitive, Mapping):
        return False
    name = primitive.get(f"{_PREFIX}.name")
    namespace = primitive.get(f"{_PREFIX}.namespace")
    return (
        isinstance(name, str)
        and namespace == base.VersionedObject.OBJ_PROJECT_NAMESPACE
        and _newest_class(name) is None
    )


def _can_be_left_out(obj: base.VersionedObject, name: str, field: ovo_fields.Field[object]) -> bool:
    later = {added for names in obj.obj_fields_added.values() for added in names}
    return field.nullable or name in obj.obj_fields_optional or name in later


def _same_json_type(value: object, written: object) -> bool:
    if isinstance(written, list | tuple):
        return (
            isinstance(value, list | tuple)
            and len(value) == len(written)
            and all(_same_json_type(*pair) for pair in zip(value, written, strict=True))
        )
    if isinstance(written, bool) or isinstance(value, bool):
        return isinstance(written, bool) and isinstance(value, bool)
    return isinstance(value, type(written))


def _kind(value: object) -> str:
    """Return the name of a value's type in JSON's words."""
    if value is None:
        return "nothing (null)"
    words = {bool: "a boolean", int: "an integer", float: "a number", str: "a string", list: "a list"}
    return words.get(type(value), "an object" if isinstance(value, Mapping) else type(value).__name__)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
