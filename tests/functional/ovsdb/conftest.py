"""Every test here has an Open vSwitch of its own."""

from tests.ovs import ovs

__all__ = ["ovs"]
