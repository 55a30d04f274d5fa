"""Plug scripts on a real host: when they are run, with what, and what happens to the VIF when they fail."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from oslo_config import cfg
from tests.functional.script.conftest import SECTION
from tests.netns import ip, ip_json
from tests.snapshot import differences, snapshot
from tests.vifs import INSTANCE, vif_id

import os_vif
from os_vif import exception, objects

Script = Callable[[str], Path]


def vif(number: int = 1, script: str = "backend", **fields: Any) -> objects.vif.VIFGeneric:
    profile = objects.vif.VIFPortProfileScript(script=script, parameters={"zone": "a b"})
    network = objects.network.Network(id=vif_id(99), label="net", bridge="br-int", mtu=1450)
    return objects.vif.VIFGeneric(
        id=vif_id(number),
        plugin="script",
        vif_name=f"tap{number}",
        address=f"02:00:00:00:00:{number:02x}",
        network=network,
        port_profile=profile,
        **fields,
    )


def runs(scripts: Path) -> list[str]:
    """The actions and devices of the runs since the last call."""
    path = scripts / "runs"
    lines = path.read_text().splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return lines


def test_the_life_of_a_vif(scripts: Path, script: Script) -> None:
    script('[ "$1" != plug ] || { ip -o link show dev "$OS_VIF_NAME" > link; }')
    before = snapshot()
    os_vif.plug(vif(), INSTANCE)
    assert runs(scripts) == ["check tap1", "plug tap1"]
    assert "mtu 1450" in (scripts / "link").read_text()  # its link is ready before the script is run
    assert os_vif.check(vif()) == []
    os_vif.wait_ready(vif(), timeout=1)
    assert set(runs(scripts)) == {"check tap1"}

    os_vif.plug(vif(), INSTANCE)
    assert runs(scripts) == ["check tap1"]

    (scripts / f"plugged-{vif_id(1)}").unlink()
    (found,) = os_vif.check(vif())
    assert str(found).startswith("tap1: plug script backend: says that it is not plugged, exit code 1")
    runs(scripts)
    os_vif.repair(vif(), INSTANCE)
    assert "plug tap1" in runs(scripts)
    assert os_vif.check(vif()) == []

    runs(scripts)
    os_vif.unplug(vif(), INSTANCE)
    assert runs(scripts) == ["unplug tap1"]
    assert differences(before, snapshot()) == []
    os_vif.unplug(vif(), INSTANCE)
    assert runs(scripts) == ["unplug tap1"]  # what only the script knows of may still be there


def test_what_a_script_is_told(scripts: Path, script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    """The VIF as JSON and as variables, and nothing of our own environment, descriptors or session."""
    monkeypatch.setenv("SECRET", "1")
    script(
        'if [ "$1" = plug ]; then cat > input; cat /proc/$$/environ > environ; ls /proc/$$/fd > fds;'
        " ps -o sid= $$ > sid; fi"
    )
    descriptor = os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(descriptor, True)
    try:
        os_vif.plug(vif(), INSTANCE)
    finally:
        os.close(descriptor)
    told = json.loads((scripts / "input").read_text())
    assert told["vif"] == json.loads(objects.to_json(vif()))
    assert objects.from_json(json.dumps(told["instance_info"])).uuid == INSTANCE.uuid
    pairs = (p.partition("=") for p in (scripts / "environ").read_text().split("\0") if p)
    environment = {name: value for name, _, value in pairs}
    run = environment.pop("OS_VIF_RUN")
    assert len(run) == 32
    assert environment == {
        "PATH": cfg.CONF[SECTION].program_path,
        "LANG": "C.UTF-8",
        "OS_VIF_TYPE": "VIFGeneric",
        "OS_VIF_ID": vif_id(1),
        "OS_VIF_NAME": "tap1",
        "OS_VIF_TAP": "tap1",
        "OS_VIF_ADDRESS": "02:00:00:00:00:01",
        "OS_VIF_MTU": "1450",
        "OS_VIF_BRIDGE": "br-int",
        "OS_VIF_NETWORK_ID": vif_id(99),
        "OS_VIF_NETWORK_LABEL": "net",
        "OS_VIF_INSTANCE_ID": INSTANCE.uuid,
        "OS_VIF_INSTANCE_NAME": INSTANCE.name,
        "OS_VIF_PROFILE": "VIFPortProfileScript",
        "OS_VIF_PARAM_ZONE": "a b",
    }
    assert str(descriptor) not in (scripts / "fds").read_text().split()
    assert int((scripts / "sid").read_text()) != os.getsid(0)
    os_vif.unplug(vif(), INSTANCE)


def test_a_hybrid_vif(scripts: Path, script: Script) -> None:
    """The script connects the outer end of the veth pair."""
    script("")
    before = snapshot()
    hybrid = objects.vif.VIFBridge(
        id=vif_id(1),
        plugin="script",
        vif_name="tap1",
        bridge_name="qbr1",
        network=objects.network.Network(id=vif_id(99), mtu=1400),
        port_profile=objects.vif.VIFPortProfileScript(script="backend"),
    )
    outer, inner = (f"{prefix}{vif_id(1)}"[:14] for prefix in ("qvo", "qvb"))
    os_vif.plug(hybrid, INSTANCE)
    assert runs(scripts) == [f"check {outer}", f"plug {outer}"]
    assert ip_json("link", "show", inner)[0]["master"] == "qbr1"
    assert os_vif.check(hybrid) == []
    os_vif.unplug(hybrid, INSTANCE)
    assert differences(before, snapshot()) == []


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (3, exception.StepFailed, "exit code 3: no such zone"),
        (75, exception.TryAgainLater, "exit code 75: no such zone"),
        ("$(kill -9 $$)", exception.StepFailed, "it died of SIGKILL"),
    ],
    ids=["failed", "later", "killed"],
)
def test_a_script_that_fails(
    code: object, kind: type[Exception], words: str, scripts: Path, script: Script
) -> None:
    """It is undone by the script itself, the links go, and the error has the script's own words."""
    script(f'[ "$1" != plug ] || {{ echo no such zone >&2; touch "plugged-$OS_VIF_ID"; exit {code}; }}')
    before = snapshot()
    with pytest.raises(exception.PlugException) as caught:
        os_vif.plug(vif(), INSTANCE)
    assert isinstance(caught.value.__cause__, kind)
    assert words in str(caught.value)
    assert runs(scripts) == ["check tap1", "plug tap1", "unplug tap1"]
    assert not list(scripts.glob("plugged-*"))
    assert differences(before, snapshot()) == []


def test_one_of_many_fails(scripts: Path, script: Script) -> None:
    script('[ "$1 $OS_VIF_NAME" != "plug tap2" ] || exit 1')
    vifs = [vif(number) for number in (1, 2, 3)]
    with pytest.raises(exception.BulkError):
        os_vif.plug_many([(one, INSTANCE) for one in vifs])
    assert [os_vif.check(one) == [] for one in vifs] == [True, False, True]
    assert {link["ifname"] for link in ip_json("link", "show")} == {"lo", "tap1", "tap3"}
    os_vif.unplug_many([(one, INSTANCE) for one in vifs])


def test_a_script_that_takes_too_long_ends_with_its_children(scripts: Path, script: Script) -> None:
    """Also those that made a session of their own and ignore being asked."""
    cfg.CONF.set_override("script_timeout", 0.5, SECTION)
    marker = "86399.25"
    stubborn = f"setsid sh -c 'trap \"\" TERM; sleep {marker}; sleep {marker}'"
    script(f'[ "$1" != plug ] || {{ {stubborn} & sleep {marker}; }}')
    before, began = snapshot(), time.monotonic()
    with pytest.raises(exception.PlugException, match=r"ended after 0\.5 s"):
        os_vif.plug(vif(), INSTANCE)
    assert time.monotonic() - began < 15
    assert not _running(marker)
    assert differences(before, snapshot()) == []


def _running(word: str) -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if word.encode() in entry.read_bytes().split(b"\0"):
                found.append(str(entry))
        except OSError:
            continue
    return found


def _others_may_write(path: Path) -> None:
    path.chmod(0o777)


def _others_may_write_the_directory(path: Path) -> None:
    path.parent.chmod(0o777)


def _is_anothers(path: Path) -> None:
    os.chown(path, 12345, 12345)


def _leads_elsewhere(path: Path) -> None:
    path.unlink()
    path.symlink_to("/tmp/anybodys")


def _is_no_program(path: Path) -> None:
    path.write_text("echo plugged")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_others_may_write, r"backend can be written by others than root \(mode 777\)"),
        (_others_may_write_the_directory, r"can be written by others than root \(mode 777\)"),
        (_is_anothers, "belongs to user 12345, not to root"),
        (_leads_elsewhere, "/tmp can be written by others than root"),
        (_is_no_program, "is not a program"),
        (Path.unlink, "there is no plug script backend in"),
    ],
)
def test_a_script_that_is_not_fit_to_be_run(
    spoil: Callable[[Path], None], words: str, scripts: Path, script: Script
) -> None:
    spoil(script(""))
    before = snapshot()
    with pytest.raises(exception.PlugException, match=words):
        os_vif.plug(vif(), INSTANCE)
    assert runs(scripts) == []
    assert differences(before, snapshot()) == []


@pytest.mark.parametrize("name", ["../backend", "/bin/sh", "", ".", "a b", "-x"])
def test_a_name_that_leads_out_of_the_directories(name: str, scripts: Path) -> None:
    with pytest.raises(exception.PlugException, match=r"port_profile\.script"):
        os_vif.plug(vif(script=name), INSTANCE)


def test_the_device_of_another_vif_is_not_unplugged(scripts: Path, script: Script) -> None:
    script("")
    os_vif.plug(vif(), INSTANCE)
    runs(scripts)
    other = vif(2)
    other.vif_name = "tap1"
    os_vif.unplug(other, INSTANCE)
    assert runs(scripts) == []
    assert os_vif.check(vif()) == []
    os_vif.unplug(vif(), INSTANCE)


def test_a_link_that_went_is_made_and_plugged_again(scripts: Path, script: Script) -> None:
    """After a reboot of the backend the script says so; of the host, its link is gone as well."""
    script("")
    os_vif.plug(vif(), INSTANCE)
    ip("link", "del", "tap1")
    (scripts / f"plugged-{vif_id(1)}").unlink()
    runs(scripts)
    os_vif.plug(vif(), INSTANCE)
    assert runs(scripts) == ["check tap1", "plug tap1"]
    assert os_vif.check(vif()) == []
    os_vif.unplug(vif(), INSTANCE)
