"""Every VIF as libvirt, QEMU and VMware are told of it, held against files that a person has read.

A file that is not there stands for a kind of guest that cannot have such a VIF. After a change that is meant, write
the files anew with `python -m tests.unit.virt.test_golden`, and read what git says has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from tests.unit.virt.cards import GOLDEN, SAMPLES, Sample

from os_vif import exception
from os_vif.virt import libvirt, qemu, vmx


def _qemu(sample: Sample) -> str:
    said = qemu.arguments(*sample)
    return "\n".join(" ".join(pair) for pair in zip(said[::2], said[1::2], strict=True))


RENDERERS: Mapping[str, Callable[[Sample], str]] = {
    "xml": lambda sample: libvirt.render(*sample),
    "args": _qemu,
    "vmx": lambda sample: "\n".join(vmx.lines(*sample)),
}


def _rendered(name: str, kind: str) -> str | None:
    try:
        return RENDERERS[kind](SAMPLES[name]) + "\n"
    except exception.ExceptionBase:
        return None


@pytest.mark.parametrize("kind", RENDERERS)
@pytest.mark.parametrize("name", SAMPLES)
def test_it_is_as_it_was_read(name: str, kind: str) -> None:
    file = GOLDEN / f"{name}.{kind}"
    assert _rendered(name, kind) == (file.read_text() if file.exists() else None)


def test_every_file_is_of_a_sample() -> None:
    assert {file.stem for file in GOLDEN.iterdir()} <= SAMPLES.keys()


if __name__ == "__main__":
    for file in GOLDEN.iterdir():
        file.unlink()
    for name in SAMPLES:
        for kind in RENDERERS:
            text = _rendered(name, kind)
            if text is not None:
                (GOLDEN / f"{name}.{kind}").write_text(text)
