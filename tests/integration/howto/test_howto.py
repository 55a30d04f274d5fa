"""docs/howto-backend.md, followed to the letter: its files written, its commands run, what they print compared."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.integration.howto.transcript import REPOSITORY, File, Shell, comparable, environment, steps

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


def test_a_new_backend_by_script_and_by_plugin(tmp_path: Path) -> None:
    if os.stat("/run").st_uid != 0 or Path("/proc/self/uid_map").read_text().split()[2] != str(2**32 - 1):
        pytest.skip("plug scripts are taken from directories of root's only, and root is somebody else here")
    document = (REPOSITORY / "docs" / "howto-backend.md").read_text()
    (tmp_path / "place").mkdir(mode=0o755)
    shell = Shell(tmp_path / "place", environment(tmp_path / "venv"))
    followed = 0
    try:
        for step in steps(document):
            if isinstance(step, File):
                shell.write(step)
                continue
            printed = shell.run(step.text)
            assert comparable(printed) == comparable(step.output), f"line {step.line + 1}: {step.text}"
            followed += 1
    finally:
        shell.close()
    assert followed > 40
