"""The kernel and the initramfs that every test guest boots.

`demo.prepare` builds them out of two Debian packages, `demo.guests` (and whoever starts a guest through
libvirt) boots them. Debian's cloud kernel is used because under emulation it is up in 1.8 s where the
general one takes 4.3 s: it is compressed with LZ4 and leaves out the hardware no virtual machine has. The
initramfs is one file with busybox, the modules of a virtio network card and the /init below.
"""

from __future__ import annotations

import hashlib
import lzma
import re
import stat
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

CACHE = Path(__file__).resolve().parents[1] / ".cache" / "guest"
KERNEL_PACKAGE = "linux-image-cloud-amd64"
BUSYBOX_PACKAGE = "busybox-static"
MODULES = ("virtio_pci", "virtio_net")

# The kernel hands `eth0=10.0.0.1/24` of its command line to init as an environment variable. Debian's
# busybox finds its own applets without links in /bin. ttyS0 is the console; on ttyS1 the host sends one
# command a line and reads its output up to "\x04<exit status>\n": that works while the network is broken.
INIT = """\
#!/bin/busybox sh
busybox mount -t proc proc /proc
busybox mount -t sysfs sysfs /sys
busybox mount -t devtmpfs devtmpfs /dev
for module in /modules/*; do busybox insmod $module; done
ip link set lo up
for device in $(ls /sys/class/net); do
    eval address=\\$$device
    [ -z "$address" ] || ip address add $address dev $device
    ip link set $device up
done
stty -F /dev/ttyS1 raw -echo
exec < /dev/ttyS1 > /dev/ttyS1 2>&1
printf '\\004%d\\n' 0
while read -r command; do
    sh -c "$command" < /dev/null
    printf '\\004%d\\n' $?
done
poweroff -f
"""


@dataclass(frozen=True, slots=True)
class GuestImage:
    """What a guest boots: two files for QEMU's -kernel and -initrd, or libvirt's <kernel> and <initrd>."""

    kernel: Path
    initramfs: Path


def find(cache: Path = CACHE) -> GuestImage | None:
    """The image in `cache` if it is there and was built with the packages, modules and /init named above."""
    image = image_in(cache)
    return image if image.kernel.exists() and image.initramfs.exists() else None


def build(kernel_package: Path, busybox_package: Path, cache: Path = CACHE) -> GuestImage:
    """Build the image from two downloaded .deb files; what an earlier version left in `cache` is replaced.

    Raises subprocess.CalledProcessError if dpkg cannot unpack a package, LookupError if one lacks what it
    should hold.
    """
    cache.mkdir(parents=True, exist_ok=True)
    image = image_in(cache)
    with tempfile.TemporaryDirectory(dir=cache) as directory:
        unpacked = Path(directory)
        for package in (kernel_package, busybox_package):
            subprocess.run(["dpkg-deb", "-x", package, unpacked], check=True, capture_output=True)
        kernel = next((unpacked / "boot").glob("vmlinuz-*"), None)
        busybox = next(
            (p for p in (unpacked / "bin/busybox", unpacked / "usr/bin/busybox") if p.exists()), None
        )
        if kernel is None or busybox is None:
            raise LookupError(f"{kernel_package.name} holds no kernel or {busybox_package.name} no busybox")
        modules = list(modules_in_order(MODULES, unpacked))
        initramfs = unpacked / "initramfs"
        initramfs.write_bytes(cpio(initramfs_entries(busybox.read_bytes(), modules)))
        for old in (*cache.glob("vmlinuz-*"), *cache.glob("initramfs-*")):
            old.unlink()
        kernel.replace(image.kernel)
        initramfs.replace(image.initramfs)
    return image


def image_in(cache: Path) -> GuestImage:
    ingredients = repr((KERNEL_PACKAGE, BUSYBOX_PACKAGE, MODULES, INIT))
    recipe = hashlib.sha256(ingredients.encode()).hexdigest()[:12]
    return GuestImage(cache / f"vmlinuz-{recipe}", cache / f"initramfs-{recipe}.cpio")


def modules_in_order(wanted: Iterable[str], root: Path) -> Iterator[tuple[str, bytes]]:
    """The wanted modules and those they depend on, as (name, uncompressed ELF), each after its dependencies.

    A package has no modules.dep (depmod makes it at installation), so the dependencies are read from the
    modules themselves. Modules compiled into the kernel are left out.
    """
    tree = next(root.glob("**/lib/modules/*"), None)
    if tree is None:
        raise LookupError("the kernel package has no modules")
    files = {path.name.split(".")[0].replace("-", "_"): path for path in tree.glob("kernel/**/*.ko*")}
    builtin = {Path(line).stem.replace("-", "_") for line in (tree / "modules.builtin").read_text().split()}
    done: set[str] = set()

    def visit(name: str) -> Iterator[tuple[str, bytes]]:
        if name in done or name in builtin:
            return
        if name not in files:
            raise LookupError(f"the kernel package has no module {name}")
        done.add(name)
        content = read_module(files[name])
        depends = re.search(rb"\0depends=([\w,-]+)\0", content)
        for dependency in depends[1].decode().split(",") if depends else ():
            yield from visit(dependency.replace("-", "_"))
        yield name, content

    for name in wanted:
        yield from visit(name)


def read_module(path: Path) -> bytes:
    """The ELF file of a module that may be compressed, as it is from Debian 13 (xz) and in Ubuntu (zstd)."""
    if path.suffix == ".xz":
        return lzma.decompress(path.read_bytes())
    if path.suffix == ".zst":
        return subprocess.run(["zstd", "-dcq", path], check=True, capture_output=True).stdout
    return path.read_bytes()


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of an initramfs; `device` is the (major, minor) of a device node."""

    name: str
    mode: int
    content: bytes = b""
    device: tuple[int, int] = (0, 0)


def initramfs_entries(busybox: bytes, modules: Iterable[tuple[str, bytes]]) -> Iterator[Entry]:
    for directory in ("bin", "dev", "modules", "proc", "sys", "tmp"):
        yield Entry(directory, stat.S_IFDIR | 0o755)
    # The kernel opens /dev/console for init before init can mount devtmpfs.
    yield Entry("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))
    yield Entry("bin/busybox", stat.S_IFREG | 0o755, busybox)
    for position, (name, content) in enumerate(modules):
        yield Entry(f"modules/{position:02}-{name}.ko", stat.S_IFREG | 0o644, content)
    yield Entry("init", stat.S_IFREG | 0o755, INIT.encode())


def cpio(entries: Iterable[Entry]) -> bytes:
    """An archive in the one format the kernel unpacks, "newc".

    Written here rather than with cpio(1), which needs root to have a device node to pack. Source: the
    kernel's Documentation/driver-api/early-userspace/buffer-format.rst.
    """
    archive = bytearray()
    for inode, entry in enumerate((*entries, Entry("TRAILER!!!", 0)), start=1):
        name = entry.name.encode() + b"\0"
        fields = (inode, entry.mode, 0, 0, 1, 0, len(entry.content), 0, 0, *entry.device, len(name), 0)
        archive += b"070701" + b"".join(b"%08x" % field for field in fields) + name
        archive += bytes(-len(archive) % 4) + entry.content
        archive += bytes(-len(archive) % 4)
    return bytes(archive)
