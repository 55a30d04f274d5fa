"""`make demo` is told as it happens, and fails when something is not as said."""

import io
import re
import subprocess
import sys
from pathlib import Path

import pytest
from demo.story import NotAsSaidError, Story

from demo import libvirtd

REPOSITORY = Path(__file__).parents[3]


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "demo", *arguments],
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


@pytest.mark.integration
@pytest.mark.usefixtures("guest_image")
def test_the_demonstration_goes_as_said() -> None:
    told = demo()
    if told.returncode == 3:
        pytest.skip(told.stderr.strip())
    assert told.returncode == 0, told.stdout + told.stderr
    assert told.stderr == ""
    assert "\033" not in told.stdout
    assert "All as said." in told.stdout
    # What check and repair say about the broken VIF is the point of the story.
    assert re.search(r"^ *tap2 +mtu +1450 +1400 ", told.stdout, re.MULTILINE)
    assert re.search(r"^ *tap2 +master +- +br-demo$", told.stdout, re.MULTILINE)
    # The guests reach each other on the bridge, mended; on Open vSwitch, mended; hybrid.
    assert told.stdout.count("0 of 3 packets came back") == 2
    with_libvirt = libvirtd.missing() is None
    assert ("Guests of libvirt: left out" in told.stdout) != with_libvirt
    assert told.stdout.count("3 of 3 packets came back") == (12 if with_libvirt else 10)
    # They have not been booted for that, and Open vSwitch is left as it was found.
    assert told.stdout.count("Boot a guest on each tap") == 1
    assert told.stdout.count("runs on, up for") == 4
    assert re.search(r"^ *tap2 +present +yes +no ", told.stdout, re.MULTILINE)
    assert re.search(r"^ *QoS: 0, as before$", told.stdout, re.MULTILINE)


def test_an_act_that_is_not_known_is_refused() -> None:
    told = demo("vmware")
    assert (told.returncode, told.stderr) == (2, "usage: python -m demo [bridge|ovs|libvirt]\n")


def test_a_step_that_is_not_as_said_is_shown_with_what_was_answered(tmp_path: Path) -> None:
    output = io.StringIO()
    story = Story(tmp_path, output)
    with story.step("Goes well") as step:
        step.run("sh", "-c", "echo different; exit 1", status=1)
    with pytest.raises(NotAsSaidError, match="exit code 0, not 1"), story.step("Should fail") as step:
        step.run("echo", "all is well", status=1)

    lines = output.getvalue().splitlines()
    assert re.fullmatch(r" 1\.  Goes well +\d\.\d\d s", lines[0])
    assert lines[1:4] == [
        "     $ sh -c 'echo different; exit 1'",
        "     different",
        "     (exit code 1)",
    ]
    assert re.fullmatch(r" 2\.  Should fail +FAILED", lines[5])
    assert lines[6:8] == ["     $ echo 'all is well'", "     all is well"]
