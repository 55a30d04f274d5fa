"""An environment with Nova from PyPI and this project over it, and a compute service's VIF code running in it.

The environment is made once, and is used again. The code of Nova runs in one process for all tests of a file, in a
network namespace with an Open vSwitch of its own, and everything privileged in daemons of privsep-helper.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from tests.netns import enter, ip, new_namespace
from tests.ovs import OpenVSwitch, open_vswitch

import vif_plug_script

ROOT = Path(__file__).resolve().parents[3]
ENVIRONMENT = ROOT / ".cache" / "nova"
PACKAGES = ("nova==34.0.0", "neutron==29.0.0")
SHIPPED = Path(vif_plug_script.__file__).parent / "scripts"

SECTIONS = (
    "os_vif_privileged",
    "vif_plug_linux_bridge_privileged",
    "vif_plug_ovs_privileged",
    "vif_plug_script_privileged",
)
TOOLS = {
    "midonet": "mm-ctl",
    "iovisor": "ifc_ctl",
    "ivs": "ivs-ctl",
    "vrouter": "vrouter-port-control",
    "ib_hostdev": "ebrctl",
}


def pip(*arguments: str) -> None:
    python = ENVIRONMENT / "bin" / "python"
    command = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def nova() -> Path:
    """The interpreter of an environment with nova, over which this project is installed as its users would."""
    python = ENVIRONMENT / "bin" / "python"
    made_of = ENVIRONMENT / "made-of"
    if not made_of.exists() or made_of.read_text().split() != [*PACKAGES]:
        subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=True)
        pip(*PACKAGES)
        made_of.write_text(" ".join(PACKAGES))
    # setuptools would take what an earlier build left, also modules that are gone since
    shutil.rmtree(ROOT / "build", ignore_errors=True)
    pip(str(ROOT))
    shutil.rmtree(ROOT / "build", ignore_errors=True)
    return python


def libvirt_bindings() -> list[Path]:
    """libvirt's module for Python, as Debian has it: pip would have to compile it."""
    found = sorted(Path("/usr/lib/python3/dist-packages").glob("libvirt*.py"))
    compiled = f"libvirtmod*.cpython-{sys.version_info[0]}{sys.version_info[1]}-*.so"
    return found + modules if (modules := sorted(found[0].parent.glob(compiled) if found else ())) else []


def name_the_driver(python: Path) -> None:
    """As docs/openstack.md says: Nova looks for drivers in its own package only."""
    told = subprocess.run(
        [str(python), "-W", "ignore", "-c", "import nova.virt; print(nova.virt.__path__[0])"],
        capture_output=True,
        text=True,
        check=True,
    )
    place = Path(told.stdout.strip()) / "os_vif" / "openstack"
    place.mkdir(parents=True, exist_ok=True)
    (place / "nova.py").write_text("from os_vif.openstack.nova import LibvirtDriver\n")


class NovaError(Exception):
    """An exception in the compute service; `classes` are the names of its class and those that it is made of."""

    def __init__(self, classes: list[str], text: str) -> None:
        self.classes = tuple(classes)
        self.text = text
        super().__init__(f"{classes[0]}: {text}")


class Compute:
    """The compute service's process; see compute.py."""

    def __init__(self, process: subprocess.Popen[str], switch: OpenVSwitch, place: Path) -> None:
        self.switch = switch
        self.place = place
        self._process = process
        self.library = self._answer()

    def do(self, act: str, vif: Mapping[str, object] | None = None, **more: object) -> object:
        """Have it done, e.g. "plug", with a VIF of these fields; an exception there is a NovaError."""
        assert self._process.stdin is not None
        with_vif = {} if vif is None else {"vif": vif}
        self._process.stdin.write(json.dumps({"do": act, **with_vif, **more}) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def daemons(self) -> set[str]:
        """The contexts of the privsep daemons that were started with this service's configuration."""
        found = set()
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes().decode().split("\0") if entry.name.isdigit() else []
                if str(self.place / "nova.conf") in words and "--privsep_context" in words:
                    found.add(words[words.index("--privsep_context") + 1])
        return found

    def calls(self) -> list[str]:
        """What the tools of backends were called with since the last time, a line each."""
        log = self.place / "calls"
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return lines

    def _answer(self) -> object:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            log = (self.place / "log").read_text()
            raise AssertionError(f"the compute service ended:\n{log[-3000:]}")
        answer = json.loads(line)
        if "error" in answer:
            raise NovaError(answer["error"], answer["text"])
        return answer["result"]


@contextlib.contextmanager
def new_host() -> Iterator[OpenVSwitch]:
    """A network namespace with an Open vSwitch that has the bridge br-int; this thread is in it."""
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            new_namespace()
        except OSError as error:
            pytest.skip(f"no new network namespace without CAP_SYS_ADMIN ({error}): run under unshare -Urnm")
        try:
            ip("link", "set", "lo", "up")
            with open_vswitch() as switch:
                switch.bridge("br-int")
                yield switch
        finally:
            enter(before)
    finally:
        os.close(before)


@pytest.fixture(scope="module")
def compute(nova: Path) -> Iterator[Compute]:
    """The compute service, on a host of its own; plug scripts and stand-ins for their tools are installed."""
    with new_host() as switch, scripts() as place:
        configuration = configure(place, nova, switch.remote)
        with running(nova, "compute.py", configuration, "nova") as process:
            yield Compute(process, switch, place)


@pytest.fixture(scope="module")
def driver(nova: Path) -> Iterator[Compute]:
    """As `compute`, with the driver of os_vif.openstack.nova in place of Nova's."""
    name_the_driver(nova)
    with new_host() as switch, scripts() as place:
        configuration = configure(place, nova, switch.remote, "[os_vif_nova]\nready_timeout = 2\n", "kvm")
        with running(nova, "compute.py", configuration, "os_vif") as process:
            yield Compute(process, switch, place)


@contextlib.contextmanager
def running(
    nova: Path, program: str, configuration: Path, *arguments: str
) -> Iterator[subprocess.Popen[str]]:
    """A program of this directory, run by the environment's interpreter; it is asked to end by end of file."""
    script = Path(__file__).with_name(program)
    modules = configuration.parent / "modules"
    modules.mkdir(exist_ok=True)
    for module in libvirt_bindings():
        (modules / module.name).symlink_to(module)
    with (configuration.parent / "log").open("w") as log:
        process = subprocess.Popen(
            [str(nova), str(script), str(configuration), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=os.environ | {"PYTHONPATH": str(modules)},
        )
        try:
            yield process
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(20)
            finally:
                process.kill()
                assert process.stdout is not None
                process.stdout.close()


@contextlib.contextmanager
def scripts() -> Iterator[Path]:
    """A directory that only root can change, with the plug scripts and stand-ins that note how they are called."""
    if os.stat("/run").st_uid != 0:
        pytest.skip("plug scripts are taken from directories of root's only, and root is somebody else here")
    place = Path(tempfile.mkdtemp(prefix="os-vif-tests-", dir="/run"))
    try:
        place.chmod(0o755)
        for directory in ("bin", "scripts"):
            (place / directory).mkdir()
        for name, tool in TOOLS.items():
            shutil.copy(SHIPPED / name, place / "scripts" / name)
            (place / "scripts" / name).chmod(0o755)
            stand_in = place / "bin" / tool
            stand_in.write_text(f'#!/bin/sh\necho "{tool} $*" >> {place}/calls\n')
            stand_in.chmod(0o755)
        yield place
    finally:
        shutil.rmtree(place)


def configure(place: Path, nova: Path, database: str, more: str = "", virt_type: str = "qemu") -> Path:
    """A nova.conf: where Open vSwitch is, where scripts are, and how to start a privileged daemon."""
    path = place / "nova.conf"
    helper = f"{nova.with_name('privsep-helper')} --config-file {path}"
    sections = "".join(f"[{section}]\nhelper_command = {helper}\n" for section in SECTIONS)
    path.write_text(
        f"[DEFAULT]\nstate_path = {place}\n[libvirt]\nvirt_type = {virt_type}\n{more}"
        f"[os_vif_ovs]\novsdb_connection = {database}\n"
        f"[os_vif_script]\nscript_path = {place}/scripts\n"
        f"program_path = {place}/bin:/usr/sbin:/usr/bin:/sbin:/bin\n{sections}"
    )
    return path
