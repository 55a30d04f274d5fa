"""Guests of libvirt: a VIF's card as XML."""

from os_vif.virt.libvirt.element import element, render, takes

__all__ = ["element", "render", "takes"]
