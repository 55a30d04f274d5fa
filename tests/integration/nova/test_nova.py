"""`pip install .` into an environment with Nova: this project takes os-vif's place there."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
ENVIRONMENT = ROOT / ".cache" / "nova"

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


def pip(*arguments: str) -> None:
    python = ENVIRONMENT / "bin" / "python"
    command = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def nova() -> Path:
    """The interpreter of an environment with nova, over which this project is installed as its users would."""
    python = ENVIRONMENT / "bin" / "python"
    if not (ENVIRONMENT / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=True)
        pip("nova==34.0.0")
        (ENVIRONMENT / "ready").touch()
    # setuptools would take what an earlier build left, also modules that are gone since
    shutil.rmtree(ROOT / "build", ignore_errors=True)
    pip(str(ROOT))
    shutil.rmtree(ROOT / "build", ignore_errors=True)
    return python


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
