"""Small real guests of libvirt: what `demo.guests` is for QEMU alone."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from pathlib import Path
from xml.sax.saxutils import quoteattr

from demo import image
from demo.shell import Shell

_CONNECT_TIMEOUT = 10.0


def description(name: str, directory: Path, addresses: Mapping[str, str] | None = None) -> str:
    """A domain without cards: it boots the image, its shell is on a socket in `directory`.

    addresses: of its cards by their order: {"eth0": "192.0.2.1/24"}
    """
    boot = image.find()
    assert boot is not None, "there is no image to boot: run python -m demo.prepare"
    append = ["console=ttyS0", "quiet", "panic=-1", "edd=off"]
    append += [f"{card}={address}" for card, address in (addresses or {}).items()]
    return f"""\
<domain type="qemu">
  <name>{name}</name>
  <memory unit="MiB">96</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch="x86_64" machine="pc">hvm</type>
    <kernel>{boot.kernel}</kernel>
    <initrd>{boot.initramfs}</initrd>
    <cmdline>{" ".join(append)}</cmdline>
  </os>
  <features><acpi/></features>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>destroy</on_reboot>
  <on_crash>destroy</on_crash>
  <devices>
    <serial type="file"><source path={quoteattr(str(directory / f"{name}.console"))}/></serial>
    <serial type="unix"><source mode="bind" path={quoteattr(str(_socket(name, directory)))}/></serial>
    <memballoon model="none"/>
  </devices>
</domain>
"""


def shell(name: str, directory: Path) -> Shell:
    """The shell of a guest that was started; `wait_booted` comes first."""
    port = socket.socket(socket.AF_UNIX)
    deadline = time.monotonic() + _CONNECT_TIMEOUT
    while True:
        try:
            port.connect(str(_socket(name, directory)))
            return Shell(port, lambda: f"the guest ended: {console(name, directory)}")
        except (FileNotFoundError, ConnectionRefusedError):
            if time.monotonic() > deadline:
                port.close()
                raise
            time.sleep(0.02)


def console(name: str, directory: Path) -> str:
    """The last lines of what the guest's kernel wrote."""
    file = directory / f"{name}.console"
    return "\n".join(file.read_text(errors="replace").splitlines()[-20:]) if file.exists() else ""


def _socket(name: str, directory: Path) -> Path:
    return directory / f"{name}.shell"
