"""`pip install .` into an environment with Nova: this project takes os-vif's place there."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from tests.integration.nova.conftest import ENVIRONMENT

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


def test_pip_sees_that_what_nova_asks_for_is_there(nova: Path) -> None:
    checked = subprocess.run([str(nova), "-m", "pip", "check"], capture_output=True, text=True, check=False)
    assert "os-vif" not in checked.stdout.replace("_", "-")


def test_novas_converter_builds_every_object_it_can(nova: Path) -> None:
    script = Path(__file__).with_name("convert.py")
    done = subprocess.run([str(nova), str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert str(ENVIRONMENT) in answer["from"]
    assert answer["made"] == [
        ["ovs", "VIFOpenVSwitch", "ovs", "VIFPortProfileOpenVSwitch"],
        ["ovs, hybrid", "VIFBridge", "ovs", "VIFPortProfileOpenVSwitch"],
        ["ovs, create_tap", "VIFOpenVSwitch", "ovs", "VIFPortProfileOpenVSwitch"],
        ["ovs, direct", "VIFHostDevice", "ovs", "VIFPortProfileOVSRepresentor"],
        ["ovs, remote-managed", "VIFHostDevice", "noop", None],
        ["agilio_ovs", "VIFOpenVSwitch", "ovs", "VIFPortProfileOpenVSwitch"],
        ["vhostuser", "VIFVHostUser", "noop", None],
        ["vhostuser, ovs", "VIFVHostUser", "ovs", "VIFPortProfileOpenVSwitch"],
        ["vhostuser, fast path", "VIFVHostUser", "vhostuser_fp", "VIFPortProfileFPBridge"],
        ["vhostuser, fast path ovs", "VIFVHostUser", "vhostuser_fp", "VIFPortProfileFPOpenVSwitch"],
        ["ivs", "VIFGeneric", "ivs", None],
        ["ivs, hybrid", "VIFBridge", "ivs", None],
        ["vrouter", "VIFGeneric", "vrouter", None],
        ["vrouter, direct", "VIFHostDevice", "vrouter", "VIFPortProfileBase"],
        ["tap", None, None, None],  # one of those that Nova plugs by itself
    ]
