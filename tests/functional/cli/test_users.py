"""The installed command as other users: with a user namespace of their own, and without any privilege."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.netns import ip_json

COMMAND = Path(sys.executable).parent / "os-vif"
FLAGS = ("--plugin", "linux_bridge", "--bridge", "br0", "--tap", "tap1", "--create-bridge")
NOBODY = 65534


def _run(*command: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # no terminal on which sudo could ask
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def _nobody() -> tuple[str, ...]:
    """What to put before a command so that a user without privileges runs it."""
    if os.geteuid():
        return ()
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv (util-linux) is not installed")
    as_nobody = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    if _run(*as_nobody, COMMAND, "--version").returncode:
        pytest.skip("other users may not run this checkout")
    return as_nobody


def test_without_privileges_a_plug_says_so() -> None:
    done = _run(*_nobody(), COMMAND, "plug", *FLAGS)
    assert done.returncode == 5, done.stderr
    error, hint = done.stderr.splitlines()
    assert error.startswith("error: ")
    assert hint.startswith("hint: run as root")
    assert done.stdout == ""


def test_what_needs_no_privileges() -> None:
    for arguments in (
        ("plan", *FLAGS),
        ("host-info",),
        ("list",),
        ("plug", *FLAGS, "--filter", "--dry-run"),
    ):
        done = _run(*_nobody(), COMMAND, *arguments)
        assert (done.returncode, done.stderr) == (0, ""), arguments
    assert _run(*_nobody(), COMMAND, "check", *FLAGS, "--filter").returncode == 1


@pytest.mark.usefixtures("netns")
def test_through_the_privileged_daemon_that_is_configured(tmp_path: Path) -> None:
    path = tmp_path / "os-vif.conf"
    log = tmp_path / "helper.log"
    helper = tmp_path / "helper"
    helper.write_text(f'#!/bin/sh\necho "$@" >> {log}\nexec {COMMAND.parent}/privsep-helper "$@"\n')
    helper.chmod(0o755)
    path.write_text(f"[vif_plug_linux_bridge_privileged]\nhelper_command = {helper}\n")
    for verb in (("plug",), ("check",), ("unplug", "--shared")):
        done = _run(COMMAND, *verb, *FLAGS, "--config-file", path)
        assert (done.returncode, done.stderr) == (0, "")
        assert "vif_plug_linux_bridge.privsep.vif_plug" in log.read_text()
    assert [link["ifname"] for link in ip_json("link")] == ["lo"]

    helper.write_text("#!/bin/sh\nexit 1\n")
    done = _run(COMMAND, "plug", *FLAGS, "--config-file", path)
    assert (done.returncode, len(done.stderr.splitlines())) == (5, 2), done.stderr


@pytest.mark.parametrize("user", ["this user", "nobody"])
@pytest.mark.parametrize("rules", ["--filter", "--no-filter"])
def test_in_a_user_namespace_of_ones_own(rules: str, user: str) -> None:
    inside = (*(_nobody() if user == "nobody" else ()), "unshare", "-Urnm", "bash", "-c")
    if _run(*inside, "true").returncode:
        pytest.skip("user namespaces are not available here")
    if _run(*inside, f"{COMMAND} --version").returncode:
        pytest.skip("other users may not run this checkout")
    if _run(*inside, "test -w /dev/net/tun").returncode:
        pytest.skip("/dev/net/tun is closed to other users here")
    flags = " ".join((*FLAGS, rules))
    script = f"""
        set -e
        {COMMAND} plug {flags}
        {COMMAND} check {flags}
        ip link set tap1 nomaster
        ! {COMMAND} check {flags}
        {COMMAND} repair {flags}
        {COMMAND} check {flags}
        {COMMAND} list
        {COMMAND} unplug {flags} --shared
        test "$(ip -br link | wc -l)" = 1
    """
    done = _run(*inside, script)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "tap1" in done.stdout
