"""The initramfs: made from packages of every Debian there is, and unpacked by the kernel as it was packed."""

import lzma
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from demo.image import Entry, cpio, modules_in_order


def elf(depends: str) -> bytes:
    return b"\x7fELF" + b"\0license=GPL\0depends=" + depends.encode() + b"\0name=x\0"


def compressed(kind: str, content: bytes) -> bytes:
    if kind == ".xz":
        return lzma.compress(content)
    if kind == ".zst":
        if shutil.which("zstd") is None:
            pytest.skip("zstd is not installed")
        return subprocess.run(["zstd", "-cq"], input=content, capture_output=True, check=True).stdout
    return content


@pytest.mark.parametrize("kind", ["", ".xz", ".zst"])
@pytest.mark.parametrize("prefix", ["lib", "usr/lib"])
def test_modules_come_after_those_they_depend_on(tmp_path: Path, kind: str, prefix: str) -> None:
    tree = tmp_path / prefix / "modules" / "6.1.0"
    modules = {"net/virtio_net": "net_failover,virtio", "net/net-failover": "failover", "net/failover": ""}
    modules |= {"virtio/virtio_pci": "virtio,virtio_ring", "virtio/virtio_ring": "", "sound/other": ""}
    for name, depends in modules.items():
        file = tree / "kernel" / "drivers" / f"{name}.ko{kind}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(compressed(kind, elf(depends)))
    (tree / "modules.builtin").write_text("kernel/drivers/virtio/virtio.ko\n")

    found = list(modules_in_order(["virtio_pci", "virtio_net"], tmp_path))

    assert [name for name, _ in found] == [
        "virtio_ring",
        "virtio_pci",
        "failover",
        "net_failover",
        "virtio_net",
    ]
    assert dict(found)["virtio_pci"] == elf("virtio,virtio_ring")


def test_a_package_without_the_module_says_which(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="no modules"):
        list(modules_in_order(["virtio_net"], tmp_path))
    (tmp_path / "lib/modules/6.1.0").mkdir(parents=True)
    (tmp_path / "lib/modules/6.1.0/modules.builtin").write_text("")
    with pytest.raises(LookupError, match="virtio_net"):
        list(modules_in_order(["virtio_net"], tmp_path))


def test_the_archive_unpacks_to_what_was_packed(tmp_path: Path) -> None:
    program = shutil.which("cpio")
    if program is None:
        pytest.skip("cpio is not installed")
    entries = [
        Entry("bin", stat.S_IFDIR | 0o755),
        *(Entry(f"bin/{size}", stat.S_IFREG | 0o755, b"x" * size) for size in range(6)),
    ]
    archive = cpio([*entries, Entry("console", stat.S_IFCHR | 0o600, device=(5, 1))])

    listed = subprocess.run([program, "-itv", "--quiet"], input=archive, capture_output=True, check=True)
    assert listed.stdout.decode().splitlines()[-1].split()[0] == "crw-------"
    assert b"5,   1" in listed.stdout
    subprocess.run([program, "-id", "--quiet", "bin*"], input=archive, cwd=tmp_path, check=True)
    for size in range(6):
        file = tmp_path / "bin" / str(size)
        assert file.read_bytes() == b"x" * size
        assert stat.S_IMODE(file.stat().st_mode) == 0o755
