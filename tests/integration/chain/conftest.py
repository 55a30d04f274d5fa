"""What the tests of the whole chain share: Neutron, Nova's VIF code, libvirt and Open vSwitch on one host."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from demo.libvirtd import Libvirtd
from tests.integration.chain import cloud
from tests.integration.nova.conftest import Compute, configure, new_host, nova, running, scripts

from demo import image, libvirtd

__all__ = ["nova"]


@dataclass(frozen=True)
class Site:
    """One host of a cloud."""

    neutron: cloud.Neutron
    compute: Compute
    libvirtd: Libvirtd


@pytest.fixture(scope="module")
def site(nova: Path) -> Iterator[Site]:
    """Neutron with its agent, Nova's VIF driver, libvirtd and Open vSwitch, in one network namespace."""
    if not cloud.RABBITMQ.exists() or shutil.which("epmd") is None:
        pytest.skip("RabbitMQ is not installed; `make test` installs rabbitmq-server")
    lacking = libvirtd.missing()
    if lacking is not None:
        pytest.skip(lacking)
    if image.find() is None:
        pytest.skip("there is no guest image; python -m demo.prepare builds it")
    neutron_client = f"[neutron]\nauth_type = none\nendpoint_override = {cloud.API}\n"
    with (
        new_host() as switch,
        scripts() as place,
        tempfile.TemporaryDirectory(prefix="neutron-") as directory,
        cloud.Neutron(Path(directory), nova, switch) as neutron,
        libvirtd.running(switch.environment()) as daemon,
    ):
        configuration = configure(place, nova, switch.remote, neutron_client)
        with running(nova, "compute.py", configuration, "nova") as process:
            yield Site(neutron, Compute(process, switch, place), daemon)
