import pytest

import os_vif


@pytest.fixture
def host(netns: None) -> None:
    """A fresh, empty host with os-vif ready."""
    os_vif.initialize()
