"""What the tests with real guests share: they are skipped, with the reason, where no guest can be booted."""

import shutil

import pytest

from demo import guests, image


@pytest.fixture
def guest_image() -> image.GuestImage:
    """Kernel and initramfs that guests boot."""
    if shutil.which(guests.QEMU) is None:
        pytest.skip(f"{guests.QEMU} is not installed; python -m demo.prepare installs it")
    found = image.find()
    if found is None:
        pytest.skip("there is no guest image; python -m demo.prepare builds it")
    return found
