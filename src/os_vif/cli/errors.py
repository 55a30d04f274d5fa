"""Exit codes, and errors as they are told to a person: what failed, and a hint at what to do.

Every exception that a command meets comes through `explain`; the codes are documented in `os-vif --help` and are
kept stable for scripts.
"""

from __future__ import annotations

import enum
import errno
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import typer

from os_vif import exception


class ExitCode(enum.IntEnum):
    """What the process exits with."""

    DONE = 0
    DIFFERENT = 1
    BAD_INPUT = 2
    NOT_SUPPORTED = 3
    FAILED = 4
    NO_PRIVILEGES = 5
    TRY_LATER = 75  # EX_TEMPFAIL of sysexits.h, as plug scripts have it
    INTERRUPTED = 130


class InputError(Exception):
    """The input or the command line is not usable; hint: what to do about it."""

    def __init__(self, text: str, hint: str = "") -> None:
        super().__init__(text)
        self.hint = hint


class SomeFailed(Exception):  # noqa: N818  # a report of errors
    """Some of many VIFs (or links) failed; failures: their ids (names) to the error of each."""

    def __init__(self, text: str, failures: Mapping[str, Exception]) -> None:
        super().__init__(text)
        self.failures = dict(failures)


@dataclass(frozen=True, slots=True)
class Failure:
    """An error for people and programs; details: object to sentence, where there is more than one."""

    error: str
    hint: str
    exit_code: ExitCode
    details: tuple[tuple[str, str], ...] = ()


# click's base of all errors in a command line; typer brings its own copy of click, or imports the original
_UsageError = typer.BadParameter.__bases__[0]
_PRIVILEGES_HINT = "run as root, or configure helper_command for the plugin's privileged daemon"
# their text is that of a difference between plan and host, where a hint follows a semicolon
_REFUSALS = (
    exception.HostConflict,
    exception.NameCollision,
    exception.ResourceMissing,
    exception.WrongKind,
)
_REFUSED = (errno.EPERM, errno.EACCES)


def explain(error: Exception) -> Failure:
    """Say what an exception means to the user of the command."""
    if isinstance(error, SomeFailed):
        return _explain_some(error)
    if isinstance(error, InputError):
        return Failure(str(error), error.hint, ExitCode.BAD_INPUT)
    if isinstance(error, _UsageError):
        return _explain_usage(error)
    cause = _cause(error)
    text, hint = _split(_text(cause), "; " if isinstance(cause, _REFUSALS) else ". ")
    if isinstance(
        cause, exception.StepFailed
    ):  # its text ends with words of others, which are no hint of ours
        later = ". Try again later"
        text, hint = _text(cause).removesuffix(later), later[2:] if _text(cause).endswith(later) else ""
    code = _exit_code(cause)
    own_hint = getattr(cause, "hint", None)
    if isinstance(own_hint, str):  # of a connection that failed: its text ends with the hint
        text, hint = text.removesuffix(f": {own_hint}"), own_hint
    elif code is ExitCode.NO_PRIVILEGES:
        hint = _PRIVILEGES_HINT
    elif not isinstance(cause, exception.ExceptionBase | OSError) and code is ExitCode.FAILED:
        text, hint = (
            f"unexpected {type(cause).__name__}: {cause}",
            "run it again with --debug and report what it shows",
        )
    subject = _subject(error)
    return Failure(f"{subject}: {text}" if subject else text, hint, code)


def _explain_some(error: SomeFailed) -> Failure:
    each = {name: explain(reason) for name, reason in error.failures.items()}
    codes = {failure.exit_code for failure in each.values()}
    hints = Counter(failure.hint for failure in each.values() if failure.hint)
    return Failure(
        error=str(error),
        hint=hints.most_common(1)[0][0] if hints else "",
        exit_code=codes.pop() if len(codes) == 1 else ExitCode.FAILED,
        details=tuple((name, failure.error) for name, failure in each.items()),
    )


def _explain_usage(error: Exception) -> Failure:
    # click's errors know their context, and say their message with format_message()
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "os-vif"
    text = getattr(error, "format_message", error.__str__)()
    return Failure(text.rstrip("."), f"see '{path} --help'", ExitCode.BAD_INPUT)


def _cause(error: Exception) -> Exception:
    """What a plugin raised, out of the exception that the library wraps it in."""
    while isinstance(error, exception.PlugException | exception.UnplugException):
        inner = error.kwargs.get("err")
        if not isinstance(inner, Exception):
            break
        error = inner
    return error


def _subject(error: Exception) -> str:
    """The VIF a wrapped error is about, unless its text names the VIF itself."""
    if not isinstance(error, exception.PlugException | exception.UnplugException):
        return ""
    vif_id = str(getattr(error.kwargs.get("vif"), "id", ""))
    return f"VIF {vif_id}" if vif_id and vif_id not in _text(_cause(error)) else ""


def _text(error: Exception) -> str:
    return str(error) or type(error).__name__


def _split(text: str, separator: str) -> tuple[str, str]:
    """The library's errors say what failed first, and what to do in the rest."""
    error, _, hint = text.partition(separator)
    return error.rstrip("."), hint.strip().rstrip(".")


def _exit_code(error: Exception) -> ExitCode:
    from oslo_config import cfg
    from oslo_versionedobjects import exception as object_exception

    bad_input = (
        exception.InvalidObject,
        exception.InvalidVIF,
        exception.PlanConflict,
        exception.InvalidCard,
        object_exception.VersionedObjectsException,
        cfg.Error,
    )
    not_supported = (exception.NoMatchingPlugin, exception.CheckNotSupported, exception.NotForGuest)
    if isinstance(error, bad_input) or _is_bad_value(error):
        return ExitCode.BAD_INPUT
    if isinstance(error, not_supported):
        return ExitCode.NOT_SUPPORTED
    if isinstance(error, exception.TryAgainLater):
        return ExitCode.TRY_LATER
    if isinstance(error, exception.NoPrivileges) or _is_refused(error):
        return ExitCode.NO_PRIVILEGES
    return ExitCode.FAILED


def _is_bad_value(error: Exception) -> bool:
    """A value that somebody configured: the database's remote."""
    return isinstance(error, exception.ExceptionBase) and isinstance(error, ValueError)


def _is_refused(error: Exception) -> bool:
    """Whether more privileges were wanted; of a step, or a connection, that failed only the words are left."""
    if isinstance(error, OSError):
        return error.errno in _REFUSED
    words = [os.strerror(number) for number in _REFUSED]
    return isinstance(error, exception.ExceptionBase) and (
        error.kwargs.get("reason") in words or getattr(error, "reason", None) in words
    )
