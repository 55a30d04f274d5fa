"""A fixed address of a VIF, with the floating addresses that lead to it: part of a Subnet."""

# ruff: noqa: RUF012  # oslo declares fields and relationships as plain dictionaries of the class

import netaddr
from oslo_versionedobjects import base as ovo_base
from oslo_versionedobjects import fields

from os_vif.objects import base
from os_vif.objects import fields as os_vif_fields


@ovo_base.VersionedObjectRegistry.register
class FixedIP(base.VersionedObject):
    """One fixed address."""

    VERSION = "1.0"

    address: netaddr.IPAddress
    floating_ips: list[netaddr.IPAddress]

    fields = {
        "address": fields.IPAddressField(),
        "floating_ips": os_vif_fields.ListOfIPAddressField(),
    }


@ovo_base.VersionedObjectRegistry.register
class FixedIPList(ovo_base.ObjectListBase[FixedIP], base.VersionedObject):
    """The fixed addresses of one subnet."""

    VERSION = "1.0"
    obj_relationships = {"objects": [("1.0", "1.0")]}

    fields = {
        "objects": fields.ListOfObjectsField("FixedIP"),
    }
