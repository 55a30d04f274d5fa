"""Guests of libvirt: a VIF's card as XML, guests brought up and down, descriptions for where they migrate to."""

from os_vif.virt.libvirt.element import element, render, takes
from os_vif.virt.libvirt.guests import Guest
from os_vif.virt.libvirt.migration import migration_xml

__all__ = ["Guest", "element", "migration_xml", "render", "takes"]
