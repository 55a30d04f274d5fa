"""The fixture of the tests of the command line."""

from tests.commandline import os_vif_command

__all__ = ["os_vif_command"]
