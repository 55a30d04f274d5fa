"""The keeper of plug scripts: what the engine asks for, as runs of `plug`, `unplug` and `check`.

A privsep entry point that may run scripts makes one from its own configuration (vif_plug_script.privsep).
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Protocol

from os_vif.host.hidden import LaterError, Undo
from os_vif.host.resources import Hidden, Script
from os_vif.host.scripts.finding import NotFoundError, UnsafeError, directories, find
from os_vif.host.scripts.running import Call, Ended, Job, Result, run

LOG = logging.getLogger(__name__)

PLUG, UNPLUG, CHECK = "plug", "unplug", "check"
DONE, LATER = 0, 75
"""Exit codes: 75 is EX_TEMPFAIL of sysexits.h; all others are failures."""


class Section(Protocol):
    """The options of vif_plug_script that are for the privileged side."""

    @property
    def script_path(self) -> str: ...
    @property
    def script_timeout(self) -> float: ...
    @property
    def program_path(self) -> str: ...
    @property
    def scripts_at_once(self) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the privileged side's own configuration says.

    directories: where scripts are, first come first served; timeout: seconds that one run may take; program_path: the
    PATH of scripts; at_once: how many run at any time.
    """

    directories: tuple[str, ...]
    timeout: float
    program_path: str
    at_once: int

    @classmethod
    def of(cls, section: Section) -> Settings:
        """Out of the section [os_vif_script] of a configuration."""
        return cls(
            directories=directories(section.script_path),
            timeout=section.script_timeout,
            program_path=section.program_path,
            at_once=section.scripts_at_once,
        )


class ScriptError(Exception):
    """A script failed: which run of it, how, and the last lines of what it said."""


class ScriptKeeper:
    """An os_vif.host.hidden.Keeper. Scripts of several resources run at the same time."""

    kind: type[Hidden] = Script

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def look(self, resources: Sequence[Hidden]) -> list[str | Exception]:
        """What `check` says; a script that cannot be asked, because it is not there, connects nothing either."""
        return self._run([self._looking(script) for script in resources])

    def place(self, resources: Sequence[Hidden], *, looked: bool) -> list[Undo | Exception | None]:
        """`check`, unless that was done, then `plug` where it fails, then `unplug` where that fails."""
        return self._run([self._placing(script, looked) for script in resources])

    def remove(self, resources: Sequence[Hidden]) -> list[Exception | None]:
        return self._run([self._removing(script) for script in resources])

    def call(self, script: Script, action: str, *, payload: str | None = None) -> Call:
        """One run of a script; payload: instead of the resource's own.

        :raises NotFoundError: or UnsafeError: there is no script of that name that may be run
        """
        environment = {"PATH": self._settings.program_path, "LANG": "C.UTF-8", **dict(script.environment)}
        return Call(
            path=find(script.script, self._settings.directories),
            argument=action,
            payload=script.payload if payload is None else payload,
            environment=environment,
            timeout=self._settings.timeout,
        )

    def run(self, call: Call) -> Ended:
        """Make one call, alone."""

        def once() -> Job[Ended]:
            return (yield call)

        return self._run([once()])[0]

    def _run(self, jobs: Sequence[Job[Result]]) -> list[Result]:
        return run(jobs, self._settings.at_once)

    def _asked(self, script: Hidden, action: str) -> Generator[Call, Ended, Ended]:
        assert isinstance(script, Script)
        ended = yield self.call(script, action)
        LOG.debug("Script %s %s for %s: %s", script.script, action, script.device, ended.text)
        return ended

    def _looking(self, script: Hidden) -> Job[str | Exception]:
        try:
            ended = yield from self._asked(script, CHECK)
        except (NotFoundError, UnsafeError, OSError) as error:
            return str(error)
        if ended.code == DONE:
            return ""
        if ended.code == LATER:
            return LaterError(f"cannot tell now whether it is plugged, {ended.text}")
        return f"says that it is not plugged, {ended.text}"

    def _placing(self, script: Hidden, looked: bool) -> Job[Undo | Exception | None]:
        try:
            if not looked:
                ended = yield from self._asked(script, CHECK)
                if ended.code == DONE:
                    return None
                if ended.code == LATER:  # what might be there must not be unplugged for a plug that fails
                    return LaterError(f"check: {ended.text}")
            ended = yield from self._asked(script, PLUG)
            if ended.code == DONE:
                return lambda: self._undo(script)
            error = _failure(PLUG, ended)
            undone = yield from self._asked(script, UNPLUG)
            if undone.code != DONE:
                error = type(error)(f"{error}; then {UNPLUG}, to undo it: {undone.text}")
        except (NotFoundError, UnsafeError, OSError) as problem:
            return problem
        return error

    def _removing(self, script: Hidden) -> Job[Exception | None]:
        try:
            ended = yield from self._asked(script, UNPLUG)
        except (NotFoundError, UnsafeError, OSError) as error:
            return error
        return None if ended.code == DONE else _failure(UNPLUG, ended)

    def _undo(self, script: Hidden) -> None:
        (error,) = self.remove([script])
        if error is not None:
            raise error


def _failure(action: str, ended: Ended) -> Exception:
    kind = LaterError if ended.code == LATER else ScriptError
    return kind(f"{action}: {ended.text}")
