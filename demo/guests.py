"""Small real virtual machines on taps, for the demonstration and the integration tests.

    with Guest("one", [Nic("tap1", "02:00:00:00:00:01", "10.0.0.1/24")]) as guest:
        guest.wait_booted(timeout=30)
        print(guest.ping("10.0.0.2", count=3))

A guest is one QEMU process in the network namespace of whoever starts it. It is spoken to through a
serial port, so that it can be asked what it sees while its network is broken. It is gone when the `with`
block or the process that started it is.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from demo import image
from demo.image import GuestImage
from demo.qmp import Qmp, QmpError
from demo.shell import Ping, Shell, ShellError

# `say("a line")` tells the person at the terminal something.
Say = Callable[[str], None]

QEMU = "qemu-system-x86_64"
KVM = Path("/dev/kvm")
KVM_DEADLINE = 5.0  # seconds; where KVM works the guest is up in less than one

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class GuestError(Exception):
    """A guest did not start, boot or answer: which and why, and the last lines of its console."""

    def __init__(self, guest: str, reason: str, console: Sequence[str] = ()) -> None:
        self.reason = reason
        tail = ["; its console's last lines:", *(f"    {line}" for line in console)] if console else []
        super().__init__(f"guest {guest}: {reason}" + "\n".join(tail))


@dataclass(frozen=True, slots=True)
class Nic:
    """A network card: the host's tap it is on, MAC, address with prefix length, MTU in bytes if not 1500."""

    tap: str
    mac: str
    address: str
    mtu: int | None = None


@dataclass(frozen=True, slots=True)
class Accelerator:
    """How QEMU executes the guest's instructions: "kvm" or "tcg" (emulation), and why that was chosen."""

    name: str
    reason: str


class Guest:
    """A virtual machine; its network cards appear in it as eth0, eth1, ... in the order given.

    name: for messages. memory: MiB; Debian's kernel needs about 80. accelerator: "kvm" or "tcg", as
    `accelerator()` finds it when not given. A card's tap must exist and stay while the card is in; QEMU only
    opens it.
    """

    def __init__(
        self, name: str, nics: Sequence[Nic], *, memory: int = 96, accelerator: str | None = None
    ) -> None:
        self.name = name
        self.nics = tuple(nics)
        self.memory = memory
        self._accelerator = accelerator
        self._process: subprocess.Popen[bytes] | None = None
        self._shell: Shell | None = None
        self._monitor: socket.socket | None = None
        self._qmp: Qmp | None = None
        self._directory: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start QEMU and return at once; raises GuestError if there is no image to boot.

        Call it from a thread that lives as long as the guest shall: the kernel kills QEMU when that thread
        ends.
        """
        found = image.find()
        if found is None:
            raise GuestError(self.name, "there is no image to boot: run python -m demo.prepare")
        accelerator_name = self._accelerator or accelerator(found).name
        self._directory = tempfile.TemporaryDirectory(prefix="os-vif-guest-")
        ours, control = socket.socketpair()
        self._shell = Shell(ours, self._first_message)
        self._monitor, monitor = socket.socketpair()
        self._qmp = Qmp(self._monitor)
        with control, monitor, self._qemu_messages.open("wb") as messages:
            self._process = subprocess.Popen(
                self._command(found, accelerator_name, control.fileno(), monitor.fileno()),
                stdin=subprocess.DEVNULL,
                stdout=messages,
                stderr=messages,
                pass_fds=[control.fileno(), monitor.fileno()],
                preexec_fn=die_with_parent,
            )

    def wait_booted(self, timeout: float) -> None:
        """Return when the guest's network cards are up and it takes commands.

        Raises GuestError if that is not so after `timeout` seconds, or at once if QEMU ends.
        """
        with self._spoken_to() as shell:
            shell.wait_booted(timeout)

    def run(self, command: str, timeout: float = 10.0) -> str:
        """Run one line of shell in the guest; returns what it printed.

        Raises GuestError if the command fails, or does not end within `timeout` seconds (the guest is then of
        no more use).
        """
        with self._spoken_to() as shell:
            return shell.run(command, timeout)

    def ping(self, address: str, count: int = 3, size: int = 56) -> Ping:
        """Ping from the guest, five packets a second with `size` bytes of data each."""
        with self._spoken_to() as shell:
            return shell.ping(address, count, size)

    def detach(self, number: int = 0, timeout: float = 10.0) -> None:
        """Take a network card out of the booted guest, which goes on running; its tap is free then.

        Raises GuestError if the guest does not let go of it within `timeout` seconds.
        """
        self._in_qemu("device_del", {"id": f"nic{number}"})
        assert self._qmp is not None
        try:
            self._qmp.wait_deleted(f"nic{number}", timeout)
        except QmpError as error:
            raise self._failed(f"network card {number} does not come out: {error}") from error
        self._in_qemu("netdev_del", {"id": f"net{number}"})

    def attach(self, number: int = 0, timeout: float = 10.0) -> None:
        """Put a card that was taken out back in, on the tap that has its tap's name now.

        Raises GuestError if it does not come up within `timeout` seconds.
        """
        nic = self.nics[number]
        self._in_qemu("netdev_add", _backend(number, nic))
        self._in_qemu("device_add", _device(number, nic))
        eth = f"eth{number}"
        self.run(
            f"until [ -e /sys/class/net/{eth} ]; do sleep 0.02; done;"
            f" ip address add {nic.address} dev {eth} && ip link set {eth} up",
            timeout,
        )

    def console(self) -> str:
        """What the guest's kernel wrote on its console so far, and QEMU's own messages."""
        files = (self._console, self._qemu_messages) if self._directory else ()
        return "".join(file.read_text(errors="replace") for file in files if file.exists())

    def stop(self) -> None:
        """Switch the guest off; does nothing if it is not running."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(timeout=3)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        for channel in (self._shell, self._monitor):
            if channel is not None:
                channel.close()
        self._shell = self._monitor = self._qmp = None
        if self._directory is not None:
            self._directory.cleanup()
            self._directory = None

    @property
    def _console(self) -> Path:
        assert self._directory is not None
        return Path(self._directory.name) / "console"

    @property
    def _qemu_messages(self) -> Path:
        assert self._directory is not None
        return Path(self._directory.name) / "qemu"

    def _command(self, boot: GuestImage, accelerator_name: str, control: int, monitor: int) -> list[str]:
        addresses = [f"eth{number}={nic.address}" for number, nic in enumerate(self.nics)]
        append = ["console=ttyS0", "quiet", "panic=-1", "edd=off", *addresses]
        command = [QEMU, "-name", self.name, "-nodefaults", "-no-user-config", "-no-reboot"]
        command += ["-display", "none", "-machine", "pc", "-m", str(self.memory)]
        command += ["-accel", accelerator_name, "-cpu", "host" if accelerator_name == "kvm" else "qemu64"]
        command += ["-kernel", str(boot.kernel), "-initrd", str(boot.initramfs), "-append", " ".join(append)]
        command += ["-chardev", f"file,id=console,path={self._console}", "-serial", "chardev:console"]
        command += ["-chardev", f"socket,id=control,fd={control}", "-serial", "chardev:control"]
        command += ["-chardev", f"socket,id=monitor,fd={monitor}", "-mon", "chardev=monitor,mode=control"]
        for number, nic in enumerate(self.nics):
            command += ["-netdev", json.dumps(_backend(number, nic))]
            command += ["-device", json.dumps(_device(number, nic))]
        return command

    def _in_qemu(self, command: str, arguments: Mapping[str, object]) -> None:
        if self._qmp is None:
            raise GuestError(self.name, "is not running")
        try:
            self._qmp.execute(command, arguments)
        except QmpError as error:
            raise self._failed(str(error)) from error

    @contextmanager
    def _spoken_to(self) -> Iterator[Shell]:
        if self._shell is None:
            raise GuestError(self.name, "is not running")
        try:
            yield self._shell
        except ShellError as error:
            raise self._failed(str(error)) from error

    def _first_message(self) -> str:
        messages = self._qemu_messages.read_text(errors="replace").splitlines()
        return f"QEMU ended: {messages[0].removeprefix(f'{QEMU}: ') if messages else 'without a message'}"

    def _failed(self, reason: str) -> GuestError:
        return GuestError(self.name, reason, self.console().strip().splitlines()[-20:])


def accelerator(boot: GuestImage, cache: Path = image.CACHE) -> Accelerator:
    """KVM where it is seen to boot a guest on this machine, else emulation.

    /dev/kvm that opens proves little: on some nested hosts QEMU then aborts, or the guest hangs in its BIOS.
    So a guest is tried once, and the verdict kept in `cache` as long as the machine's kernel and QEMU stay.
    """
    if not os.access(KVM, os.R_OK | os.W_OK):
        return Accelerator("tcg", f"{KVM} cannot be opened")
    verdict = _verdict_file(cache)
    if verdict.exists():
        return Accelerator(**json.loads(verdict.read_text()))
    started = time.monotonic()
    try:
        with Guest("kvm-probe", (), accelerator="kvm") as guest:
            guest.wait_booted(KVM_DEADLINE)
        found = Accelerator("kvm", f"a guest boots in {time.monotonic() - started:.1f} s")
    except GuestError as error:
        found = Accelerator("tcg", f"KVM does not work here ({error.reason})")
    verdict.write_text(json.dumps(asdict(found)))
    return found


def accelerator_is_known(cache: Path = image.CACHE) -> bool:
    """True if `accelerator` can answer without trying."""
    return not os.access(KVM, os.R_OK | os.W_OK) or _verdict_file(cache).exists()


def _backend(number: int, nic: Nic) -> dict[str, object]:
    """The host's side of a card, as QEMU's -netdev and netdev_add take it."""
    scripts = {"script": "no", "downscript": "no"}
    return {"type": "tap", "id": f"net{number}", "ifname": nic.tap, "vhost": False, **scripts}


def _device(number: int, nic: Nic) -> dict[str, object]:
    """The guest's side of a card, as QEMU's -device and device_add take it."""
    device: dict[str, object] = {"driver": "virtio-net-pci", "id": f"nic{number}", "netdev": f"net{number}"}
    # No option ROM: nothing boots from the network, and loading it takes time.
    device |= {"mac": nic.mac, "romfile": ""}
    return device | ({"host_mtu": nic.mtu} if nic.mtu else {})


def _verdict_file(cache: Path) -> Path:
    program = shutil.which(QEMU)
    age = int(Path(program).stat().st_mtime) if program else 0
    return cache / f"accelerator-{platform.release()}-{age}.json"


def die_with_parent() -> None:
    """Have the kernel kill this process when whoever started it is gone, however that came.

    Run between fork and exec: setpriv(1) would do the same a moment too late for a parent that dies at once.
    """
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
