"""The network a VIF belongs to: what a plugin needs to know of it to connect the VIF."""

# ruff: noqa: RUF012  # oslo declares fields and relationships as plain dictionaries of the class

from typing import Any

from oslo_versionedobjects import base as ovo_base
from oslo_versionedobjects import fields

from os_vif.objects import base, subnet


@ovo_base.VersionedObjectRegistry.register
class Network(base.VersionedObject):
    """A virtual network.

    The constructor sets `subnets` (empty), `multi_host`, `should_provide_bridge`, `should_provide_vlan`
    (False) and `mtu` (None, bytes) where they are not given, also for a network received at version 1.0,
    which has no `mtu`.
    """

    VERSION = "1.1"
    obj_fields_added = {"1.1": ("mtu",)}
    obj_relationships = {"subnets": [("1.0", "1.0")]}

    id: str
    bridge: str
    label: str
    subnets: subnet.SubnetList
    multi_host: bool
    should_provide_bridge: bool
    should_provide_vlan: bool
    bridge_interface: str | None
    vlan: int | None
    mtu: int | None

    fields = {
        "id": fields.UUIDField(),
        "bridge": fields.StringField(),
        "label": fields.StringField(),
        "subnets": fields.ObjectField("SubnetList"),
        "multi_host": fields.BooleanField(),
        "should_provide_bridge": fields.BooleanField(),
        "should_provide_vlan": fields.BooleanField(),
        "bridge_interface": fields.StringField(nullable=True),
        "vlan": fields.IntegerField(nullable=True),
        "mtu": fields.IntegerField(nullable=True),
    }

    # Any: oslo's own constructor takes a request context of any kind and field values of every type.
    def __init__(self, context: Any = None, **kwargs: Any) -> None:
        kwargs.setdefault("subnets", subnet.SubnetList(objects=[]))
        kwargs.setdefault("multi_host", False)
        kwargs.setdefault("should_provide_bridge", False)
        kwargs.setdefault("should_provide_vlan", False)
        kwargs.setdefault("mtu", None)
        super().__init__(context, **kwargs)
