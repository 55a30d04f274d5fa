"""What vif_plug_ovs.linux_net tells other projects of NICs; the rest of it is tested on the real kernel."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.host_sysfs import trees

from os_vif.host.sysfs import Sysfs
from vif_plug_ovs import exception, linux_net


@pytest.fixture
def _sysfs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = trees.connectx5(tmp_path)
    monkeypatch.setattr(linux_net, "Sysfs", lambda: Sysfs(str(tree.root)))


@pytest.mark.usefixtures("_sysfs")
def test_what_is_there() -> None:
    vf = trees.vf_address("0000:03:00.1", 1)
    assert linux_net.get_vf_num_by_pci_address(vf) == "1"
    assert linux_net.get_ifname_by_pci_address(vf, pf_interface=True, switchdev=True) == "enp3s0f1np1"
    assert linux_net.get_ifname_by_pci_address(vf, pf_interface=True) == "enp3s0f1np1"
    assert linux_net.get_ifname_by_pci_address("0000:01:00.0") == "eno1"
    assert linux_net.get_representor_port("enp3s0f1np1", "1") == "eth3"
    assert linux_net.get_function_by_ifname("enp3s0f0np0") == ("0000:03:00.0", True)
    assert linux_net.get_function_by_ifname("lo") == (None, False)


@pytest.mark.usefixtures("_sysfs")
def test_what_is_not() -> None:
    with pytest.raises(exception.PciDeviceNotFoundById, match=r"0000:ff:00\.0"):
        linux_net.get_vf_num_by_pci_address("0000:ff:00.0")
    with pytest.raises(exception.PciDeviceNotFoundById):
        linux_net.get_ifname_by_pci_address("0000:ff:00.0")
    with pytest.raises(exception.PciDeviceNotFoundById):
        linux_net.get_ifname_by_pci_address("0000:01:00.0", pf_interface=True, switchdev=True)
    with pytest.raises(exception.RepresentorNotFound, match="eno1"):
        linux_net.get_representor_port("eno1", "0")
