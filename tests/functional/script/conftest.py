"""Hosts with plug scripts: a directory that only root may change, and the option that names it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from oslo_config import cfg

import os_vif

SECTION = "os_vif_script"


@pytest.fixture
def scripts(netns: None) -> Iterator[Path]:
    """A fresh host whose script_path is this directory; programs are searched in its subdirectory bin first."""
    if os.stat("/run").st_uid != 0:
        pytest.skip("plug scripts are taken from directories of root's only, and root is somebody else here")
    place = Path(tempfile.mkdtemp(prefix="os-vif-tests-", dir="/run"))
    place.chmod(0o755)
    (place / "bin").mkdir()
    os_vif.initialize()
    settings = {
        "script_path": str(place),
        "script_timeout": 20.0,
        "program_path": f"{place}/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    }
    for option, value in settings.items():
        cfg.CONF.set_override(option, value, SECTION)
    yield place
    for option in settings:
        cfg.CONF.clear_override(option, SECTION)
    shutil.rmtree(place)


@pytest.fixture
def script(scripts: Path) -> Callable[[str], Path]:
    """Writes the script `backend`, which notes its runs in the file `runs` beside it, then does what the text says.

    What is plugged, by these scripts' own account, is a file `plugged-<vif id>`.
    """

    def write(text: str) -> Path:
        path = scripts / "backend"
        path.write_text(
            "#!/bin/sh\n"
            f"cd {scripts}\n"
            'echo "$1 $OS_VIF_NAME" >> runs\n'
            f"{text}\n"
            "case $1 in\n"
            'plug) touch "plugged-$OS_VIF_ID" ;;\n'
            'unplug) rm -f "plugged-$OS_VIF_ID" ;;\n'
            'check) [ -e "plugged-$OS_VIF_ID" ] ;;\n'
            "esac\n"
        )
        path.chmod(0o755)
        return path

    return write
