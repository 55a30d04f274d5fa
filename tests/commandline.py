"""The command `os-vif` in tests: run in this process, with what it printed and its exit code."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass

import pytest

from os_vif import cli


@dataclass(frozen=True, slots=True)
class Result:
    """What a command line did; `data` is its standard output as JSON."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> object:
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, object]:
        """Standard error of a command that was run with -f json."""
        value = json.loads(self.err)
        assert isinstance(value, dict)
        return value


class CommandLine:
    """Runs `os-vif ARGUMENTS` as the installed script does."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys = capsys
        self._monkeypatch = monkeypatch

    def __call__(self, *arguments: object, stdin: str | bytes = "") -> Result:
        raw = stdin.encode() if isinstance(stdin, str) else stdin
        self._monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(raw)))
        self._capsys.readouterr()
        code = cli.main([str(argument) for argument in arguments])
        captured = self._capsys.readouterr()
        return Result(code, captured.out, captured.err)


@pytest.fixture
def os_vif_command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    return CommandLine(capsys, monkeypatch)
