"""The same through a privsep daemon, as a service without privileges has it; and what is said when there is none."""

from __future__ import annotations

import gc
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from oslo_config import cfg
from tests.snapshot import differences, snapshot
from tests.vifs import INSTANCE, bridge_vif

import os_vif
from os_vif import exception
from os_vif.host import engine
from vif_plug_linux_bridge import privsep

# oslo.privsep leaves its files and sockets to the garbage collector
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

SECTION = "vif_plug_linux_bridge_privileged"


@pytest.fixture
def daemon(host: None) -> Iterator[None]:
    """A real daemon, started by the first call that needs it; stopped at the end."""
    cfg.CONF([], project="os-vif-tests", default_config_files=[])
    helper = Path(sys.executable).with_name("privsep-helper")
    cfg.CONF.set_override("helper_command", str(helper), SECTION)
    threads = set(threading.enumerate())
    try:
        yield
    finally:
        privsep.vif_plug.stop()
        for thread in set(threading.enumerate()) - threads:
            thread.join(5)
        gc.collect()
        cfg.CONF.clear_override("helper_command", SECTION)


def daemons() -> list[str]:
    """Command lines of the daemons in this test's network namespace."""
    found = []
    here = os.readlink("/proc/thread-self/ns/net")
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
            there = os.readlink(path.with_name("ns") / "net")
        except OSError:
            continue
        if there == here and any(word.endswith(b"privsep-helper") for word in words):
            found.append(b" ".join(words).decode())
    return found


def test_plug_check_unplug(daemon: None) -> None:
    before = snapshot()
    running = set(daemons())
    vif = bridge_vif(nic="nic0", mtu=1500, filtered=False)
    os_vif.plug(vif, INSTANCE)
    assert privsep.vif_plug.channel is not None
    (command,) = set(daemons()) - running
    assert "--privsep_context vif_plug_linux_bridge.privsep.vif_plug" in command
    assert os_vif.check(vif) == []
    os_vif.plug_many([(bridge_vif(n), INSTANCE) for n in range(2, 12)])
    os_vif.unplug_many([(bridge_vif(n), INSTANCE) for n in range(2, 12)])
    assert engine.remove([os_vif._planned(vif).job(vif, INSTANCE)], shared=True) == [None]
    assert differences(before, snapshot()) == []


def test_errors_come_through(daemon: None) -> None:
    os_vif.plug(bridge_vif(mtu=1450), INSTANCE)
    with pytest.raises(exception.PlugException) as caught:
        os_vif.plug(bridge_vif(2, nic="lo"), INSTANCE)
    error = caught.value.kwargs["err"]
    assert isinstance(error, exception.EngineError)
    assert "lo" in str(error)
    with pytest.raises(ValueError, match="not a step"):
        privsep.run({"steps": [["Reboot", 1]], "dependents": []})


def test_no_daemon_to_be_had(host: None) -> None:
    before = snapshot()

    def try_it() -> None:
        cfg.CONF([], project="os-vif-tests", default_config_files=[])
        cfg.CONF.set_override("helper_command", "/nonexistent/privsep-helper", SECTION)
        with pytest.raises(exception.PlugException) as caught:
            os_vif.plug(bridge_vif(), INSTANCE)
        assert isinstance(caught.value.kwargs["err"], exception.NoPrivileges)
        assert SECTION in str(caught.value)
        with pytest.raises(exception.BulkError) as many:
            os_vif.plug_many([(bridge_vif(), INSTANCE)])
        (error,) = many.value.errors.values()
        assert isinstance(error, exception.PlugException)

    in_a_child(try_it)
    assert differences(before, snapshot()) == []


def test_without_privileges(host: None) -> None:
    """A process that is not root says what to do about it; reading works all the same."""
    if Path("/proc/self/uid_map").read_text().split() != ["0", "0", str(2**32 - 1)]:
        pytest.skip("in this user namespace there is no other user to become")

    def try_it() -> None:
        os.setuid(65534)
        assert [d.attribute for d in os_vif.check(bridge_vif())] == ["present", "present"]
        with pytest.raises(exception.PlugException) as caught:
            os_vif.plug(bridge_vif(), INSTANCE)
        assert isinstance(caught.value.kwargs["err"], exception.NoPrivileges)

    in_a_child(try_it)


def in_a_child(act: Callable[[], None]) -> None:
    """Run it where it can leave what it likes, files that oslo.privsep does not close among them."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            act()
            status = 0
        except BaseException:  # noqa: BLE001  # told by the exit status
            traceback.print_exc()
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
