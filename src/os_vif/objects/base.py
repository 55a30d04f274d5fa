"""What all objects of the wire format share: the project's name space, and back-levelling driven by tables.

A class says in `obj_fields_added` which version added which fields, and in `obj_relationships` which version
of a sub-object belongs to which of its own. From these any object goes back to any version it ever had, with
or without a version manifest. The modules beside this one, and plugins of other projects that bring objects
of their own, derive from here.
"""

import importlib
from collections.abc import Mapping
from typing import Any, ClassVar

from oslo_utils import versionutils
from oslo_versionedobjects import base as ovo_base
from oslo_versionedobjects import fields as ovo_fields


def register_all() -> None:
    """Import every module of objects, which enters every class in oslo's registry. Cheap when repeated."""
    for module in ("fixed_ip", "host_info", "instance_info", "network", "route", "subnet", "vif"):
        importlib.import_module(f"os_vif.objects.{module}")


class VersionedObject(ovo_base.VersionedObject):
    """Base class of every os-vif object."""

    OBJ_PROJECT_NAMESPACE = "os_vif"

    #: Own version -> the fields it added, oldest first; the fields of version 1.0 are not listed.
    obj_fields_added: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    #: Fields of version 1.0 that holders can do without: left unset when the peer sends a class unknown here.
    obj_fields_optional: ClassVar[frozenset[str]] = frozenset()

    def obj_make_compatible(self, primitive: dict[str, Any], target_version: str) -> None:
        """Take `primitive`, the data of this object, back to `target_version`, in place.

        :param primitive: field name -> primitive, as under the `versioned_object.data` key
        :param target_version: a version this class has had, e.g. "1.0"
        """
        super().obj_make_compatible(primitive, target_version)
        target = versionutils.convert_version_to_tuple(target_version)
        for version, names in self.obj_fields_added.items():
            if target < versionutils.convert_version_to_tuple(version):
                for name in names:
                    primitive.pop(name, None)

    def _obj_relationship_for(self, field: str, target_version: str) -> list[tuple[str, str]] | None:
        # oslo looks a manifest up by the class a field is declared with. Where subclasses are allowed that is
        # the wrong name (a VIFPortProfileOpenVSwitch 1.4 would go back to the 1.1 of VIFPortProfileBase), and
        # a peer newer than this side would have its own version written over data that lacks its fields.
        manifest: Mapping[str, str] | None = getattr(self, "_obj_version_manifest", None)
        if manifest is None:
            return super()._obj_relationship_for(field, target_version)
        value = getattr(self, field)
        child = value[0] if isinstance(value, list) and value else value
        if not isinstance(child, ovo_base.VersionedObject):
            return None
        declared = self.fields[field]
        assert isinstance(declared, ovo_fields.ObjectField | ovo_fields.ListOfObjectsField)
        wanted = manifest.get(child.obj_name(), manifest.get(declared.objname))
        if wanted is None:
            return None
        return [(target_version, min(wanted, child.VERSION, key=versionutils.convert_version_to_tuple))]


class VersionedObjectPrintableMixin:
    """Makes `str(obj)` the object's primitive, for what is printed whole (HostInfo and its parts)."""

    def __str__(self) -> str:
        to_primitive = getattr(self, "obj_to_primitive", None)
        return str(to_primitive()) if callable(to_primitive) else super().__str__()
