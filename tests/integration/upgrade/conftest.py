"""What the tests of upgrades share: Open vSwitch with its bridge, and earlier releases at work."""

from collections.abc import Iterator

import pytest
from tests.guests import powered
from tests.integration.upgrade.peer import Peer
from tests.netns import netns
from tests.ovs import OpenVSwitch, ovs
from tests.ovsvifs import BRIDGE

__all__ = ["netns", "ovs", "powered"]


@pytest.fixture
def switch(ovs: OpenVSwitch) -> OpenVSwitch:
    """Open vSwitch with the bridge that an operator or an agent has made."""
    ovs.bridge(BRIDGE)
    return ovs


@pytest.fixture
def system_switch(ovs: OpenVSwitch) -> OpenVSwitch:
    """Open vSwitch with its bridge on the kernel's datapath, as far as rows and links can tell.

    This needs no kernel module: ovs-vswitchd plays that datapath itself, and no packet passes.
    """
    ovs.restart_vswitchd("--enable-dummy=system")
    ovs.vsctl("add-br", BRIDGE, "--", "set", "Bridge", BRIDGE, "datapath_type=system")
    return ovs


@pytest.fixture(scope="session")
def os_vif_5_3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """The last release with the ovs plugin."""
    yield from _at_work("5.3.0", tmp_path_factory)


@pytest.fixture(scope="session")
def os_vif_4_3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """The last release that had the linux_bridge plugin."""
    yield from _at_work("4.3.0", tmp_path_factory)


@pytest.fixture(scope="session")
def this_one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """This checkout, as a service has it."""
    yield from _at_work(None, tmp_path_factory)


def _at_work(release: str | None, directories: pytest.TempPathFactory) -> Iterator[Peer]:
    peer = Peer(release, directories.mktemp(f"os-vif-{release}"))
    try:
        yield peer
    finally:
        peer.close()
