"""The fixtures of the tests of the command line."""

from tests.commandline import os_vif_command
from tests.ovs import ovs

__all__ = ["os_vif_command", "ovs"]
