"""What a host can do: its plugins, the VIF types each takes, at which versions and with which port profiles.

`os_vif.host_info()` fills it in on the host; the network side reads it to answer with a VIF this host can
take.
"""

# ruff: noqa: RUF012  # oslo declares fields and relationships as plain dictionaries of the class

from collections.abc import Collection

from oslo_utils import versionutils
from oslo_versionedobjects import base as ovo_base
from oslo_versionedobjects import fields

from os_vif import exception
from os_vif.objects import base


def _registered_versions(name: str) -> list[str]:
    """Return the versions of class `name` that this process has, newest first; none if it is unknown."""
    # .get: the registry is a defaultdict, and asking must not make the class known.
    return [cls.VERSION for cls in ovo_base.VersionedObjectRegistry.obj_classes().get(name, [])]


def _first_between(versions: list[str], min_version: str, max_version: str) -> str | None:
    low = versionutils.convert_version_to_tuple(min_version)
    high = versionutils.convert_version_to_tuple(max_version)
    return next((v for v in versions if low <= versionutils.convert_version_to_tuple(v) <= high), None)


@ovo_base.VersionedObjectRegistry.register
class HostPortProfileInfo(
    base.VersionedObjectPrintableMixin, base.VersionedObject, ovo_base.ComparableVersionedObject
):
    """A port profile class that a plugin takes, from `min_version` to `max_version`, both included."""

    VERSION = "1.0"

    profile_object_name: str
    min_version: str
    max_version: str

    fields = {
        "profile_object_name": fields.StringField(),
        "min_version": fields.StringField(),
        "max_version": fields.StringField(),
    }

    def get_common_version(self) -> str:
        """Return the newest version of the profile that both sides know.

        :raises NoMatchingPortProfileClass: this process has no such class
        :raises NoSupportedPortProfileVersion: it has, but no version within the range
        """
        versions = _registered_versions(self.profile_object_name)
        if not versions:
            raise exception.NoMatchingPortProfileClass(name=self.profile_object_name)
        common = _first_between(versions, self.min_version, self.max_version)
        if common is None:
            raise exception.NoSupportedPortProfileVersion(
                name=self.profile_object_name,
                got_versions=",".join(versions),
                min_version=self.min_version,
                max_version=self.max_version,
            )
        return common


@ovo_base.VersionedObjectRegistry.register
class HostVIFInfo(
    base.VersionedObjectPrintableMixin, base.VersionedObject, ovo_base.ComparableVersionedObject
):
    """A VIF class that a plugin takes, from `min_version` to `max_version`, both included."""

    VERSION = "1.1"
    obj_fields_added = {"1.1": ("supported_port_profiles",)}
    obj_relationships = {"supported_port_profiles": [("1.1", "1.0")]}

    vif_object_name: str
    min_version: str
    max_version: str
    supported_port_profiles: list[HostPortProfileInfo]

    fields = {
        "vif_object_name": fields.StringField(),
        "min_version": fields.StringField(),
        "max_version": fields.StringField(),
        "supported_port_profiles": fields.ListOfObjectsField("HostPortProfileInfo"),
    }

    def get_common_version(self) -> str:
        """Return the newest version of the VIF class that both sides know.

        :raises NoMatchingVIFClass: this process has no such class
        :raises NoSupportedVIFVersion: it has, but no version within the range
        """
        versions = _registered_versions(self.vif_object_name)
        if not versions:
            raise exception.NoMatchingVIFClass(name=self.vif_object_name)
        common = _first_between(versions, self.min_version, self.max_version)
        if common is None:
            raise exception.NoSupportedVIFVersion(
                name=self.vif_object_name,
                got_versions=",".join(versions),
                min_version=self.min_version,
                max_version=self.max_version,
            )
        return common


@ovo_base.VersionedObjectRegistry.register
class HostPluginInfo(
    base.VersionedObjectPrintableMixin, base.VersionedObject, ovo_base.ComparableVersionedObject
):
    """A plugin and the VIF types it takes."""

    VERSION = "1.0"
    obj_relationships = {"vif_info": [("1.0", "1.0")]}

    plugin_name: str
    vif_info: list[HostVIFInfo]

    fields = {
        "plugin_name": fields.StringField(),
        "vif_info": fields.ListOfObjectsField("HostVIFInfo"),
    }

    def has_vif(self, name: str) -> bool:
        """Say whether the plugin takes VIFs of class `name`."""
        return any(vif.vif_object_name == name for vif in self.vif_info)

    def get_vif(self, name: str) -> HostVIFInfo:
        """Return the entry of VIF class `name`.

        :raises NoMatchingVIFClass: the plugin does not take it
        """
        for vif in self.vif_info:
            if vif.vif_object_name == name:
                return vif
        raise exception.NoMatchingVIFClass(vif_name=name)

    def filter_vif_types(self, permitted_vif_type_names: Collection[str]) -> None:
        """Keep, in place and in order, only the VIF types named."""
        self.vif_info = [vif for vif in self.vif_info if vif.vif_object_name in permitted_vif_type_names]


@ovo_base.VersionedObjectRegistry.register
class HostInfo(base.VersionedObjectPrintableMixin, base.VersionedObject, ovo_base.ComparableVersionedObject):
    """All plugins of a host."""

    VERSION = "1.0"
    obj_relationships = {"plugin_info": [("1.0", "1.0")]}

    plugin_info: list[HostPluginInfo]

    fields = {
        "plugin_info": fields.ListOfObjectsField("HostPluginInfo"),
    }

    def has_plugin(self, name: str) -> bool:
        """Say whether the host has the plugin `name`."""
        return any(plugin.plugin_name == name for plugin in self.plugin_info)

    def get_plugin(self, name: str) -> HostPluginInfo:
        """Return the entry of plugin `name`.

        :raises NoMatchingPlugin: the host does not have it
        """
        for plugin in self.plugin_info:
            if plugin.plugin_name == name:
                return plugin
        raise exception.NoMatchingPlugin(
            plugin_name=name, installed=[plugin.plugin_name for plugin in self.plugin_info]
        )

    def filter_vif_types(self, permitted_vif_type_names: Collection[str]) -> None:
        """Keep, in place, only the VIF types named, and only the plugins that have any of them."""
        for plugin in self.plugin_info:
            plugin.filter_vif_types(permitted_vif_type_names)
        self.plugin_info = [plugin for plugin in self.plugin_info if plugin.vif_info]
