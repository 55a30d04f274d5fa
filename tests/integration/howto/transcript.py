"""A document that can be followed: its files and its commands in order, and a shell that does what it says.

test_howto.py follows docs/howto-backend.md. `python -m tests.integration.howto.transcript FILE`, as root, follows
FILE and writes what the commands print today into it: for whoever changes the document or what it shows.

In such a document a file is a line that ends with its name, `name`:, and then a fenced block. A command is a line of
a block ```console that begins with "# "; the lines up to the next are what it prints, "(exit code N)" unless N is 0.
"""

from __future__ import annotations

import os
import re
import selectors
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[3]
PLACE = Path("/srv/cloud")
"""Where the document's reader works: the files of a plug script must be in a directory of root's own."""

_PROMPT = "# "
_FILE = re.compile(r"`([^`]+)`:\Z")
_MARK = "end-of-what-a-command-prints"
_SECONDS = 30.0  # for one command
_VARIABLE = (
    (re.compile(r"\b\d+\.\d{3} s\b"), "N.NNN s"),
    (re.compile(r"\b(?!02:00|fe:00)[0-9a-f]{2}(:[0-9a-f]{2}){5}\b"), "an address"),
)
"""What may differ between two runs: how long something took, and an address that the kernel chose."""


@dataclass(frozen=True, slots=True)
class File:
    """A file of the document's; name: below PLACE."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Command:
    """A command; output: what the document says it prints; line: number of the command's line, from 0."""

    text: str
    output: str
    line: int


def steps(document: str) -> Iterator[File | Command]:
    """What a reader does, in order."""
    before = ""
    lines = list(enumerate(document.splitlines()))
    while lines:
        _, line = lines.pop(0)
        if not line.startswith("```"):
            before = line or before
            continue
        block = []
        while (inner := lines.pop(0))[1] != "```":
            block.append(inner)
        if line == "```console":
            yield from _commands(block)
        elif name := _FILE.search(before):
            yield File(name[1], "".join(f"{text}\n" for _, text in block))
        before = ""


def _commands(block: list[tuple[int, str]]) -> Iterator[Command]:
    starts = [i for i, (_, text) in enumerate(block) if text.startswith(_PROMPT)]
    for start, end in zip(starts, [*starts[1:], len(block)], strict=True):
        number, text = block[start]
        yield Command(
            text.removeprefix(_PROMPT), "".join(f"{line}\n" for _, line in block[start + 1 : end]), number
        )


def comparable(output: str) -> str:
    """An output without what may differ between two runs."""
    for pattern, replacement in _VARIABLE:
        output = pattern.sub(replacement, output)
    return output


class Shell:
    """A shell of root's, with PLACE and the engine's directory of locks its own; a command may be a new shell."""

    def __init__(self, place: Path, environment: Mapping[str, str]) -> None:
        self._place = place
        private = (
            "set -e; mkdir -p /run/os-vif; mount -t tmpfs tmpfs /run/os-vif; "
            f'mount -t tmpfs -o mode=755 tmpfs {PLACE.parent}; mkdir {PLACE}; mount --bind "$1" {PLACE}; exec bash'
        )
        self._process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", private, "sh", str(place)],
            cwd="/",
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def close(self) -> None:
        """End it, and the shells within: they read from the same pipe."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        finally:
            self._process.kill()
            self._process.wait()
            self._process.stdout.close()

    def write(self, file: File) -> None:
        """As an editor does it: into a directory that must be there."""
        self._place.joinpath(file.name).write_text(file.text)

    def run(self, command: str) -> str:
        """What it prints, standard error too, and its exit code in words if that is not 0.

        :raises TimeoutError: it takes longer than half a minute
        """
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\nprintf '\\n{_MARK} %d\\n' $?\n".encode())
        self._process.stdin.flush()
        printed, code = self._until_mark(command)
        if printed and not printed.endswith("\n"):
            printed += "\n"
        return printed if code == 0 else f"{printed}(exit code {code})\n"

    def _until_mark(self, command: str) -> tuple[str, int]:
        assert self._process.stdout is not None
        printed, until = b"", time.monotonic() + _SECONDS
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while True:
                if not selector.select(until - time.monotonic()):
                    raise TimeoutError(
                        f"{command}: still runs after {_SECONDS:g} s; so far: {printed.decode()}"
                    )
                read = os.read(self._process.stdout.fileno(), 2**16)
                printed += read
                if found := re.search(rb"\n%s (\d+)\n\Z" % _MARK.encode(), printed):
                    return printed[: found.start()].decode(), int(found[1])
                if not read:
                    raise EOFError(f"{command}: the shell ended; it printed: {printed.decode()}")


def environment(directory: Path) -> dict[str, str]:
    """Variables of a reader who has os-vif in a virtual environment, made here, that he may change.

    It has all that the tests' own environment has, and the same programs `os-vif` and `pip`.
    """
    venv.create(directory, symlinks=True)
    (packages,) = directory.glob("lib/python*/site-packages")
    ours = [path for path in sys.path if path.endswith("site-packages")]
    packages.joinpath("tests.pth").write_text(
        "".join(f"import site; site.addsitedir({path!r})\n" for path in ours)
    )
    python = directory / "bin/python"
    for program in ("os-vif", "pip"):
        script = Path(sys.prefix, "bin", program).read_text()
        mine = directory / "bin" / program
        mine.write_text(f"#!{python}\n" + script.partition("\n")[2])
        mine.chmod(0o755)
    return {
        "PATH": f"{directory}/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(directory),
        "LANG": "C.UTF-8",
        "PIP_NO_INDEX": "1",  # what pip needs is there
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_ROOT_USER_ACTION": "ignore",
    }


def _rewrite(path: Path) -> None:
    """Follow the document, and write into it what its commands print."""
    document = path.read_text()
    lines: list[str | None] = [*document.splitlines()]
    place = Path(tempfile.mkdtemp())
    try:
        place.joinpath("place").mkdir()
        shell = Shell(place / "place", environment(place / "venv"))
        try:
            for step in steps(document):
                if isinstance(step, File):
                    shell.write(step)
                    continue
                now = shell.run(step.text)
                print(f"{_PROMPT}{step.text}\n{now}", end="")
                if comparable(now) != comparable(step.output):
                    old = len(step.output.splitlines())
                    lines[step.line : step.line + old + 1] = [
                        f"{_PROMPT}{step.text}\n{now}".rstrip("\n"),
                        *[None] * old,
                    ]
        finally:
            shell.close()
    finally:
        shutil.rmtree(place)
    path.write_text("".join(f"{line}\n" for line in lines if line is not None))


if __name__ == "__main__":
    _rewrite(Path(sys.argv[1]))
