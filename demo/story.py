"""How the demonstration is told: numbered steps with their times, the commands typed and what they answered.

It reads the same without colours, in a log for example; NO_COLOR is respected.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

WIDTH = 88
INDENT = " " * 5


class NotAsSaidError(Exception):
    """Something did not happen as the story says; the message says what."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line below a step's title: something typed, or something that was answered."""

    text: str
    typed: bool = False


class Step:
    """What is told below a step's title. `directory` is where its commands run."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.lines: list[Line] = []

    def say(self, text: str) -> None:
        self.lines += [Line(line) for line in text.rstrip().splitlines()]

    def typed(self, command: str, prompt: str = "$") -> None:
        self.lines.append(Line(f"{prompt} {command}", typed=True))

    def run(self, *command: str, status: int = 0) -> str:
        """Run a command as a user would type it, show it and its output; returns the output.

        Raises NotAsSaidError if its exit code is not `status`.
        """
        self.typed(shlex.join(command))
        done = subprocess.run(
            command,
            cwd=self.directory,
            env=os.environ | {"COLUMNS": str(WIDTH - len(INDENT))},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        self.say(done.stdout)
        if done.returncode != 0:
            self.say(f"(exit code {done.returncode})")
        if done.returncode != status:
            raise NotAsSaidError(f"{command[0]} ended with exit code {done.returncode}, not {status}")
        return done.stdout


class Story:
    """Numbers the steps and prints them; `directory` is where their commands run."""

    def __init__(self, directory: Path, output: TextIO = sys.stdout) -> None:
        self.directory = directory
        self.output = output
        self.colour = output.isatty() and "NO_COLOR" not in os.environ
        self.started = time.monotonic()
        self.steps = 0

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """One step: its title at once, its time when it is over, then what it had to say.

        Lets exceptions through, after the step is shown as failed.
        """
        self.steps += 1
        step = Step(self.directory)
        self._print(self._bold(f"{self.steps:2}.  {title:<{WIDTH - 15}}"), end="")
        started = time.monotonic()
        try:
            yield step
        except BaseException:
            self._print(self._bold("   FAILED"))
            self._details(step.lines)
            raise
        self._print(f"{time.monotonic() - started:7.2f} s")
        self._details(step.lines)

    def end(self, text: str) -> None:
        self._print(self._bold(f"     {text:<{WIDTH - 15}}") + f"{time.monotonic() - self.started:7.2f} s")

    def _details(self, lines: Sequence[Line]) -> None:
        for line in lines:
            self._print(INDENT + line.text if line.typed else self._dim(INDENT + line.text))
        self._print("")

    def _bold(self, text: str) -> str:
        return f"\033[1m{text}\033[0m" if self.colour else text

    def _dim(self, text: str) -> str:
        return f"\033[2m{text}\033[0m" if self.colour else text

    def _print(self, text: str, end: str = "\n") -> None:
        print(text, end=end, file=self.output, flush=True)
