"""What the tests with guests of libvirt share: a libvirtd of their own, beside an Open vSwitch of their own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from demo.libvirtd import Libvirtd
from tests import ovsvifs
from tests.ovs import OpenVSwitch, ovs

from demo import image, libvirtd

__all__ = ["ovs"]


@pytest.fixture
def host(ovs: OpenVSwitch) -> Iterator[OpenVSwitch]:
    """os-vif is ready, and Open vSwitch has the bridge br-int."""
    ovs.bridge("br-int")
    with ovsvifs.face(ovs):
        yield ovs


@pytest.fixture
def daemon(host: OpenVSwitch) -> Iterator[Libvirtd]:
    """libvirtd runs in the test's network namespace, and makes its ports in the test's Open vSwitch."""
    lacking = libvirtd.missing()
    if lacking is not None:
        pytest.skip(lacking)
    if image.find() is None:
        pytest.skip("there is no guest image; python -m demo.prepare builds it")
    with libvirtd.running(host.environment()) as running:
        yield running


@pytest.fixture
def connection(daemon: Libvirtd) -> Iterator[Any]:
    """libvirt's virConnect."""
    with daemon.open() as opened:
        yield opened
