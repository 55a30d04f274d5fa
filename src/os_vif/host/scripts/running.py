"""Runs programs, several at a time, each for a limited time and with nothing inherited.

A job is a generator: it yields the Call to make next and is sent how it Ended. `run` drives any number of jobs, one
thread for all of them: os_vif.host.scripts.keeper calls it.
"""

from __future__ import annotations

import os
import secrets
import selectors
import shutil
import signal
import subprocess
import time
from collections import deque
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from os_vif.host.scripts import ending
from os_vif.host.scripts.fields import RUN

_GRACE = (
    5.0  # seconds from SIGTERM to SIGKILL, and from there until a process is given up that cannot be killed
)
_LOOK = 0.05  # seconds; whether a family that was told to end is gone, nobody tells
_TAIL = 4096  # bytes of standard error that are kept
_LINES = 5
_LINE_MAX = 300  # characters

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Call:
    """One run of a program.

    payload: its standard input; environment: all of it; timeout: seconds.
    """

    path: str
    argument: str
    payload: str
    environment: Mapping[str, str]
    timeout: float


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended.

    code: its exit code, negative for the signal it died of, None if it was ended for taking too long or not begun;
    text: why, and the last lines of its standard error, in words; seconds: how long it took.
    """

    code: int | None
    text: str
    seconds: float = 0.0


Job = Generator[Call, Ended, Result]


def run(jobs: Sequence[Job[Result]], at_once: int) -> list[Result]:
    """Do all jobs, no more than `at_once` at any time; returns what they return."""
    results: dict[int, Result] = {}
    waiting = deque(enumerate(jobs))
    running: dict[int, _Process] = {}
    with selectors.DefaultSelector() as selector:
        try:
            while waiting or running:
                while waiting and len(running) < max(1, at_once):
                    number, job = waiting.popleft()
                    _go_on(number, job, None, running, results, selector)
                _wait(running, selector)
                for number, process in list(running.items()):
                    ended = process.ended()
                    if ended is not None:
                        del running[number]
                        _go_on(number, jobs[number], ended, running, results, selector)
        finally:  # with nothing running, unless we are interrupted ourselves
            for process in running.values():
                process.abandon()
    return [results[number] for number in range(len(jobs))]


def _go_on(
    number: int,
    job: Job[Result],
    ended: Ended | None,
    running: dict[int, _Process],
    results: dict[int, Result],
    selector: selectors.BaseSelector,
) -> None:
    """Let a job hear how its call ended (None: it begins), and make its next call."""
    try:
        while True:
            call = next(job) if ended is None else job.send(ended)
            try:
                running[number] = _Process(call, selector)
            except OSError as error:
                ended = Ended(None, f"it could not be started: {error.strerror or error}")
            else:
                return
    except StopIteration as stop:
        results[number] = stop.value


def _wait(running: Mapping[int, _Process], selector: selectors.BaseSelector) -> None:
    if running:
        now = time.monotonic()
        for key, _ in selector.select(max(0.0, min(p.next_look(now) for p in running.values()))):
            key.data()


class _Process:
    """A program that runs; the leader of a session and process group of its own."""

    def __init__(self, call: Call, selector: selectors.BaseSelector) -> None:
        self._call = call
        self._selector = selector
        self._run = secrets.token_hex(16)
        self._began = time.monotonic()
        self._deadline = self._began + call.timeout
        self._signal: signal.Signals | None = None
        self._look_at = 0.0
        self._tail = b""
        self._exited = False
        self._errors, errors = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            os.set_blocking(errors, True)
            self._process = self._started(errors)
            self._pidfd = os.pidfd_open(self._process.pid)
        except BaseException:
            os.close(self._errors)
            raise
        finally:
            os.close(errors)
        selector.register(self._errors, selectors.EVENT_READ, self._read)
        selector.register(self._pidfd, selectors.EVENT_READ, self._left)

    def _started(self, errors: int) -> subprocess.Popen[bytes]:
        # a file in memory: whether, when and how much of it the program reads keeps nobody waiting
        payload = os.memfd_create("os-vif", os.MFD_CLOEXEC)
        try:
            os.write(payload, self._call.payload.encode())
            os.lseek(payload, 0, os.SEEK_SET)
            return subprocess.Popen(  # the path was checked, see finding
                [*_dying_with_us(), self._call.path, self._call.argument],
                stdin=payload,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                cwd="/",
                env={**self._call.environment, RUN: self._run},
                umask=0o077,
                start_new_session=True,
            )
        finally:
            os.close(payload)

    def next_look(self, now: float) -> float:
        """Seconds until there is something to do, if nothing happens before."""
        if self._exited and self._signal is None:
            return 0.0
        left = self._deadline - now
        return left if self._signal is None else min(left, _LOOK)

    def ended(self) -> Ended | None:
        """How it ended; None if it still runs. What runs too long is told to end, then killed."""
        now = time.monotonic()
        if self._signal is None:
            if self._exited:
                return self._finish(None)
            if now >= self._deadline:
                self._end(signal.SIGTERM)
            return None
        if now < self._look_at:
            return None
        self._look_at = now + _LOOK
        family = ending.family(self._process.pid, self._run)
        if self._exited and not family:
            return self._finish(f"it was ended after {self._call.timeout:g} s")
        if now >= self._deadline:
            if self._signal is signal.SIGKILL:
                return self._finish(f"it took more than {self._call.timeout:g} s, and cannot be killed")
            self._end(signal.SIGKILL)
        elif self._signal is signal.SIGKILL:
            ending.send(family, signal.SIGKILL)  # those that were just being born
        return None

    def abandon(self) -> None:
        """Kill it: nobody waits for it any more."""
        ending.send(ending.family(self._process.pid, self._run), signal.SIGKILL)
        self._finish("nobody waits for it any more")

    def _end(self, number: signal.Signals) -> None:
        self._signal = number
        self._deadline = time.monotonic() + _GRACE
        ending.send(ending.family(self._process.pid, self._run), number)

    def _read(self) -> None:
        try:
            read = os.read(self._errors, 2**16)
        except BlockingIOError:
            return
        if not read:
            self._selector.unregister(self._errors)
        self._tail = (self._tail + read)[-_TAIL:]

    def _left(self) -> None:
        self._exited = True
        self._selector.unregister(self._pidfd)

    def _finish(self, reason: str | None) -> Ended:
        """Close all of it and say how it was; reason: why it was ended, None if it exited by itself."""
        if self._exited:
            ending.end_group(self._process.pid)
        for _ in range(2):  # what it said last; a child of its that holds the pipe may go on saying things
            if self._errors in self._selector.get_map():
                self._read()
        code = self._reaped()
        for descriptor in (self._errors, self._pidfd):
            if descriptor in self._selector.get_map():
                self._selector.unregister(descriptor)
            os.close(descriptor)
        if reason is None:
            reason = "who knows how: others waited for it" if code is None else _how(code)
        else:
            code = None
        said = _last_lines(self._tail)
        return Ended(code, f"{reason}: {said}" if said else reason, time.monotonic() - self._began)

    def _reaped(self) -> int | None:
        """The exit code, or the negative signal; None if it still runs, or others have waited for it."""
        flags = os.WEXITED if self._exited else os.WEXITED | os.WNOHANG
        try:
            found = os.waitid(os.P_PIDFD, self._pidfd, flags)
        except ChildProcessError:
            return None
        if found is None:
            return None
        code = found.si_status if found.si_code == os.CLD_EXITED else -found.si_status
        self._process.returncode = code
        return code


def _how(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    return f"it died of {signal.Signals(-code).name if -code in set(signal.Signals) else f'signal {-code}'}"


def _last_lines(tail: bytes) -> str:
    lines = [line.strip() for line in tail.decode(errors="replace").splitlines()]
    kept = [line[:_LINE_MAX] for line in lines if line][-_LINES:]
    return "".join(c if c.isprintable() else "?" for c in " | ".join(kept))


def _dying_with_us() -> list[str]:
    """The program ends with the privileged side: who would hold it to its time, and let nobody else begin meanwhile?

    prctl(2), PR_SET_PDEATHSIG, which only a program that runs in between can ask for; without it the script is on its
    own if we die.
    """
    setpriv = shutil.which("setpriv", path="/usr/bin:/bin")
    return [setpriv, "--pdeathsig", "KILL"] if setpriv else []
