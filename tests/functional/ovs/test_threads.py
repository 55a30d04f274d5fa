"""Many threads of one process plug at once, native ones and eventlet's: both are how nova-compute works."""

from __future__ import annotations

import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.ovs import OpenVSwitch
from tests.ovsvifs import INSTANCE, check, host, hybrid, job, native, plugin

from os_vif import objects
from os_vif.host import engine

THREADS, ROUNDS = 6, 4


def in_threads(acts: list[Callable[[], object]]) -> None:
    """Each in a thread of its own, all released at once; an AssertionError with what went wrong in any."""
    gate = threading.Barrier(len(acts))
    failures: list[str] = []

    def run(act: Callable[[], object]) -> None:
        gate.wait()
        try:
            act()
        except BaseException:  # noqa: BLE001  # told below
            failures.append(traceback.format_exc())

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_threads_with_a_vif_each(switch: OpenVSwitch) -> None:
    """Each plugs, waits, checks and unplugs its own, over and over, through one plugin."""
    it = plugin(switch)
    before = host(switch)

    def life(vif: Any) -> None:
        for _ in range(ROUNDS):
            it.plug(vif, INSTANCE)
            engine.wait_ready(job(it, vif), 10)
            assert check(it, vif) == []
            it.unplug(vif, INSTANCE)

    vifs = [native(n) if n % 2 else hybrid(n) for n in range(1, THREADS + 1)]
    in_threads([lambda vif=vif: life(vif) for vif in vifs])  # type: ignore[misc]
    assert host(switch) == before


@pytest.mark.parametrize("vif", [native(), hybrid()], ids=["native", "hybrid"])
def test_threads_with_the_same_vif(vif: Any, switch: OpenVSwitch) -> None:
    it = plugin(switch)
    before = host(switch)
    for _ in range(ROUNDS):
        in_threads([lambda: it.plug(vif, INSTANCE)] * THREADS)
        assert check(it, vif) == []
        in_threads([lambda: it.unplug(vif, INSTANCE)] * THREADS)
        assert host(switch) == before


# Arguments: a configuration file, the process id of ovs-vswitchd, VIFs as JSON.
GREEN = """
import eventlet
eventlet.monkey_patch()
import os, signal, sys, time, warnings
warnings.simplefilter("ignore")
from oslo_config import cfg
import os_vif
from os_vif import exception, objects
from vif_plug_ovs import privsep

if __name__ == "__main__":  # the helper of the daemon may import this
    cfg.CONF(["--config-file", sys.argv[1]], project="os-vif")
    os_vif.initialize()
    vifs = [objects.from_json(text) for text in sys.argv[3:]]
    instance = objects.instance_info.InstanceInfo(uuid="1e2f3a4b-0000-4000-8000-000000000001", name="guest")
    ticks = []

    def tick():
        while True:
            ticks.append(time.monotonic())
            eventlet.sleep(0.01)

    def life(vif):
        for _ in range(3):
            os_vif.plug(vif, instance)
            os_vif.wait_ready(vif, 10, instance)
            assert os_vif.check(vif, instance) == []
            os_vif.unplug(vif, instance)

    eventlet.spawn(tick)
    for green in [eventlet.spawn(life, vif) for vif in vifs]:
        green.wait()
    for green in [eventlet.spawn(os_vif.plug, vifs[0], instance) for _ in range(4)]:
        green.wait()
    assert os_vif.check(vifs[0], instance) == []
    os_vif.unplug(vifs[0], instance)
    assert privsep.vif_plug.channel is not None
    print("worked")

    # ovs-vswitchd does not answer: who waits for it holds up nobody else
    os.kill(int(sys.argv[2]), signal.SIGSTOP)
    try:
        before, start = len(ticks), time.monotonic()
        os_vif.plug(vifs[0], instance)
    except exception.PlugException as error:
        print("ovs-vswitchd" in str(error), time.monotonic() - start > 1, len(ticks) - before > 50)
    finally:
        os.kill(int(sys.argv[2]), signal.SIGCONT)
    privsep.vif_plug.stop()
"""


def test_green_threads_with_a_privsep_daemon(switch: OpenVSwitch, tmp_path: Path) -> None:
    pytest.importorskip("eventlet")
    config, program = tmp_path / "os-vif.conf", tmp_path / "program.py"
    helper = Path(sys.executable).with_name("privsep-helper")
    config.write_text(
        f"[os_vif_ovs]\novsdb_connection = {switch.remote}\novs_vsctl_timeout = 2\n"
        f"[vif_plug_ovs_privileged]\nhelper_command = {helper} --config-file {config}\n"
    )
    program.write_text(GREEN)
    before = host(switch)
    vifs = [objects.to_json(native(n) if n % 2 else hybrid(n)) for n in range(1, THREADS + 1)]
    command = [sys.executable, str(program), str(config), str(switch.pid("ovs-vswitchd")), *vifs]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    assert (done.returncode, done.stdout.splitlines()) == (0, ["worked", "True True True"]), done.stderr
    assert host(switch) == before
