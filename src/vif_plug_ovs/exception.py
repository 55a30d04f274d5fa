"""The exceptions of the ovs plugin; callers see them as `err` of a PlugException or UnplugException.

ExceptionBase
 +-- InvalidVIF                     os_vif's: the VIF cannot be planned
 |    +-- MissingPortProfile
 |    +-- WrongPortProfile
 |    +-- UnknownVIFType            `plug` and `unplug` of the plugin make a PlugException of it
 |    +-- TapCreationNotSupported
 |    +-- MissingField              a ValueError too, as callers of old expect it
 +-- RepresentorNotFound
 +-- PciDeviceNotFoundById
 +-- AgentError
"""

# ruff: noqa: N818  # the names are those of the contract

from os_vif.exception import ExceptionBase, InvalidVIF


class MissingPortProfile(InvalidVIF):
    msg_fmt = "The VIF has no port profile: the ovs plugin needs a VIFPortProfileOpenVSwitch."


class WrongPortProfile(InvalidVIF):
    msg_fmt = "The VIF's port profile is a %(profile)s: the ovs plugin needs a VIFPortProfileOpenVSwitch."


class UnknownVIFType(InvalidVIF):
    msg_fmt = (
        "The ovs plugin plugs no %(vif_type)s: "
        "it takes VIFBridge, VIFOpenVSwitch, VIFVHostUser, VIFHostDevice and VIFVDPA."
    )


class TapCreationNotSupported(InvalidVIF):
    msg_fmt = "A tap can be created for a VIFOpenVSwitch, not for a %(vif_type)s: leave create_tap unset."


class MissingField(InvalidVIF, ValueError):
    """A field that the VIF must have is not set; `field` names it."""

    msg_fmt = "VIF %(vif_id)s has no %(field)s: set it where the VIF is built."


class RepresentorNotFound(ExceptionBase):
    msg_fmt = (
        "No network device represents virtual function %(vf_num)s of %(ifname)s: "
        "see that the NIC is in mode switchdev (devlink dev eswitch show) and the function exists."
    )


class PciDeviceNotFoundById(ExceptionBase):
    msg_fmt = (
        "PCI device %(id)s is not here, is no virtual function, or its NIC has no network device: "
        "see that it exists (lspci) and the NIC is in mode switchdev."
    )


class AgentError(ExceptionBase):
    msg_fmt = "Open vSwitch failed to %(method)s."
