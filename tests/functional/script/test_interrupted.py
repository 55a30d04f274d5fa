"""Plug scripts when things go wrong around them: processes that die, two at once, and a daemon that runs them."""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from oslo_config import cfg
from tests.faults import killed_at
from tests.functional.script.conftest import SECTION
from tests.functional.script.test_script import runs, vif
from tests.netns import ip_json
from tests.snapshot import differences, snapshot
from tests.together import at_once
from tests.vifs import INSTANCE, vif_id

import os_vif
from os_vif import exception
from vif_plug_script import privsep

Script = Callable[[str], Path]


def test_a_process_that_dies_anywhere_leaves_what_the_next_one_finishes(
    scripts: Path, script: Script
) -> None:
    script("")
    before = snapshot()
    for at in range(1, 40):
        died = killed_at(at, lambda: os_vif.plug(vif(), INSTANCE))
        os_vif.plug(vif(), INSTANCE)
        assert os_vif.check(vif()) == []
        killed_at(at, lambda: os_vif.unplug(vif(), INSTANCE))
        os_vif.unplug(vif(), INSTANCE)
        assert differences(before, snapshot()) == []
        assert not (scripts / f"plugged-{vif_id(1)}").exists()
        if not died:
            return
    pytest.fail("a plug has that many steps?")


def test_the_script_ends_with_the_process_that_runs_it(scripts: Path, script: Script) -> None:
    """Nobody would hold it to its time any more, nor keep others from beginning meanwhile."""
    script('[ "$1" != plug ] || { echo $$ > pid; exec sleep 86398; }')
    plugging = threading.Thread(target=_plug_in_a_child, args=(scripts,))
    plugging.start()
    plugging.join(30)
    pid = int((scripts / "pid").read_text())
    deadline = time.monotonic() + 5
    while Path(f"/proc/{pid}/cmdline").exists() and b"86398" in Path(f"/proc/{pid}/cmdline").read_bytes():
        assert time.monotonic() < deadline, "the script lives on"
        time.sleep(0.02)
    script("")
    os_vif.plug(vif(), INSTANCE)
    assert os_vif.check(vif()) == []


def _plug_in_a_child(scripts: Path) -> None:
    import os
    import signal

    child = os.fork()
    if child == 0:
        try:
            os_vif.plug(vif(), INSTANCE)
        finally:
            os._exit(0)
    deadline = time.monotonic() + 20
    while not (scripts / "pid").exists() or not (scripts / "pid").read_text().strip():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def test_two_processes_that_plug_the_same_vif_run_the_script_once(scripts: Path, script: Script) -> None:
    script('[ "$1" != plug ] || sleep 0.2')
    at_once([lambda: os_vif.plug(vif(), INSTANCE)] * 4, prepare=lambda: os_vif.plan(vif()))
    assert runs(scripts).count("plug tap1") == 1
    assert os_vif.check(vif()) == []
    at_once([lambda: os_vif.plug(vif(), INSTANCE), lambda: os_vif.unplug(vif(), INSTANCE)] * 2)
    plugged = (scripts / f"plugged-{vif_id(1)}").exists()
    there = "tap1" in [link["ifname"] for link in ip_json("link", "show")]
    assert plugged == there  # all of it, or nothing
    os_vif.unplug(vif(), INSTANCE)


@pytest.fixture
def daemon(scripts: Path, tmp_path: Path) -> Iterator[None]:
    """A real privsep daemon, with a configuration of its own; stopped at the end."""
    section = "vif_plug_script_privileged"
    file = tmp_path / "os-vif.conf"
    file.write_text(f"[{SECTION}]\nscript_path = {scripts}\nscript_timeout = 5\n")
    helper = Path(sys.executable).with_name("privsep-helper")
    cfg.CONF([], project="os-vif-tests", default_config_files=[])
    cfg.CONF.set_override("helper_command", f"{helper} --config-file {file}", section)
    threads = set(threading.enumerate())
    try:
        yield
    finally:
        privsep.vif_plug.stop()
        for thread in set(threading.enumerate()) - threads:
            thread.join(5)
        gc.collect()
        cfg.CONF.clear_override("helper_command", section)


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # of oslo.privsep's files and sockets
def test_scripts_are_run_by_the_daemon_as_its_own_configuration_says(
    scripts: Path, script: Script, daemon: None, tmp_path: Path
) -> None:
    script('[ "$1" != plug ] || id -u > user; [ "$OS_VIF_NAME" != tap2 ] || { echo no >&2; exit 3; }')
    before = snapshot()
    cfg.CONF.set_override("script_path", str(tmp_path), SECTION)  # what the caller says is not heeded
    try:
        os_vif.plug(vif(), INSTANCE)
        assert privsep.vif_plug.channel is not None
        assert (scripts / "user").read_text() == "0\n"
        assert os_vif.check(vif()) == []
        with pytest.raises(exception.PlugException, match="plug: exit code 3: no"):
            os_vif.plug(vif(2), INSTANCE)
        os_vif.unplug(vif(), INSTANCE)
    finally:
        cfg.CONF.set_override("script_path", str(scripts), SECTION)
    assert differences(before, snapshot()) == []
