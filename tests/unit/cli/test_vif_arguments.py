"""One VIF in flags is the VIF that a FILE would say; what is derived is the same in every process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.commandline import CommandLine
from tests.vifs import bridge_vif

import os_vif
from os_vif import objects
from os_vif.cli import input as given
from os_vif.cli.arguments import VifArguments

UUID = "00000000-0000-4000-8000-000000000001"


@pytest.fixture(autouse=True)
def _initialized() -> None:
    os_vif.initialize()


def _card(**flags: object) -> given.Card:
    base: dict[str, object] = {"plugin": "linux_bridge", "bridge": "br0", "tap": "tap1"}
    (card,) = given.cards(VifArguments(**(base | flags)))  # type: ignore[arg-type]  # each test gives right types
    return card


def test_the_shortest_command_line() -> None:
    vif, instance_info = _card()
    assert isinstance(vif, objects.vif.VIFBridge)
    assert (vif.plugin, vif.vif_name, vif.bridge_name, vif.address) == ("linux_bridge", "tap1", "br0", None)
    assert not vif.has_traffic_filtering
    assert isinstance(vif.port_profile, objects.vif.VIFPortProfileLinuxBridge)
    assert vif.port_profile.create_tap
    assert vif.network is not None
    assert not vif.network.should_provide_bridge
    assert instance_info.uuid == vif.id


def test_every_flag_reaches_its_field() -> None:
    vif, instance_info = _card(
        mac="02:00:00:00:00:0A",
        vif_id=UUID,
        instance=UUID[:-1] + "2",
        mtu=1450,
        create_bridge=True,
        nic="eth0",
        vlan=7,
        filtered=True,
        multiqueue=True,
    )
    network = vif.network
    assert isinstance(vif, objects.vif.VIFBridge)
    assert isinstance(vif.port_profile, objects.vif.VIFPortProfileLinuxBridge)
    assert network is not None
    assert (vif.id, vif.address, vif.has_traffic_filtering) == (UUID, "02:00:00:00:00:0a", True)
    assert vif.port_profile.multiqueue
    assert (network.mtu, network.bridge_interface, network.vlan) == (1450, "eth0", 7)
    assert (network.should_provide_bridge, network.should_provide_vlan) == (True, True)
    assert instance_info.uuid == UUID[:-1] + "2"


def test_the_derived_id_depends_on_plugin_and_tap_alone() -> None:
    # pinned: an unplug by another version of the command must find what this one plugged
    assert _card().vif.id == "220ade09-2531-5c7d-9b79-11bc84754869"
    assert _card(mtu=1400, mac="02:00:00:00:00:01", bridge="br1").vif.id == _card().vif.id
    assert _card(tap="tap2").vif.id != _card().vif.id


def test_a_vif_in_flags_survives_the_wire() -> None:
    vif = _card(create_bridge=True, mtu=1450, mac="02:00:00:00:00:01").vif
    assert objects.to_json(objects.from_json(objects.to_json(vif))) == objects.to_json(vif)


def _file(path: Path, value: object) -> str:
    path.write_text(json.dumps(value))
    return str(path)


def test_the_forms_of_a_file(tmp_path: Path) -> None:
    first, second = (json.loads(objects.to_json(bridge_vif(n))) for n in (1, 2))
    guest = objects.instance_info.InstanceInfo(uuid=UUID, name="guest", project_id="p")
    pair = {"vif": second, "instance_info": json.loads(objects.to_json(guest))}

    one = given.cards(VifArguments(file=_file(tmp_path / "one", first)))
    both = given.cards(VifArguments(file=_file(tmp_path / "both", [first, pair])))
    bare = given.cards(VifArguments(file=_file(tmp_path / "bare", {"vif": first})))

    assert (
        [card.vif.id for card in one]
        == [card.vif.id for card in bare]
        == [first["versioned_object.data"]["id"]]
    )
    assert one[0].instance_info.uuid == one[0].vif.id
    assert [card.vif.vif_name for card in both] == ["tap1", "tap2"]  # type: ignore[attr-defined]  # VIFBridge has it
    assert both[1].instance_info.name == "guest"


def test_forms_of_a_list_of_ids(tmp_path: Path) -> None:
    path = tmp_path / "keep"
    vif = json.loads(objects.to_json(bridge_vif(2)))
    other = UUID[:-1] + "2"
    for text in (
        f"{UUID}\n# a comment\n\n  {other} # another\n",
        json.dumps([UUID, other]),
        json.dumps([UUID, vif]),
        json.dumps([UUID, {"vif": vif, "instance_info": {}}]),
    ):
        path.write_text(text)
        assert given.vif_ids(str(path)) == [UUID, other]


def test_plan_needs_no_host(os_vif_command: CommandLine) -> None:
    arguments = ("plan", "--plugin", "linux_bridge", "--bridge", "br0", "--tap", "tap1", "--create-bridge")
    table = os_vif_command(*arguments, "--filter")
    assert [line.split()[0] for line in table.out.splitlines()] == ["OBJECT", "br0", "tap1", "tap1"]
    (plan,) = json.loads(os_vif_command(*arguments, "--filter", "-f", "json").out)
    assert [r["resource"] for r in plan["resources"]] == ["Bridge", "Tap", "BridgePort"]
    assert [r["ownership"] for r in plan["resources"]] == ["shared", "owned", "owned"]


def test_a_tap_on_its_own() -> None:
    arguments = VifArguments(plugin="tap", tap="tap1", mac="02:00:00:00:00:0A", mtu=1450, multiqueue=True)
    ((vif, _),) = given.cards(arguments)
    assert isinstance(vif, objects.vif.VIFGeneric)
    assert (vif.plugin, vif.vif_name, vif.address) == ("tap", "tap1", "02:00:00:00:00:0a")
    assert isinstance(vif.port_profile, objects.vif.VIFPortProfileTap)
    assert vif.port_profile.multiqueue
    assert "mac_address" not in vif.port_profile  # --mac is the guest's
    assert vif.network is not None
    assert vif.network.mtu == 1450
