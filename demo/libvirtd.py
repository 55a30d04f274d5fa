"""A libvirt of its own, in the network namespace of whoever starts it, that never meets the machine's.

    with Libvirtd(directory) as libvirtd, libvirtd.open() as connection:
        ...

Everything it keeps is under `directory`: it sees its own /etc/libvirt, /var/lib/libvirt and /run/libvirt, in a mount
namespace. Its guests are emulated (TCG), and end with it.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from demo import image

PROGRAMS: Mapping[str, str] = {"libvirtd": "libvirt-daemon-system", "virsh": "libvirt-clients"}
BINDINGS_PACKAGE = "python3-libvirt"
_DISTRIBUTIONS = Path("/usr/lib/python3/dist-packages")
BINDINGS = str(_DISTRIBUTIONS / "libvirt.py")
_START_TIMEOUT = 60.0  # seconds; the first start asks QEMU what it can do
_QEMU_CONF = """\
user = "root"
group = "root"
security_driver = "none"
remember_owner = 0
namespaces = []
cgroup_controllers = []
stdio_handler = "file"
"""
_LIBVIRTD_CONF = """\
unix_sock_dir = "{directory}"
auth_unix_ro = "none"
auth_unix_rw = "none"
log_outputs = "2:file:{directory}/libvirtd.log"
"""
# what libvirt keeps files in, and the directory of ours that stands there; the last, what it asked QEMU, stays
_PLACES = ("etc", "var/lib", "run", "var/log", "var/cache")


class LibvirtdError(Exception):
    """It did not start, and the last of what it said."""


def bindings() -> Any:
    """The module `libvirt`: this environment's, or that of Debian, which is the same interpreter's.

    :raises ImportError: there is none for this version of Python
    """
    try:
        return importlib.import_module("libvirt")
    except ImportError:
        sys.path.append(str(_DISTRIBUTIONS))
        try:
            return importlib.import_module("libvirt")
        finally:
            sys.path.remove(str(_DISTRIBUTIONS))


def missing() -> str | None:
    """Why there can be no guests of libvirt here, in words; None if there can."""
    if Path("/proc/self/setgroups").read_text().strip() != "allow":
        return (
            "libvirt sets the groups of the programs it starts, which an unprivileged user namespace forbids"
        )
    absent = [package for program, package in PROGRAMS.items() if shutil.which(program) is None]
    try:
        bindings()
    except ImportError as error:
        absent.append(
            f"{BINDINGS_PACKAGE} (for Python {sys.version_info.major}.{sys.version_info.minor}: {error})"
        )
    return f"not installed: {', '.join(absent)}" if absent else None


class Libvirtd:
    """The daemon; environment: what it and the programs it calls see besides this process' own."""

    def __init__(self, directory: Path, environment: Mapping[str, str] | None = None) -> None:
        self.directory = directory
        self._environment = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        return f"qemu+unix:///system?socket={self.directory}/libvirt-sock"

    def __enter__(self) -> Self:
        cache = image.CACHE.parent / "libvirt"
        cache.mkdir(parents=True, exist_ok=True)
        commands = ["set -eu"]
        for place in _PLACES:
            ours = cache if place == "var/cache" else self.directory / place.replace("/", "-")
            ours.mkdir(exist_ok=True)
            commands += [f"mkdir -p /{place}/libvirt", f"mount --bind {ours} /{place}/libvirt"]
        (self.directory / "etc" / "qemu.conf").write_text(_QEMU_CONF)
        conf = self.directory / "etc" / "libvirtd.conf"
        conf.write_text(_LIBVIRTD_CONF.format(directory=self.directory))
        pid_file = self.directory / "libvirtd.pid"
        commands.append(f"exec libvirtd --config {conf} --pid-file {pid_file}")
        with (self.directory / "messages").open("wb") as messages:
            self._process = subprocess.Popen(
                ["unshare", "--mount", "sh", "-c", "\n".join(commands)],
                env=os.environ | self._environment,
                stdin=subprocess.DEVNULL,
                stdout=messages,
                stderr=messages,
            )
        try:
            self._wait_started()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    @contextlib.contextmanager
    def open(self) -> Iterator[Any]:
        """A connection (libvirt.virConnect)."""
        connection = bindings().open(self.uri)
        try:
            yield connection
        finally:
            connection.close()

    def said(self) -> str:
        """The last lines of its log."""
        files = (self.directory / "messages", self.directory / "libvirtd.log")
        text = "".join(file.read_text(errors="replace") for file in files if file.exists())
        return "\n".join(text.splitlines()[-10:])

    def _wait_started(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + _START_TIMEOUT
        while True:
            try:
                with self.open() as connection:
                    connection.getVersion()
            except bindings().libvirtError as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise LibvirtdError(f"libvirtd does not start: {error}: {self.said()}") from error
            else:
                return
            time.sleep(0.05)

    def _stop(self) -> None:
        if self._process is None:
            return
        with contextlib.suppress(bindings().libvirtError), self.open() as connection:
            for domain in connection.listAllDomains():
                with contextlib.suppress(bindings().libvirtError):
                    domain.destroy()
        self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
        self._process = None


@contextlib.contextmanager
def running(environment: Mapping[str, str] | None = None) -> Iterator[Libvirtd]:
    """One in a directory that is made for it."""
    bindings().registerErrorHandler(lambda *_: None, None)  # errors are raised; they need not be printed, too
    # a short path: that of a unix socket has at most 107 bytes
    with (
        tempfile.TemporaryDirectory(prefix="libvirt-") as directory,
        Libvirtd(Path(directory), environment) as it,
    ):
        yield it
