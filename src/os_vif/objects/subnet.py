"""A subnet as a VIF sees it: the part of a Network that holds the guest's addresses."""

# ruff: noqa: RUF012  # oslo declares fields and relationships as plain dictionaries of the class

import netaddr
from oslo_versionedobjects import base as ovo_base
from oslo_versionedobjects import fields

from os_vif.objects import base, fixed_ip, route
from os_vif.objects import fields as os_vif_fields


@ovo_base.VersionedObjectRegistry.register
class Subnet(base.VersionedObject):
    """One subnet, with the addresses that this VIF has in it."""

    # os-vif 1.8.0, and only that release, had a 1.1 without `ips`: it went back to 1.0, and so 1.1 is burnt.
    VERSION = "1.0"
    obj_relationships = {"ips": [("1.0", "1.0")], "routes": [("1.0", "1.0")]}

    cidr: netaddr.IPNetwork
    dns: list[netaddr.IPAddress]
    gateway: netaddr.IPAddress
    ips: fixed_ip.FixedIPList
    routes: route.RouteList
    dhcp_server: netaddr.IPAddress

    fields = {
        "cidr": fields.IPNetworkField(),
        "dns": os_vif_fields.ListOfIPAddressField(),
        "gateway": fields.IPAddressField(),
        "ips": fields.ObjectField("FixedIPList"),
        "routes": fields.ObjectField("RouteList"),
        "dhcp_server": fields.IPAddressField(),
    }


@ovo_base.VersionedObjectRegistry.register
class SubnetList(ovo_base.ObjectListBase[Subnet], base.VersionedObject):
    """The subnets of one network."""

    VERSION = "1.0"
    obj_relationships = {"objects": [("1.0", "1.0")]}

    fields = {
        "objects": fields.ListOfObjectsField("Subnet"),
    }
