"""A route that a guest is told of: part of a Subnet."""

# ruff: noqa: RUF012  # oslo declares fields and relationships as plain dictionaries of the class

import netaddr
from oslo_versionedobjects import base as ovo_base
from oslo_versionedobjects import fields

from os_vif.objects import base


@ovo_base.VersionedObjectRegistry.register
class Route(base.VersionedObject):
    """One route."""

    VERSION = "1.0"

    cidr: netaddr.IPNetwork
    gateway: netaddr.IPAddress
    interface: str

    fields = {
        "cidr": fields.IPNetworkField(),
        "gateway": fields.IPAddressField(),
        "interface": fields.StringField(),
    }


@ovo_base.VersionedObjectRegistry.register
class RouteList(ovo_base.ObjectListBase[Route], base.VersionedObject):
    """The routes of one subnet."""

    VERSION = "1.0"
    obj_relationships = {"objects": [("1.0", "1.0")]}

    fields = {
        "objects": fields.ListOfObjectsField("Route"),
    }
