"""`python -m demo.prepare`: what guests need, installed, downloaded and built.

Run by `make demo` and before the integration tests; it does nothing if all is there. As root on Debian it
installs the programs that are missing; the guests' kernel and busybox are only unpacked into .cache/guest and
never installed. Without root it uses what there is, and exits with 3 and the command to type when that is
not enough.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from demo import guests, image, libvirtd

EXIT_MISSING = 3
TUN = Path("/dev/net/tun")
# Debian keeps `nft` where an ordinary user's PATH does not look.
PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])

# Program -> the Debian package that has it.
PROGRAMS: Mapping[str, str] = {
    "qemu-system-x86_64": "qemu-system-x86",
    "ip": "iproute2",
    "nft": "nftables",
    "unshare": "util-linux",
    "setpriv": "util-linux",
    "ovs-vswitchd": "openvswitch-switch",
}
# Root alone can have guests of libvirt: without, the part of it is left out.
PROGRAMS_OF_ROOT: Mapping[str, str] = {**libvirtd.PROGRAMS, libvirtd.BINDINGS: libvirtd.BINDINGS_PACKAGE}


class PrepareError(Exception):
    """Something is missing that cannot be had without help; the message ends with what to do."""


def main() -> int:
    try:
        prepare()
    except PrepareError as error:
        print(f"prepare: {error}", file=sys.stderr)
        return EXIT_MISSING
    return 0


def prepare() -> image.GuestImage:
    """Make everything be there, telling each thing that has to be done and how long it took.

    Raises PrepareError.
    """
    if packages := missing():
        install(packages)
        if still := missing():
            raise PrepareError(f"installed, and yet their programs are not there: {', '.join(still)}")
    if not os.access(TUN, os.R_OK | os.W_OK):
        raise PrepareError(f"{TUN} cannot be opened; as root: chmod 666 {TUN}")
    found = image.find()
    if found is None:
        found = build()
    if not guests.accelerator_is_known():
        with told("Try whether KVM boots a guest") as say:
            accelerator = guests.accelerator(found)
            say(f"using {accelerator.name}: {accelerator.reason}")
    return found


def missing() -> list[str]:
    """The packages whose programs are not there."""
    wanted = {**PROGRAMS, **(PROGRAMS_OF_ROOT if os.geteuid() == 0 else {})}
    return sorted({package for program, package in wanted.items() if not _is_there(program)})


def _is_there(program: str) -> bool:
    """Whether it is a program, or with a whole path a file."""
    return os.path.exists(program) if "/" in program else shutil.which(program, path=PATH) is not None


def install(packages: list[str]) -> None:
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
    if not shutil.which("apt-get"):
        raise PrepareError(
            f"needed and not installed: {', '.join(packages)} (these are the names of Debian's packages)"
        )
    if os.geteuid() != 0:
        raise PrepareError(f"needed and not installed: {', '.join(packages)}; as root: {' '.join(command)}")
    refresh_package_lists(packages)
    with told(f"Install {' '.join(packages)}"):
        apt(command)


def build() -> image.GuestImage:
    """Download the guests' two packages and build kernel and initramfs from them."""
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        raise PrepareError("the guests' kernel comes from a Debian package: this needs apt-get and dpkg-deb")
    refresh_package_lists([image.KERNEL_PACKAGE, image.BUSYBOX_PACKAGE])
    kernel = kernel_package()
    image.CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=image.CACHE) as directory:
        with told(f"Download {kernel} {image.BUSYBOX_PACKAGE}"):
            for name in (kernel, image.BUSYBOX_PACKAGE):
                # apt's own download user cannot write into a checkout that belongs to somebody else.
                apt(["apt-get", "download", "-o", "APT::Sandbox::User=root", name], directory=Path(directory))
        with told("Build the guests' initramfs"):
            debs = {path.name.split("_")[0]: path for path in Path(directory).glob("*.deb")}
            try:
                return image.build(debs[kernel], debs[image.BUSYBOX_PACKAGE])
            except subprocess.CalledProcessError as error:
                raise PrepareError(f"{error}: {error.stderr.decode(errors='replace').strip()}") from error
            except LookupError as error:
                raise PrepareError(
                    f"{error}: has the package changed? demo/image.py says what it looks for"
                ) from error


def refresh_package_lists(packages: list[str]) -> None:
    """`apt-get update` if apt does not know one of the packages, as on a machine that was never updated."""
    unknown = [
        name
        for name in packages
        if subprocess.run(["apt-cache", "show", name], capture_output=True).returncode
    ]
    if not unknown:
        return
    if os.geteuid() != 0:
        raise PrepareError(f"apt knows no package {' or '.join(unknown)}; as root: apt-get update")
    with told("Update apt's package lists"):
        apt(["apt-get", "update"])


def kernel_package() -> str:
    """The package with the kernel itself, which the package named in image.KERNEL_PACKAGE depends on."""
    depends = subprocess.run(
        ["apt-cache", "depends", "--important", image.KERNEL_PACKAGE],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    for line in depends.splitlines():
        relation, _, name = line.strip().partition(": ")
        if relation == "Depends" and name.startswith("linux-image-"):
            return name
    raise PrepareError(
        f"apt does not say which kernel {image.KERNEL_PACKAGE} depends on; try: apt-get update"
    )


def apt(command: list[str], directory: Path | None = None) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        command,
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        said = (done.stdout + done.stderr).strip().splitlines()[-15:]
        raise PrepareError(
            "\n    ".join([f"failed with exit code {done.returncode}: {' '.join(command)}", *said])
        )


@contextmanager
def told(what: str) -> Iterator[guests.Say]:
    """Print one line per thing done: what, then how long it took, and below what it found."""
    notes: list[str] = []
    started = time.monotonic()
    print(f"{what} ...", end="", flush=True)
    try:
        yield notes.append
    finally:
        print(
            f" {time.monotonic() - started:.1f} s", *(f"\n    {note}" for note in notes), sep="", flush=True
        )


if __name__ == "__main__":
    sys.exit(main())
