"""An os-vif of an earlier release, from PyPI, in an environment of its own: plug and unplug by what runs there.

The fixtures of this directory make one for each release; the environments are those that the benchmarks use. Where
it matters who asks (iptables chains are called after the program), this checkout is put to work in the same way.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from bench import peers
from tests.ovs import OpenVSwitch

ANSWER_WITHIN = 60.0  # seconds; the first one of a process takes what the imports take
SYSFS_PARTS = ("class/net", "bus/pci/devices")
WORKER = Path(__file__).with_name("worker.py")


class PeerError(Exception):
    """The release said no; the text is its exception."""


class Peer:
    """A release at work, or this checkout (release: None), as a program that is called nova-compute."""

    def __init__(self, release: str | None, directory: Path) -> None:
        self.release = release or "of this checkout"
        self._directory = directory
        self._sysfs: Path | None = None
        try:
            python = peers.interpreter(release)
        except SystemExit as error:
            pytest.fail(str(error))
        program = directory / "nova-compute"
        program.symlink_to(WORKER)
        self._log = (directory / "log").open("w+")
        self._process = subprocess.Popen(
            [python, "-P", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            bufsize=0,
        )
        self._answer()

    def configure(self, sysfs: Path | None = None, **sections: Mapping[str, Any]) -> None:
        """Options of the calls that follow, by section; sysfs: a tree that they see in place of the kernel's."""
        self._sysfs = sysfs
        sections = {
            "oslo_concurrency": {"lock_path": self._directory},
            "DEFAULT": {"debug": False},
        } | sections
        lines = [
            line
            for section, options in sections.items()
            for line in (f"[{section}]", *(f"{name} = {value}" for name, value in options.items()))
        ]
        self._config.write_text("\n".join(lines) + "\n")

    def on(self, switch: OpenVSwitch, sysfs: Path | None = None, **options: Any) -> Peer:
        """Itself, told to work with this Open vSwitch; options: of the ovs plugin."""
        defaults = {"ovsdb_connection": switch.remote, "ovs_vsctl_timeout": 5}
        self.configure(sysfs, os_vif_ovs=defaults | options)
        return self

    @property
    def _config(self) -> Path:
        return self._directory / "nova.conf"

    def plug(self, *vifs: Any, instance: Any) -> None:
        """Plug them one after the other, in the network namespace of the thread that asks."""
        self._call("plug", vifs, instance)

    def unplug(self, *vifs: Any, instance: Any) -> None:
        self._call("unplug", vifs, instance)

    def check(self, vif: Any, *, instance: Any) -> list[str]:
        """What differs, in words; of this checkout alone."""
        (found,) = self._call("check", [vif], instance)
        assert found is not None
        return found

    def log(self) -> str:
        """What it wrote to its log since this was last asked."""
        return self._log.read()

    def close(self) -> None:
        self._process.communicate()
        self._log.close()

    def _call(self, verb: str, vifs: Sequence[Any], instance: Any) -> list[list[str] | None]:
        request = {
            "namespace": f"/proc/{os.getpid()}/task/{threading.get_native_id()}/ns/net",
            "config": str(self._config),
            "mounts": {str(self._sysfs / part): f"/sys/{part}" for part in SYSFS_PARTS}
            if self._sysfs
            else {},
            "calls": [[verb, vif.obj_to_primitive(), instance.obj_to_primitive()] for vif in vifs],
        }
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        return self._answer()

    def _answer(self) -> list[list[str] | None]:
        pipe = self._process.stdout
        assert pipe is not None
        assert select.select([pipe], [], [], ANSWER_WITHIN)[0], f"no answer; {self.log()}"
        line = pipe.readline()
        assert line, f"os-vif {self.release} has ended; {self.log()}"
        answer = json.loads(line)
        if "error" in answer:
            raise PeerError(answer["error"])
        returned: list[list[str] | None] = answer["returned"]
        return returned
