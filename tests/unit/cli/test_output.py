"""What is printed can be read, by people in any terminal and by programs."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys

import pytest
from tests.commandline import CommandLine

from os_vif.cli import output

FLAGS = ("--plugin", "linux_bridge", "--bridge", "br0", "--tap", "tap1")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        ("", "-"),
        (True, "yes"),
        (False, "no"),
        (1450, "1450"),
        ("tap1", "tap1"),
        ("ü", "ü"),
        ("a\x1b[2Jb\nc", "a\\x1b[2Jb\\nc"),
        ("\u202eabc", "\\u202eabc"),
        ("\udc80", "\\udc80"),
    ],
)
def test_shown(value: object, text: str) -> None:
    assert output.shown(value) == text


def test_a_piped_table_is_plain_columns(capsys: pytest.CaptureFixture[str]) -> None:
    long = "x" * 200
    output.show_table(("a", "longer"), [(1, long), ("[red]tap", None)])
    assert capsys.readouterr().out.splitlines() == ["A         LONGER", f"1         {long}", "[red]tap  -"]


def test_a_narrow_terminal_gets_groups(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "20")
    rows = [("x" * 15, "tap1", 1), ("x" * 15, "tap2", 2), ("y" * 15, "tap3", 3)]
    output.show_table(("vif", "device", "n"), rows, grouped=True)
    lines = ["VIF", "  DEVICE  N", "x" * 15, "  tap1    1", "  tap2    2", "y" * 15, "  tap3    3"]
    assert capsys.readouterr().out.splitlines() == lines


def _in_terminal(*arguments: str, columns: int) -> str:
    """What `os-vif ARGUMENTS` shows on a terminal so wide."""
    leader, follower = pty.openpty()
    code = f"import sys; from os_vif.cli import main; sys.exit(main({list(arguments)!r}))"
    environment = os.environ | {"COLUMNS": str(columns), "TERM": "xterm-256color"}
    environment.pop("NO_COLOR", None)
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=follower, stderr=follower, stdin=follower, env=environment
    )
    os.close(follower)
    shown = b""
    while select.select([leader], [], [], 30)[0]:
        try:
            shown += os.read(leader, 65536)
        except OSError:  # how a terminal says that its last user is gone
            break
    os.close(leader)
    assert process.wait(30) == 0, shown
    return shown.decode()


def test_a_table_on_a_terminal_fits_its_width_and_loses_nothing() -> None:
    text = _in_terminal("plan", *FLAGS, "--create-bridge", "--mac", "02:00:00:00:00:01", columns=40)
    lines = [_without_escapes(line) for line in text.splitlines()]
    assert "\x1b[1m" in text  # a bold header
    assert max(len(line.rstrip()) for line in lines) <= 40
    assert "…" not in text
    assert "fe:00:00:00:00:01" in "".join(line[8:30].strip() for line in lines)


def _without_escapes(line: str) -> str:
    while "\x1b[" in line:
        start = line.index("\x1b[")
        line = line[:start] + line[line.index("m", start) + 1 :]
    return line


@pytest.mark.parametrize(
    "arguments",
    [("host-info",), ("plan", *FLAGS), ("list",), ("list", "--shared"), ("gc", "--keep-none", "--dry-run")],
)
@pytest.mark.usefixtures("netns")
def test_json_is_one_value_on_standard_output(
    os_vif_command: CommandLine, arguments: tuple[str, ...]
) -> None:
    for spelling in (("-f", "json"), ("--format", "json"), ("--format=json",), ("-fjson",)):
        result = os_vif_command(*arguments, *spelling)
        assert (result.code, result.err) == (0, "")
        json.loads(result.out)


def test_a_terminal_without_rich_gets_plain_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "rich.console", None)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    output.show_table(("a",), [("1",)])
    assert capsys.readouterr().out == "A\n1\n"


def test_output_in_an_encoding_that_cannot_say_it() -> None:
    code = "from os_vif.cli import output; output.prepare_streams(); output.say('bridge ü')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "bridge \\xfc\n"
