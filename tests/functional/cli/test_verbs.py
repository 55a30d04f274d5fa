"""The commands on a real kernel: what they say is what `ip` says, and a host that was refused is as it was."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tests.commandline import CommandLine
from tests.netns import ip, ip_json
from tests.snapshot import snapshot
from tests.vifs import bridge_vif, mark, vif_id

from os_vif import objects

pytestmark = pytest.mark.usefixtures("netns")

VIF = ("--plugin", "linux_bridge", "--bridge", "br0", "--tap", "tap1", "--mac", "02:00:00:00:00:01")
FLAGS = (*VIF, "--create-bridge", "--mtu", "1450", "--filter", "--id", vif_id(1))


def _links() -> set[object]:
    return {link["ifname"] for link in ip_json("link")} - {"lo"}


def _file(path: Path, *numbers: int) -> str:
    path.write_text(json.dumps([json.loads(objects.to_json(bridge_vif(n, mtu=1450))) for n in numbers]))
    return str(path)


def test_the_life_of_a_vif(os_vif_command: CommandLine) -> None:
    before = snapshot()
    assert os_vif_command("check", *FLAGS).code == 1

    plugged = os_vif_command("plug", *FLAGS)
    assert (plugged.code, plugged.err) == (0, "")
    assert plugged.out == f"plugged: VIF {vif_id(1)} (tap1)\n"
    (tap,) = ip_json("link", "show", "tap1")
    assert (tap["master"], tap["mtu"], tap["ifalias"]) == ("br0", 1450, mark(1))
    assert os_vif_command("check", *FLAGS).code == 0

    ip("link", "set", "tap1", "nomaster", "mtu", 1400)
    broken = os_vif_command("check", *FLAGS)
    assert broken.code == 1
    rows = [re.split(r"\s{2,}", line) for line in broken.out.splitlines()[1:]]
    assert rows == [
        ["OBJECT", "ATTRIBUTE", "SHOULD BE", "IS", "WHAT HELPS"],
        ["tap1", "mtu", "1450", "1400", "plug or repair"],
        ["tap1", "master", "br0", "-", "plug or repair"],
    ]

    repaired = os_vif_command("repair", *FLAGS)
    assert repaired.code == 0
    assert "1400  1450" in repaired.out
    assert os_vif_command("repair", *FLAGS).out == f"VIF {vif_id(1)} (tap1): nothing to mend\n"
    assert os_vif_command("check", *FLAGS).code == 0

    assert os_vif_command("unplug", *FLAGS).code == 0
    assert _links() == {"br0"}
    assert os_vif_command("unplug", *FLAGS, "--shared").code == 0
    assert snapshot() == before
    assert os_vif_command("unplug", *FLAGS, "--shared").code == 0


def test_results_as_json(os_vif_command: CommandLine) -> None:
    json_flags = (*FLAGS, "-f", "json")
    assert os_vif_command("plug", *json_flags).data == [
        {"vif": vif_id(1), "result": "plugged", "error": None}
    ]
    assert os_vif_command("check", *json_flags).data == [{"vif": vif_id(1), "differences": []}]
    ip("link", "set", "tap1", "mtu", 1400)
    difference = {
        "object": "tap1",
        "attribute": "mtu",
        "expected": 1450,
        "actual": 1400,
        "remedy": "mend",
        "message": "tap1: mtu is 1400, should be 1450",
    }
    expected = [{"vif": vif_id(1), "differences": [difference]}]
    checked = os_vif_command("check", *json_flags)
    assert (checked.code, checked.data) == (1, expected)
    assert os_vif_command("repair", *json_flags).data == expected
    assert os_vif_command("list", "--shared", "-f", "json").data == [
        {
            "vif": None,
            "device": "br0",
            "kind": "bridge",
            "bridge": None,
            "mtu": 1450,
            "ofport": None,
            "tag": None,
            "state": "no carrier",
        },
        {
            "vif": vif_id(1),
            "device": "tap1",
            "kind": "tap",
            "bridge": "br0",
            "mtu": 1450,
            "ofport": None,
            "tag": None,
            "state": "no carrier",
        },
    ]
    assert os_vif_command("unplug", *json_flags, "--shared").data == [
        {"vif": vif_id(1), "result": "unplugged", "error": None}
    ]
    assert _links() == set()


def test_a_vif_in_flags_is_found_without_an_id(os_vif_command: CommandLine) -> None:
    ip("link", "add", "br0", "up", "type", "bridge")
    assert os_vif_command("plug", *VIF).code == 0
    assert os_vif_command("unplug", "--plugin", "linux_bridge", "--bridge", "br0", "--tap", "tap1").code == 0
    assert _links() == {"br0"}


def test_several_vifs_of_a_file(os_vif_command: CommandLine, tmp_path: Path) -> None:
    path = _file(tmp_path / "vifs.json", 1, 2, 3)
    assert os_vif_command("plug", path).out.count("plugged: VIF") == 3
    assert _links() == {"br0", "tap1", "tap2", "tap3"}
    ip("link", "delete", "tap2")
    checked = os_vif_command("check", path, "-f", "json")
    assert checked.code == 1
    assert [bool(entry["differences"]) for entry in json.loads(checked.out)] == [False, True, False]
    assert os_vif_command("repair", path).out.count("nothing to mend") == 2
    assert os_vif_command("check", path).code == 0
    assert os_vif_command("unplug", path, "--shared").code == 0
    assert _links() == set()


def test_one_of_several_that_fails_leaves_the_others(os_vif_command: CommandLine, tmp_path: Path) -> None:
    ip("link", "add", "tap2", "type", "veth", "peer", "name", "other")
    path = _file(tmp_path / "vifs.json", 1, 2)
    result = os_vif_command("plug", path, "-f", "json")
    assert result.code == 4
    assert [entry["result"] for entry in json.loads(result.out)] == ["plugged", "failed"]
    details = result.error["details"]
    assert isinstance(details, dict)
    assert list(details) == [vif_id(2)]
    for_people = os_vif_command("plug", path)
    assert for_people.out == f"plugged: VIF {vif_id(1)} (tap1)\n"
    assert for_people.err.startswith(f"error: 1 of 2 VIFs failed, the others are plugged\n  {vif_id(2)}: ")
    assert os_vif_command("check", _file(tmp_path / "one.json", 1)).code == 0
    # a repair of both mends the one that can be mended
    ip("link", "set", "tap1", "mtu", 1400)
    assert os_vif_command("repair", path).code == 4
    assert os_vif_command("check", _file(tmp_path / "one.json", 1)).code == 0


@pytest.mark.parametrize(
    ("prepare", "flags", "words"),
    [
        ("link add tap1 type veth peer name other", VIF, "tap1: is a veth"),
        ("link add br1 type veth peer name other", (*VIF, "--bridge", "br1"), "br1: is a veth, not a bridge"),
        ("link add br0 type bridge", (*VIF, "--bridge", "br9"), "br9: no such bridge"),
        (
            "link add br0 type bridge",
            (*VIF, "--filter", "--create-bridge", "--nic", "eth9"),
            "eth9: no such network device",
        ),
    ],
)
def test_what_is_refused_leaves_the_host_as_it_was(
    os_vif_command: CommandLine, prepare: str, flags: tuple[str, ...], words: str
) -> None:
    ip(*prepare.split())
    before = snapshot()
    for verb in (("plug",), ("plug", "--dry-run"), ("repair",)):
        result = os_vif_command(*verb, *flags)
        assert result.code == 4
        assert words in result.err.splitlines()[0]
        assert snapshot() == before
    checked = os_vif_command("check", *flags)
    assert checked.code == 1
    assert words in checked.out


def test_a_tap_of_another_vif_is_refused(os_vif_command: CommandLine) -> None:
    os_vif_command("plug", *FLAGS)
    before = snapshot()
    result = os_vif_command("plug", *FLAGS, "--id", vif_id(2))
    assert result.code == 4
    assert vif_id(1) in result.err
    assert vif_id(2) in result.err
    assert os_vif_command("unplug", *FLAGS, "--id", vif_id(2)).code == 0
    assert snapshot() == before


@pytest.mark.parametrize("rules", ["--filter", "--no-filter"])
def test_a_dry_run_tells_what_happens_and_changes_nothing(os_vif_command: CommandLine, rules: str) -> None:
    flags = (*FLAGS, rules)
    before = snapshot()
    first = os_vif_command("plug", *flags, "--dry-run")
    assert first.code == 0
    assert "create bridge br0" in first.out
    assert "create tap tap1" in first.out
    assert ("filter rules" in first.out) == (rules == "--no-filter")
    assert snapshot() == before

    os_vif_command("plug", *flags)
    plugged = snapshot()
    assert os_vif_command("plug", *flags, "--dry-run").out == "nothing to do\n"
    unplug = os_vif_command("unplug", *flags, "--shared", "--dry-run", "-f", "json").data
    assert isinstance(unplug, dict)
    steps = [step["step"] for step in unplug["steps"]]
    assert (steps[0], steps[-1]) == ("delete tap1", "delete br0")
    assert {vif for step in unplug["steps"] for vif in step["vifs"]} == {vif_id(1)}
    assert "delete br0" not in os_vif_command("unplug", *flags, "--dry-run").out
    assert snapshot() == plugged

    ip("link", "set", "tap1", "mtu", 1400)
    assert os_vif_command("plug", *flags, "--dry-run").out.splitlines()[1:] == ["  set mtu 1450 on tap1"]


def test_a_dry_run_of_several_says_which_step_is_whose(os_vif_command: CommandLine, tmp_path: Path) -> None:
    path = _file(tmp_path / "vifs.json", 1, 2)
    data = os_vif_command("plug", path, "--dry-run", "-f", "json").data
    assert isinstance(data, dict)
    whose = {step["step"]: step["vifs"] for step in data["steps"]}
    assert whose["create bridge br0"] == [vif_id(1), vif_id(2)]
    assert whose["create tap tap1"] == [vif_id(1)]
    assert whose["create tap tap2"] == [vif_id(2)]

    ip("link", "add", "tap2", "type", "veth", "peer", "name", "other")
    refused = os_vif_command("plug", path, "--dry-run", "-f", "json")
    assert refused.code == 4
    assert list(json.loads(refused.out)["refused"]) == [vif_id(2)]
    assert "tap2" not in str(json.loads(refused.out)["steps"])

    os_vif_command("plug", _file(tmp_path / "one.json", 1))
    # the bridge stays where another VIF is on it
    ip("link", "delete", "tap2")
    os_vif_command("plug", path)
    steps = os_vif_command("unplug", _file(tmp_path / "one.json", 1), "--shared", "--dry-run").out
    assert steps.splitlines()[1:] == ["  delete tap1"]


def test_list(os_vif_command: CommandLine, tmp_path: Path) -> None:
    assert os_vif_command("list").out == "no VIF is plugged on this host\n"
    os_vif_command("plug", _file(tmp_path / "vifs.json", 1, 2))
    ip("link", "add", "other", "type", "bridge")
    ip("tuntap", "add", "tap9", "mode", "tap")
    ip("link", "set", "tap9", "alias", "somebody else's")
    ip("link", "set", "tap2", "down")
    rows = [line.split() for line in os_vif_command("list").out.splitlines()]
    assert rows == [
        ["VIF", "DEVICE", "KIND", "BRIDGE", "MTU", "STATE"],
        [vif_id(1), "tap1", "tap", "br0", "1450", "no", "carrier"],
        [vif_id(2), "tap2", "tap", "br0", "1450", "down"],
    ]
    assert "shared" not in os_vif_command("list").out
    assert "shared" in os_vif_command("list", "--shared").out


def test_a_mark_cannot_play_with_the_terminal(os_vif_command: CommandLine) -> None:
    ip("tuntap", "add", "tap9", "mode", "tap")
    ip("link", "set", "tap9", "alias", "os-vif:\x1b[2Jgone")
    result = os_vif_command("list")
    assert "\\x1b[2Jgone" in result.out
    assert "\x1b" not in result.out


def test_gc(os_vif_command: CommandLine, tmp_path: Path) -> None:
    ip("tuntap", "add", "tap9", "mode", "tap")
    ip("link", "add", "other", "type", "bridge")
    ip("link", "set", "other", "alias", "os-vif is not a mark")
    os_vif_command("plug", _file(tmp_path / "vifs.json", 1, 2, 3))
    everything = snapshot()

    dry = os_vif_command("gc", "--keep", "-", "--dry-run", stdin=vif_id(2))
    assert dry.out.splitlines() == [f"would remove tap{n} of VIF {vif_id(n)}" for n in (1, 3)]
    assert os_vif_command("gc", "--keep", "-", stdin="").code == 2
    assert snapshot() == everything

    swept = os_vif_command("gc", "--keep", "-", stdin=vif_id(2).upper())
    assert (swept.code, swept.err) == (0, "")
    assert swept.out.splitlines() == [f"removed tap{n} of VIF {vif_id(n)}" for n in (1, 3)]
    assert _links() == {"br0", "tap2", "tap9", "other"}
    assert os_vif_command("check", _file(tmp_path / "two.json", 2)).code == 0

    again = os_vif_command("gc", "--keep", _file(tmp_path / "two.json", 2))
    assert again.out == "nothing to remove\n"
    last = os_vif_command("gc", "--keep-none", "-f", "json").data
    assert last == [{"vif": vif_id(2), "device": "tap2", "removed": True}]
    # a bridge that was shared is not a VIF's, however unused
    assert _links() == {"br0", "tap9", "other"}


def test_gc_says_what_it_may_not_remove(os_vif_command: CommandLine) -> None:
    ip("link", "add", "tap8", "type", "vxlan", "id", 5, "dstport", 4789)
    ip("link", "set", "tap8", "alias", mark(8))
    before = snapshot()
    result = os_vif_command("gc", "--keep-none")
    assert result.code == 4
    assert "tap8" in result.err
    assert snapshot() == before
