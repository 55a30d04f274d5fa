"""Input that is wrong: one clear line, a hint, the right exit code, and never a traceback."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.commandline import CommandLine
from tests.vifs import bridge_vif

from os_vif import objects

FLAGS = ("--plugin", "linux_bridge", "--bridge", "br0", "--tap", "tap1")


_network = bridge_vif().network
assert _network is not None
NETWORK = objects.to_json(_network)


def _vif(change: Callable[[dict[str, Any]], object] = lambda vif: None) -> str:
    vif = json.loads(objects.to_json(bridge_vif()))
    change(vif)
    return json.dumps(vif)


def _set(field: str, value: object) -> Callable[[dict[str, Any]], object]:
    return lambda vif: vif["versioned_object.data"].update({field: value})


def _drop(field: str) -> Callable[[dict[str, Any]], object]:
    return lambda vif: vif["versioned_object.data"].pop(field)


INPUTS = {
    "empty": ("", "standard input is not JSON"),
    "not JSON": ("{vif}", "standard input is not JSON"),
    "cut off": (_vif()[:-1], "standard input is not JSON"),
    "not UTF-8": ("\ufffe", "is not JSON"),
    "a number": ("42", "is no VIF"),
    "null": ("null", "is no VIF"),
    "an empty list": ("[]", "an empty list"),
    "a list of numbers": ("[1]", "standard input, entry 1: is no VIF"),
    "a list in a list": ("[[]]", "standard input, entry 1: is no VIF"),
    "an empty object": ("{}", "is no VIF"),
    "another object": (json.dumps({"name": "x"}), "is no VIF"),
    "a second entry that is none": (f"[{_vif()}, 7]", "standard input, entry 2: is no VIF"),
    "vif is a string": (json.dumps({"vif": "tap1"}), "was expected"),
    "an unknown key": (f'{{"vif": {_vif()}, "instance": 1}}', "'instance' is not known"),
    "instance_info is null": (f'{{"vif": {_vif()}, "instance_info": null}}', "InstanceInfo was expected"),
    "instance_info is a VIF": (f'{{"vif": {_vif()}, "instance_info": {_vif()}}}', "is not a InstanceInfo"),
    "a network": (NETWORK, "Network is not a VIF"),
    "an unknown class": (_vif(lambda v: v.update({"versioned_object.name": "VIFNew"})), "VIFNew"),
    "another project": (_vif(lambda v: v.update({"versioned_object.namespace": "nova"})), "namespace"),
    "a newer version": (_vif(lambda v: v.update({"versioned_object.version": "1.9"})), "1.9"),
    "no version": (_vif(lambda v: v.pop("versioned_object.version")), "version"),
    "no data": (_vif(lambda v: v.pop("versioned_object.data")), "data"),
    "data is a list": (_vif(lambda v: v.update({"versioned_object.data": []})), "data"),
    "id is no UUID": (_vif(_set("id", "tap1")), "is not a UUID"),
    "id is missing": (_vif(_drop("id")), "has no id"),
    "the plugin is missing": (_vif(_drop("plugin")), "plugin"),
    "vif_name is a number": (_vif(_set("vif_name", 5)), "VIFBridge.vif_name"),
    "vif_name is missing": (_vif(_drop("vif_name")), "vif_name: is not set"),
    "bridge_name is missing": (_vif(_drop("bridge_name")), "bridge_name: is not set"),
    "16 characters": (_vif(_set("vif_name", "sixteencharacter")), "16 bytes long"),
    "a slash": (_vif(_set("vif_name", "../tap1")), "contains '/'"),
    "a control character": (_vif(_set("vif_name", "tap\x1b[2J")), "control character"),
    "no MAC": (_vif(_set("address", "02:00")), "VIFBridge.address"),
    "MTU of a string": (
        _vif(lambda v: v["versioned_object.data"]["network"]["versioned_object.data"].update(mtu="big")),
        "VIFBridge.network.mtu",
    ),
    "MTU out of range": (
        _vif(lambda v: v["versioned_object.data"]["network"]["versioned_object.data"].update(mtu=1)),
        "network.mtu",
    ),
}
# the plugin is looked up before anything else is looked at
CODES = {"the plugin is missing": 3}


@pytest.mark.parametrize("verb", ["plan", "plug", "check", "repair", "unplug"])
@pytest.mark.parametrize(
    ("text", "words", "code"), [(*v, CODES.get(k, 2)) for k, v in INPUTS.items()], ids=INPUTS
)
def test_bad_vifs(os_vif_command: CommandLine, verb: str, text: str, words: str, code: int) -> None:
    for_people = os_vif_command(verb, "-", stdin=text)
    for_programs = os_vif_command(verb, "-", "-f", "json", stdin=text)

    first, *rest = for_people.err.splitlines()
    assert for_people.code == for_programs.code == code
    assert first.startswith("error: ")
    assert words in first
    assert all(line.startswith("hint: ") for line in rest)
    assert len(rest) <= 1
    assert for_people.err.replace("\n", "").isprintable()
    assert for_programs.error["exit_code"] == code
    assert words in str(for_programs.error["error"])


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "no VIF was given"),
        (("-", *FLAGS), 2, "both given"),
        (("missing.json",), 2, "missing.json cannot be read: No such file"),
        (("/",), 2, "cannot be read: Is a directory"),
        (("--plugin", "linux_bridge"), 2, "lacks --tap"),
        (("--plugin", "linux_bridge", "--tap", "tap1"), 2, "lacks --bridge"),
        (("--plugin", "tap"), 2, "lacks --tap"),
        (("--plugin", "tap", "--tap", "tap1", "--bridge", "br0"), 2, "--bridge is not for plugin tap"),
        (
            ("--plugin", "tap", "--tap", "tap1", "--hybrid"),
            2,
            "--hybrid is for plugin ovs or script, not for tap",
        ),
        (("--bridge", "br0", "--tap", "tap1"), 2, "names no plugin"),
        ((*FLAGS, "--mac", "2"), 2, "--mac: '2' is not a MAC address"),
        ((*FLAGS, "--id", "x"), 2, "--id: 'x' is not a UUID"),
        ((*FLAGS, "--instance", "x"), 2, "--instance: 'x' is not a UUID"),
        ((*FLAGS, "--mtu", "1"), 2, "--mtu"),
        ((*FLAGS, "--mtu", "big"), 2, "--mtu"),
        ((*FLAGS, "--vlan", "4095"), 2, "--vlan"),
        ((*FLAGS, "--vlan", "7"), 2, "--vlan says how the bridge is made"),
        ((*FLAGS, "--nic", "eth0"), 2, "--nic says how the bridge is made"),
        ((*FLAGS, "--vlan", "7", "--create-bridge"), 2, "network.bridge_interface"),
        ((*FLAGS, "--config-file", "missing.conf"), 2, "missing.conf"),
        ((*FLAGS, "--nonsense"), 2, "No such option: --nonsense"),
        ((*FLAGS, "--tap", "sixteencharacter"), 2, "16 bytes long"),
        ((*FLAGS, "--tap", "a/b"), 2, "contains '/'"),
        ((*FLAGS, "--tap", ""), 2, "non-empty"),
        (("--plugin", "nope", "--bridge", "br0", "--tap", "tap1"), 3, "No VIF plugin is named nope"),
        (("--plugin", "noop", "--tap", "tap1"), 2, "cannot be given in flags"),
    ],
)
def test_bad_command_lines(
    os_vif_command: CommandLine, arguments: tuple[str, ...], code: int, words: str
) -> None:
    for_people = os_vif_command("plug", *arguments)
    for_programs = os_vif_command("plug", *arguments, "-f", "json")
    assert (for_people.code, for_people.out) == (code, "")
    assert words in for_people.err.splitlines()[0]
    assert for_programs.error["exit_code"] == for_programs.code == code


def test_unknown_plugin_lists_those_installed(os_vif_command: CommandLine) -> None:
    result = os_vif_command("plug", "--plugin", "nope", "--tap", "tap1")
    assert result.code == 3
    assert "linux_bridge" in result.err


@pytest.mark.parametrize(
    "arguments", [("nonsense",), ("--nonsense",), ("plug", "-f", "xml"), ("plug", "a", "b")]
)
def test_bad_usage(os_vif_command: CommandLine, arguments: tuple[str, ...]) -> None:
    result = os_vif_command(*arguments)
    assert result.code == 2
    assert result.err.startswith("error: ")
    assert "\nhint: see 'os-vif" in result.err


def test_a_broken_configuration_file_is_bad_input(os_vif_command: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "os-vif.conf"
    path.write_text("no section = 1\n[")
    result = os_vif_command("check", *FLAGS, "--config-file", path)
    assert result.code == 2
    assert str(path) in result.err


def test_a_plugin_without_plans_cannot_be_checked(os_vif_command: CommandLine) -> None:
    vif = objects.vif.VIFVHostUser(
        id=bridge_vif().id, plugin="noop", vif_name="vhu1", path="/run/vhu1", mode="client"
    )
    text = objects.to_json(vif)
    assert os_vif_command("plug", "-", stdin=text).code == 0
    assert os_vif_command("check", "-", stdin=text).code == 3
    assert os_vif_command("plan", "-", stdin=text).code == 3
    assert os_vif_command("unplug", "-", stdin=text).code == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no VIF to keep"),
        ("# none\n\n", "no VIF to keep"),
        ("[]", "no VIF to keep"),
        ("tap1\n", "line 1: 'tap1' is not a VIF id"),
        ("[1]", "entry 1: no VIF id"),
        ("[null]", "entry 1: no VIF id"),
        ('["tap1"]', "entry 1: 'tap1' is not a VIF id"),
        ("[{}]", "entry 1: no VIF id"),
        ("{}", "no VIF id"),
        ("[", "is not JSON"),
        (NETWORK, "no VIF id"),
        (b"\xff\xfe", "is not text"),
    ],
)
@pytest.mark.usefixtures("netns")
def test_gc_refuses_a_keep_list_it_does_not_understand(
    os_vif_command: CommandLine, text: str | bytes, words: str
) -> None:
    result = os_vif_command("gc", "--keep", "-", stdin=text)
    assert (result.code, result.out) == (2, "")
    assert words in result.err


@pytest.mark.parametrize("arguments", [(), ("--keep", "-", "--keep-none"), ("--keep", "missing")])
def test_gc_wants_to_be_told_what_to_keep(os_vif_command: CommandLine, arguments: tuple[str, ...]) -> None:
    assert os_vif_command("gc", *arguments).code == 2
