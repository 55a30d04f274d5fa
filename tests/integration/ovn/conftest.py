"""What the tests with OVN share: it runs, and os_vif works with the Open vSwitch that it controls."""

from collections.abc import Iterator

import pytest
from tests.commandline import os_vif_command
from tests.ovn import Ovn, ovn
from tests.ovs import ovs
from tests.ovsvifs import face

__all__ = ["os_vif_command", "ovn", "ovs"]


@pytest.fixture
def network(ovn: Ovn) -> Iterator[Ovn]:
    """OVN, and a service on its host that plugs VIFs."""
    with face(ovn.ovs):
        yield ovn
