"""VIFs of the plugin ovs in flags: which kind of VIF they are, and what no VIF can be."""

from __future__ import annotations

import json

import pytest
from tests.commandline import CommandLine

from os_vif import objects
from os_vif.cli import flags
from os_vif.cli.arguments import Datapath, Mode, VifArguments

UUID = "00000000-0000-4000-8000-000000000001"
FLAGS = ("--plugin", "ovs", "--bridge", "br-int", "--tap", "tap1")
VHOST_USER = ("--plugin", "ovs", "--bridge", "br-int", "--vhost-user", "/run/vhu1")
objects.register_all()


def _vif(**given: object) -> objects.vif.VIFBase:
    base: dict[str, object] = {"plugin": "ovs", "bridge": "br-int", "tap": "tap1", "vif_id": UUID}
    return flags.vif(VifArguments(**(base | given)))  # type: ignore[arg-type]  # each test gives right types


def test_a_port_and_its_tap() -> None:
    vif = _vif(
        mac="02:00:00:00:00:0A",
        mtu=1450,
        datapath=Datapath.NETDEV,
        multiqueue=True,
        interface_id=UUID[:-1] + "2",
    )
    profile = vif.port_profile
    assert isinstance(vif, objects.vif.VIFOpenVSwitch)
    assert isinstance(profile, objects.vif.VIFPortProfileOpenVSwitch)
    assert (vif.id, vif.vif_name, vif.bridge_name, vif.address) == (
        UUID,
        "tap1",
        "br-int",
        "02:00:00:00:00:0a",
    )
    assert (profile.create_port, profile.create_tap, profile.multiqueue) == (True, True, True)
    assert (profile.interface_id, profile.datapath_type) == (UUID[:-1] + "2", "netdev")
    assert vif.network is not None
    assert (vif.network.bridge, vif.network.mtu) == ("br-int", 1450)


def test_what_is_not_said_is_derived_or_left_open() -> None:
    profile = _vif().port_profile
    assert isinstance(profile, objects.vif.VIFPortProfileOpenVSwitch)
    assert (profile.interface_id, profile.datapath_type) == (UUID, None)


def test_hybrid() -> None:
    vif = _vif(hybrid=True)
    assert isinstance(vif, objects.vif.VIFBridge)
    assert isinstance(vif.port_profile, objects.vif.VIFPortProfileOpenVSwitch)
    assert (vif.vif_name, vif.bridge_name) == ("tap1", "qbr00000000-00")
    assert not vif.port_profile.create_tap


@pytest.mark.parametrize(
    ("mode", "said"), [(None, "server"), (Mode.CLIENT, "client"), (Mode.SERVER, "server")]
)
def test_vhost_user(mode: Mode | None, said: str) -> None:
    vif = _vif(tap=None, vhost_user="/run/vhu1", mode=mode)
    assert isinstance(vif, objects.vif.VIFVHostUser)
    assert (vif.path, vif.mode) == ("/run/vhu1", said)


def test_derived_ids_are_pinned() -> None:
    # an unplug by another version of the command must find what this one plugged
    assert _vif(vif_id=None).id == "1585f3bb-0504-594b-b71a-26f96bc011da"
    assert _vif(vif_id=None, hybrid=True, bridge="br1").id == _vif(vif_id=None).id
    assert _vif(vif_id=None, tap=None, vhost_user="/run/vhu1").id == "cececc30-bfa5-5745-b5ca-d6748c65dae5"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--plugin", "ovs", "--bridge", "br-int"), "lacks --tap"),
        (("--plugin", "ovs", "--tap", "tap1"), "lacks --bridge"),
        ((*FLAGS, "--create-bridge"), "--create-bridge is for plugin linux_bridge, not for ovs"),
        ((*FLAGS, "--no-filter", "--nic", "eth0"), "--nic is for plugin linux_bridge"),
        ((*FLAGS, "--filter"), "--filter is for plugin linux_bridge"),
        ((*FLAGS, "--mode", "client"), "--mode says whose the socket is"),
        ((*FLAGS, "--mode", "both"), "--mode"),
        ((*FLAGS, "--datapath", "kernel"), "--datapath"),
        ((*FLAGS, "--interface-id", "x"), "--interface-id: 'x' is not a UUID"),
        ((*FLAGS, "--vhost-user", "/run/x"), "--tap and --vhost-user were both given"),
        ((*VHOST_USER, "--hybrid"), "--hybrid and --vhost-user were both given"),
        ((*VHOST_USER, "--multiqueue"), "--multiqueue is for a tap that os-vif creates"),
        ((*FLAGS, "--hybrid", "--multiqueue"), "--multiqueue is for a tap that os-vif creates"),
        ((*FLAGS, "--tap", "sixteencharacter"), "16 bytes long"),
        ((*FLAGS, "--bridge", "a/b"), "contains '/'"),
        ((*FLAGS, "--mac", "2"), "is not a MAC address"),
        (
            ("--plugin", "linux_bridge", "--bridge", "br0", "--tap", "t", "--hybrid"),
            "--hybrid is for plugin ovs",
        ),
        (("-", "--hybrid"), "both given"),
    ],
)
@pytest.mark.parametrize("verb", ["plan", "plug", "wait"])
def test_bad_command_lines(
    os_vif_command: CommandLine, verb: str, arguments: tuple[str, ...], words: str
) -> None:
    result = os_vif_command(verb, *arguments)
    assert (result.code, result.out) == (2, "")
    assert words in result.err.splitlines()[0]


def test_a_plan_in_words(os_vif_command: CommandLine) -> None:
    table = os_vif_command(
        "plan", *FLAGS, "--id", UUID, "--mac", "02:00:00:00:00:01", "--datapath", "netdev"
    ).out
    assert "br-int  Open vSwitch bridge, datapath netdev" in table
    assert f"tap1    Open vSwitch port of br-int, iface-id {UUID}" in table
    hybrid = os_vif_command("plan", *FLAGS, "--id", UUID, "--mac", "02:00:00:00:00:01", "--hybrid").out
    assert "qvb00000000-00  veth, peer qvo00000000-00, mtu 1500, IPv6 off, up" in hybrid


def test_ovsdb_is_for_one_run(os_vif_command: CommandLine) -> None:
    plan = ("plan", *FLAGS, "--mac", "02:00:00:00:00:01", "-f", "json")
    for remote in ("unix:/run/other.sock", "tcp:192.0.2.1:6640"):
        said = json.loads(os_vif_command(*plan, "--ovsdb", remote).out)
        assert {r["database"] for r in said[0]["resources"] if "database" in r} == {remote}
    default = json.loads(os_vif_command(*plan).out)
    assert {r["database"] for r in default[0]["resources"] if "database" in r} == {"tcp:127.0.0.1:6640"}
