"""The scripts that come with os-vif keep the contract for scripts, with stand-ins for the tools of their backends.

The tools cannot be had here; a stand-in notes how it was called.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from oslo_config import cfg
from tests.functional.script.conftest import SECTION
from tests.vifs import INSTANCE, vif_id

import os_vif
import vif_plug_script
from os_vif import objects
from os_vif.host.plan import Plan
from os_vif.host.scripts.conformance import Subject, examine
from os_vif.host.scripts.keeper import ScriptKeeper, Settings

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
    tool = scripts / "bin" / TOOLS[name]
    tool.write_text(f'#!/bin/sh\necho "$*" >> {calls}\n')
    tool.chmod(0o755)
    keeper = ScriptKeeper(Settings.of(cfg.CONF[SECTION]))
    subjects = [_subject(name, number) for number in (1, 2, 3)]
    verdicts = list(examine(keeper, subjects, _make, _remove))
    assert [f"{v.action} {v.step}: {v.text}" for v in verdicts if not v.is_right] == []
    assert calls.read_text()  # the tool was asked


def test_every_script_is_tried() -> None:
    """All but that of the fast path, whose tool makes devices."""
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
