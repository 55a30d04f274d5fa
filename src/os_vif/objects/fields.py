"""Field types that oslo.versionedobjects does not have, for the classes of `os_vif.objects`.

The class names of the enumerations and the order of their values are part of the object fingerprints: neither
may change without a new version of every object that uses them.
"""

import netaddr
from oslo_versionedobjects import fields


class VIFDirectMode(fields.Enum):
    """How a macvtap device switches; libvirt's `<source mode=...>` of an interface of type direct."""

    VEPA = "vepa"
    PASSTHROUGH = "passthrough"
    BRIDGE = "bridge"

    ALL = (VEPA, PASSTHROUGH, BRIDGE)

    def __init__(self) -> None:
        super().__init__(valid_values=self.ALL)


class VIFDirectModeField(fields.BaseEnumField):
    AUTO_TYPE = VIFDirectMode()


class VIFVHostUserMode(fields.Enum):
    """Which end of the vhost-user socket QEMU is."""

    CLIENT = "client"
    SERVER = "server"

    ALL = (CLIENT, SERVER)

    def __init__(self) -> None:
        super().__init__(valid_values=self.ALL)


class VIFVHostUserModeField(fields.BaseEnumField):
    AUTO_TYPE = VIFVHostUserMode()


class VIFHostDeviceDevType(fields.Enum):
    """How the guest gets a PCI device: `<interface type='hostdev'>`, or a plain `<hostdev>`."""

    ETHERNET = "ethernet"
    GENERIC = "generic"

    ALL = (ETHERNET, GENERIC)

    def __init__(self) -> None:
        super().__init__(valid_values=self.ALL)


class VIFHostDeviceDevTypeField(fields.BaseEnumField):
    AUTO_TYPE = VIFHostDeviceDevType()


class ListOfIPAddressField(fields.AutoTypedField[list[netaddr.IPAddress]]):
    AUTO_TYPE = fields.List(fields.IPAddress())
