"""What may stand in the fields of a plug script's resource: checked where it is made, and on the privileged side.

Pure functions without imports of ours; os_vif.host.resources and vif_plug_script call them.
"""

from __future__ import annotations

import json
import re

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*\Z")
_NAME_MAX = 255  # bytes, NAME_MAX of uapi/linux/limits.h
_DEVICE_MAX = 4096
_PAYLOAD_MAX = 2**20
_ENVIRONMENT_MAX = (
    2**17
)  # bytes; the kernel takes as much for one variable (MAX_ARG_STRLEN), far more for all
_VARIABLE = re.compile(r"OS_VIF_[A-Z0-9_]{1,200}\Z")
RUN = "OS_VIF_RUN"
"""The variable that names one run of a script; it is given on the privileged side."""


def script_fault(name: object) -> str | None:
    """Why `name` cannot be a script's: it is looked up in directories, and must not lead out of them."""
    if not isinstance(name, str) or len(name) > _NAME_MAX or not NAME.match(name):
        return f"{name!r} is not a script's bare name of letters, digits, '_', '.' and '-', with no directory"
    return None


def device_fault(device: object) -> str | None:
    if not isinstance(device, str) or not 1 <= len(device) <= _DEVICE_MAX or not device.isprintable():
        return f"{device!r} is not the name of a device"
    return None


def payload_fault(payload: object) -> str | None:
    if not isinstance(payload, str) or len(payload) > _PAYLOAD_MAX:
        return f"must be text of at most {_PAYLOAD_MAX} characters"
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError) as error:
        return f"is not JSON: {error}"
    return None if isinstance(value, dict) else "is not a JSON object"


def environment_fault(environment: object) -> str | None:
    """The variables as pairs; nothing but OS_VIF_*: PATH, LD_PRELOAD and their like are not the caller's to say."""
    if not isinstance(environment, tuple):
        return f"{environment!r} is not a tuple of pairs"
    names: set[object] = set()
    size = 0
    for pair in environment:
        if not isinstance(pair, tuple) or len(pair) != 2:
            return f"{pair!r} is not a variable and its value"
        name, value = pair
        if not isinstance(name, str) or not _VARIABLE.match(name) or name == RUN or name in names:
            return f"{name!r} is not a variable of its own of the form OS_VIF_NAME"
        if not isinstance(value, str) or "\0" in value:
            return f"{name}: {value!r} is not text without NUL characters"
        try:
            size += len(name) + len(value.encode()) + 2
        except UnicodeEncodeError:
            return f"{name}: {value!r} cannot be encoded as UTF-8"
        names.add(name)
    return f"is {size} bytes long, at most {_ENVIRONMENT_MAX} are passed" if size > _ENVIRONMENT_MAX else None


FAULTS = {
    "script": script_fault,
    "device": device_fault,
    "payload": payload_fault,
    "environment": environment_fault,
}
