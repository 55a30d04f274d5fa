"""A service that is not root, beside a database whose socket only root may open."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.netns import ip_json
from tests.ovs import OpenVSwitch
from tests.ovsvifs import native

from os_vif import objects


def test_plug_check_wait_and_unplug_without_rights(ovs: OpenVSwitch, tmp_path: Path) -> None:
    if Path("/proc/self/uid_map").read_text().split() != ["0", "0", "4294967295"]:
        pytest.skip("a user namespace has no second user to become")
    config = tmp_path / "os-vif.conf"
    options = {"ovsdb_connection": ovs.remote, "ovs_vsctl_timeout": 5, "isolate_vif": True}
    config.write_text("\n".join(["[os_vif_ovs]", *(f"{key} = {value}" for key, value in options.items())]))
    assert ovs.directory.stat().st_mode & 0o077 == 0  # nobody else gets to the socket
    vif = native()
    script = Path(__file__).with_name("unprivileged.py")
    command = [sys.executable, str(script), str(config), objects.to_json(vif)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    waiting = f"{vif.vif_name}: is in the dead VLAN 4095: the network's agent has not wired it yet"
    assert done.stdout.splitlines() == [str([waiting]), waiting, "done"]
    assert ovs.vsctl("--columns=name", "list", "Port").split() == ["name", ":", "br-int"]
    assert not [link["ifname"] for link in ip_json("link") if link["ifname"].startswith("tap")]
