"""Which file is run when a plan names a plug script: found by bare name, only where nobody but root can change it.

Every directory on the way, symbolic links followed by hand, and the file itself must belong to root (or to the user
the privileged side runs as) and be writable by nobody else. So nobody but root could use the time between check and
use: what was checked can be run by its path, and the script gets no open descriptor along.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from os_vif.host.scripts.fields import script_fault

_LINKS_MAX = 40  # as many as the kernel follows
_MAGIC = (b"#!", b"\x7fE")  # of a script with an interpreter, and of an ELF program


class NotFoundError(Exception):
    """No directory has a script of that name."""


class UnsafeError(Exception):
    """A script, or the way to it, is not fit to be run with privileges."""


def directories(script_path: str) -> tuple[str, ...]:
    """The directories of the option script_path, in their order."""
    return tuple(part for part in script_path.split(":") if part)


def find(name: str, places: Sequence[str]) -> str:
    """The path, without symbolic links, of the script `name` in the first of the directories that has it.

    :raises NotFoundError: none of them has it; says which were searched
    :raises UnsafeError: others than root could change it or a directory that would be searched, or it is no program
    """
    fault = script_fault(name)
    if fault:
        raise UnsafeError(fault)
    for directory in places:
        try:
            place = _walk(directory)
        except FileNotFoundError:
            continue
        try:
            return _program(os.path.join(place, name))
        except FileNotFoundError:
            continue
    where = " or ".join(places) or "(script_path is empty)"
    raise NotFoundError(
        f"there is no plug script {name} in {where}; install it, or set script_path in [os_vif_script]"
    )


def is_installed(name: str, places: Sequence[str]) -> bool:
    """Whether a directory has a script of that name; for anybody. Who may not look assumes that it has."""
    for directory in places:
        try:
            os.stat(os.path.join(directory, name))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            return True
        return True
    return False


def any_installed(places: Sequence[str]) -> bool:
    """Whether any directory has anything that could be a script; for anybody, as is_installed."""
    for directory in places:
        try:
            if any(script_fault(name) is None for name in os.listdir(directory)):
                return True
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            return True
    return False


def _walk(path: str) -> str:
    """The directory without symbolic links; all directories on the way are fit to lead to scripts."""
    place, info = _resolved(path)
    if not stat.S_ISDIR(info.st_mode):
        raise UnsafeError(f"{path} is not a directory; script_path in [os_vif_script] lists directories")
    return place


def _program(path: str) -> str:
    place, info = _resolved(path)
    if not stat.S_ISREG(info.st_mode) or not info.st_mode & stat.S_IXUSR:
        raise UnsafeError(f"{place} is not an executable file; chmod 755 it")
    with open(place, "rb") as file:
        if file.read(2) not in _MAGIC:
            raise UnsafeError(f"{place} is not a program: a script begins with #! and its interpreter")
    return place


def _resolved(path: str) -> tuple[str, os.stat_result]:
    """Where a path leads, and what is there; each step of the way was checked before the next was taken."""
    if not path.startswith("/"):
        raise UnsafeError(f"{path!r} is not an absolute path; correct script_path in [os_vif_script]")
    place, info = "/", os.lstat("/")
    _check("/", info)
    links = 0
    parts = path.split("/")[::-1]
    while parts:
        part = parts.pop()
        if part in ("", "."):
            continue
        place = os.path.dirname(place) if part == ".." else os.path.join(place, part)
        info = os.lstat(place)
        if stat.S_ISLNK(info.st_mode):
            links += 1
            if links > _LINKS_MAX:
                raise UnsafeError(f"{path}: {os.strerror(errno.ELOOP)}")
            target = os.readlink(place)
            place = "/" if target.startswith("/") else os.path.dirname(place)
            info = os.lstat(place)
            parts += target.split("/")[::-1]
            continue
        _check(place, info)
        if any(parts) and not stat.S_ISDIR(info.st_mode):
            raise UnsafeError(f"{place} is not a directory, on the way to {path}")
    return place, info


def _check(place: str, info: os.stat_result) -> None:
    if info.st_uid not in _trusted():
        raise UnsafeError(
            f"{place} belongs to user {info.st_uid}, not to root; chown it, scripts are run as root"
        )
    if info.st_mode & (stat.S_IWGRP | stat.S_IWOTH):  # also where an access control list lets somebody write
        mode = stat.S_IMODE(info.st_mode)
        raise UnsafeError(f"{place} can be written by others than root (mode {mode:o}); chmod go-w it")


def _trusted() -> set[int]:
    """Owners whose files may be run: root, and who we are. In a user namespace, root outside has the number of all
    who are not known inside; there is no privilege to be gained there but that of its maker.
    """
    owners = {0, os.geteuid()}
    if Path("/proc/self/uid_map").read_text().split() != ["0", "0", str(2**32 - 1)]:
        owners.add(int(Path("/proc/sys/kernel/overflowuid").read_text()))
    return owners
