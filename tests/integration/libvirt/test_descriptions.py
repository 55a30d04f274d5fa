"""What is rendered is what the hypervisors take: libvirt's schema, and QEMU itself."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from tests.netns import ip
from tests.unit.virt.cards import GOLDEN, SAMPLES

from demo import guests
from os_vif.virt import libvirt, qemu

pytestmark = pytest.mark.integration

_TAPS = {"tap", "script", "bridge-create-tap", "tap-multiqueue", "ovs-create-tap"}
# what QEMU says of a device that this machine does not have: of the device, not of the arguments
_ABSENT = {
    "hostdev_physical": "0000:3b:0a.3: no such host device",
    "hw_veb-direct": "0000:3b:0a.3: no such host device",
    "ib_hostdev": "0000:3b:0a.3: no such host device",
    "ovs-offloaded": "0000:3b:0a.3: no such host device",
    "remote-managed": "0000:3b:0a.3: no such host device",
    "vdpa": "/dev/vhost-vdpa-0",
    "vhostuser-client": "Failed to connect to '/run/vpp/a,b.sock'",
    "vhostuser-server": "/run/openvswitch/vhu1a2b3c4d-ca",
}


@pytest.mark.parametrize("name", sorted(file.stem for file in GOLDEN.glob("*.xml")))
def test_libvirts_schema_takes_it(name: str, tmp_path: Path) -> None:
    if shutil.which("virt-xml-validate") is None:
        pytest.skip("virt-xml-validate is not installed: libvirt-clients has it")
    file = tmp_path / "domain.xml"
    file.write_text(
        "<domain type='qemu'><name>guest</name><memory>98304</memory><os><type>hvm</type></os>"
        f"<devices>{libvirt.render(*SAMPLES[name])}</devices></domain>"
    )
    done = subprocess.run(
        ["virt-xml-validate", str(file), "domain"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_schema_refuses_what_is_none(tmp_path: Path) -> None:
    """That the test above can fail."""
    if shutil.which("virt-xml-validate") is None:
        pytest.skip("virt-xml-validate is not installed: libvirt-clients has it")
    file = tmp_path / "domain.xml"
    file.write_text(
        "<domain type='qemu'><name>guest</name><memory>98304</memory><os><type>hvm</type></os>"
        "<devices><interface type='bridge'><mac address='nonsense'/></interface></devices></domain>"
    )
    done = subprocess.run(["virt-xml-validate", str(file), "domain"], capture_output=True, check=False)
    assert done.returncode != 0


@pytest.mark.parametrize("name", sorted(file.stem for file in GOLDEN.glob("*.args")))
def test_qemu_starts_with_it_or_asks_for_the_device(name: str, netns: None) -> None:
    if shutil.which(guests.QEMU) is None:
        pytest.skip(f"{guests.QEMU} is not installed; python -m demo.prepare installs it")
    vif, card = SAMPLES[name]
    if card.driver == "vhost" and not Path("/dev/vhost-net").exists():
        card = replace(card, driver="qemu")  # QEMU ends with an assertion where the kernel has no vhost-net
    if name in _TAPS:
        many = ["multi_queue"] if card.queues > 1 else []
        ip("tuntap", "add", vif.vif_name, "mode", "tap", *many)
    arguments = ["-machine", "q35", "-nodefaults", "-display", "none", "-S", "-qmp", "stdio"]
    if name == "vhostuser-server":
        arguments += ["-m", "16"]
    done = subprocess.run(
        [guests.QEMU, *arguments, *qemu.arguments(vif, card)],
        input='{"execute":"qmp_capabilities"}\n{"execute":"query-rx-filter"}\n{"execute":"quit"}\n',
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    if name in _ABSENT:
        assert _ABSENT[name] in done.stderr
        assert done.returncode == 1
        return
    assert (done.returncode, done.stderr) == (0, "")
    if card.model in (None, "virtio"):
        assert f'"main-mac": "{vif.address}"' in done.stdout


def test_every_file_of_arguments_is_tried() -> None:
    assert {file.stem for file in GOLDEN.glob("*.args")} == _TAPS | _ABSENT.keys()
