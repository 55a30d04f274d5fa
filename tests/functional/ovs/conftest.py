"""What the tests of the ovs plugin share: the fixture `ovs`, and a switch that has its integration bridge."""

import pytest
from tests.guests import powered
from tests.ovs import OpenVSwitch, ovs
from tests.ovsvifs import BRIDGE

__all__ = ["ovs", "powered"]


@pytest.fixture
def switch(ovs: OpenVSwitch) -> OpenVSwitch:
    """Open vSwitch with the bridge that an operator or an agent has made."""
    ovs.bridge(BRIDGE)
    return ovs
