"""The scripts that come with os-vif keep the contract for scripts, with stand-ins for the tools of their backends.

The tools cannot be had here; a stand-in notes how it was called.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from oslo_config import cfg
from tests.functional.script.conftest import SECTION
from tests.ovs import OpenVSwitch, ovs
from tests.ovsvifs import identity
from tests.snapshot import snapshot
from tests.vifs import INSTANCE, vif_id

import os_vif
import vif_plug_script
from os_vif import objects
from os_vif.host.plan import Plan
from os_vif.host.scripts.conformance import Subject, examine
from os_vif.host.scripts.keeper import ScriptKeeper, Settings

__all__ = ["ovs"]

SHIPPED = Path(vif_plug_script.__file__).parent / "scripts"
TOOLS = {
    "ib_hostdev": "ebrctl",
    "iovisor": "ifc_ctl",
    "ivs": "ivs-ctl",
    "midonet": "mm-ctl",
    "vrouter": "vrouter-port-control",
}


def _subject(name: str, number: int) -> Subject:
    network = objects.network.Network(id=vif_id(99), label="net", bridge="br-int")
    profile = objects.vif.VIFPortProfileScript(script=name, parameters={"physical_network": "fabric"})
    fields = {
        "id": vif_id(number),
        "plugin": "script",
        "address": f"02:00:00:00:00:{number:02x}",
        "network": network,
        "port_profile": profile,
    }
    instance = objects.instance_info.InstanceInfo(
        uuid=INSTANCE.uuid, name=INSTANCE.name, project_id=vif_id(98)
    )
    vif: objects.vif.VIFBase
    if name == "ib_hostdev":
        vif = objects.vif.VIFHostDevice(dev_address=f"0000:04:10.{number}", dev_type="ethernet", **fields)
    else:
        vif = objects.vif.VIFGeneric(vif_name=f"tap{number}", **fields)
    return Subject(os_vif.plan(vif, instance), os_vif.plan(vif))


@pytest.mark.parametrize("name", TOOLS)
def test_it_keeps_the_contract_with_a_stand_in_for_its_tool(name: str, scripts: Path, tmp_path: Path) -> None:
    shutil.copy(SHIPPED / name, scripts / name)
    (scripts / name).chmod(0o755)
    calls = scripts / "calls"
    _write(scripts / "bin" / TOOLS[name], f'echo "$*" >> {calls}')
    keeper = ScriptKeeper(Settings.of(cfg.CONF[SECTION]))
    subjects = [_subject(name, number) for number in (1, 2, 3)]
    verdicts = list(examine(keeper, subjects, _make, _remove))
    assert [f"{v.action} {v.step}: {v.text}" for v in verdicts if not v.is_right] == []
    assert calls.read_text()  # the tool was asked


def _profile(kind: str, number: int) -> objects.vif.VIFPortProfileBase:
    if kind == "bridge":
        return objects.vif.VIFPortProfileFPBridge(bridge_name="br-int")
    return objects.vif.VIFPortProfileFPOpenVSwitch(
        interface_id=identity(number),
        datapath_type="netdev",
        bridge_name=f"qbr{identity(number)}"[:14] if kind == "hybrid" else "br-int",
        hybrid_plug=kind == "hybrid",
    )


@pytest.mark.parametrize("kind", ["bridge", "ovs", "hybrid"])
def test_the_fast_paths_script_on_a_real_switch(kind: str, scripts: Path, ovs: OpenVSwitch) -> None:
    """fp-vdev alone is a stand-in: it makes a tap where the fast path would make its device."""
    ovs.bridge("br-int")
    shutil.copy(SHIPPED / "vhostuser_fp", scripts / "vhostuser_fp")
    calls = scripts / "calls"
    _write(
        scripts / "bin" / "fp-vdev",
        f'echo "$*" >> {calls}\n[ $1 = add ] && exec ip tuntap add "$2" mode tap\nexec ip link delete dev "$2"',
    )
    _write(scripts / "bin" / "ovs-vsctl", f'exec {shutil.which("ovs-vsctl")} --db={ovs.remote} "$@"')
    before = snapshot(), ovs.vsctl("list-ports", "br-int")

    def subject(number: int) -> Subject:
        vif = objects.vif.VIFVHostUser(
            id=identity(number),
            plugin="vhostuser_fp",
            address=f"02:00:00:00:00:{number:02x}",
            network=objects.network.Network(id=vif_id(99), bridge="br-int", mtu=1450),
            vif_name=f"vhu{number}",
            path=f"/tmp/socket-{number}",
            mode="server",
            port_profile=_profile(kind, number),
        )
        return Subject(os_vif.plan(vif, INSTANCE), os_vif.plan(vif))

    keeper = ScriptKeeper(Settings.of(cfg.CONF[SECTION]))
    subjects = [subject(number) for number in (1, 2, 3)]
    verdicts = list(examine(keeper, subjects, _make, _remove))
    assert [f"{v.action} {v.step}: {v.text}" for v in verdicts if not v.is_right] == []
    assert "add vhu1 --sockpath /tmp/socket-1 --sockmode client" in calls.read_text().splitlines()
    assert (snapshot(), ovs.vsctl("list-ports", "br-int")) == before


def _write(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_every_script_is_tried() -> None:
    assert {path.name for path in SHIPPED.iterdir()} == {*TOOLS, "vhostuser_fp"}


def _make(plan: Plan) -> None:
    _change(plan, remove=False)


def _remove(plan: Plan) -> None:
    _change(plan, remove=True)


def _change(plan: Plan, *, remove: bool) -> None:
    from os_vif.host import engine
    from os_vif.host.executor import execute

    (outcome,) = (engine.remove if remove else engine.apply)([engine.Job(plan, execute)])
    assert outcome is None
