"""The guest a VIF is plugged for: the second argument of every plug and unplug."""

# ruff: noqa: RUF012  # oslo declares fields and relationships as plain dictionaries of the class

from oslo_versionedobjects import base as ovo_base
from oslo_versionedobjects import fields

from os_vif.objects import base


@ovo_base.VersionedObjectRegistry.register
class InstanceInfo(base.VersionedObject):
    """Identity of a guest; `name` is the hypervisor's, as in `instance-00000001`."""

    VERSION = "1.0"

    uuid: str
    name: str
    project_id: str

    fields = {
        "uuid": fields.UUIDField(),
        "name": fields.StringField(),
        "project_id": fields.StringField(),
    }
