"""Values that a network service sent, each read by the type it must have: the ground floor of the converters.

Ports come from services of other versions and from mechanism drivers of other projects. A key that is missing, None
or empty is one that the peer does not have, and the reader answers with the fallback; a value of a wrong type is an
InvalidPort that names the key as its sender knows it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from os_vif import exception

_UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_TRUE = frozenset({"true", "yes", "on", "1", "t", "y"})
_FALSE = frozenset({"false", "no", "off", "0", "f", "n"})


class Kind(Protocol):
    """A field type of oslo.versionedobjects: what the objects take, and how they write it."""

    def coerce(self, obj: None, attr: str, value: object) -> object: ...


@dataclass(frozen=True, slots=True)
class Section:
    """One dictionary of what was sent.

    port: the port's id, for messages. path: how its sender knows this dictionary, e.g. "binding:vif_details"; empty
    for the port itself.
    """

    port: str
    path: str
    values: Mapping[str, object] = field(default_factory=dict)

    @classmethod
    def of(cls, values: object, path: str, port: str = "(without an id)") -> Section:
        """The dictionary `values`; nothing is an empty one.

        :raises InvalidPort: it is something else
        """
        if values is None:
            return cls(port, path)
        if not isinstance(values, Mapping):
            reason = f"must be a dictionary, not {_shown(values)}"
            raise exception.InvalidPort(port=port, field=path or "the port", reason=reason)
        return cls(port, path, values)

    def __contains__(self, key: str) -> bool:
        """Whether something is said under `key`."""
        return self.values.get(key) not in (None, "")

    def invalid(self, key: str, reason: str) -> exception.InvalidPort:
        """The error for the value of `key`."""
        return exception.InvalidPort(port=self.port, field=self.named(key), reason=reason)

    def named(self, key: str) -> str:
        """`key` as the sender knows it."""
        return f"{self.path}.{key}" if self.path else key

    def text(self, key: str) -> str | None:
        value = self.values.get(key)
        if value is None or value == "":
            return None
        if isinstance(value, str):
            return value
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**64:
            return str(value)
        raise self.invalid(key, f"must be a string, not {_shown(value)}")

    def required(self, key: str) -> str:
        """A text without which there is no VIF."""
        value = self.text(key)
        if value is None:
            raise self.invalid(key, "is not set")
        return value

    def flag(self, key: str, default: bool = False) -> bool:
        """A boolean; binding:profile is filled in by hand, so that "true" is one too."""
        value = self.values.get(key)
        if value is None or value == "":
            return default
        if isinstance(value, bool):
            return value
        if isinstance(value, str):
            value = value.lower()
        word = str(value) if isinstance(value, str) or value in (0, 1) else ""
        if word in _TRUE | _FALSE:
            return word in _TRUE
        raise self.invalid(key, f"must be true or false, not {_shown(value)}")

    def integer(self, key: str, lowest: int = 0, highest: int = 2**63 - 1) -> int | None:
        """A whole number, also as text, with a base if it has one ("0x0b")."""
        value = self.values.get(key)
        if value is None or value == "":
            return None
        number = _number(value)
        if number is None or not lowest <= number <= highest:
            raise self.invalid(key, f"must be a number from {lowest} to {highest}, not {_shown(value)}")
        return number

    def uuid(self, key: str) -> str | None:
        value = self.text(key)
        # oslo's field only warns, and names and marks on the host are made of it
        if value is not None and not _UUID.fullmatch(value):
            raise self.invalid(key, f"must be a UUID, not {_shown(value)}")
        return value

    def typed(self, key: str, kind: Kind) -> str | None:
        """A text that a field of the objects must be able to hold: an address, a network, a mode."""
        value = self.text(key)
        if value is None:
            return None
        try:
            return str(kind.coerce(None, key, value))
        except Exception as error:  # netaddr's and oslo's own kinds; the message says what is wrong
            raise self.invalid(key, f"is {_shown(value)}, which is not valid ({error})") from error

    def required_typed(self, key: str, kind: Kind) -> str:
        """As `typed`, of what there is no VIF without."""
        self.required(key)
        return str(self.typed(key, kind))

    def required_integer(self, key: str, lowest: int = 0, highest: int = 2**63 - 1) -> int:
        """As `integer`, of what there is no VIF without."""
        number = self.integer(key, lowest, highest)
        if number is None:
            raise self.invalid(key, "is not set")
        return number

    def section(self, key: str) -> Section:
        """The dictionary under `key`, an empty one if there is none."""
        return Section.of(self.values.get(key) or None, self.named(key), self.port)

    def sections(self, key: str) -> tuple[Section, ...]:
        """The dictionaries in the list under `key`."""
        return tuple(
            Section.of(value, f"{self.named(key)}[{number}]", self.port)
            for number, value in enumerate(self._list(key))
            if value is not None
        )

    def texts(self, key: str, kind: Kind) -> list[str]:
        """The list under `key`, of texts that the field can hold."""
        values = {str(number): value for number, value in enumerate(self._list(key))}
        items = Section(self.port, self.named(key), values)
        return [text for name in values if (text := items.typed(name, kind)) is not None]

    def _list(self, key: str) -> list[object]:
        value = self.values.get(key)
        if value is None or value == "":
            return []
        if not isinstance(value, list | tuple):
            raise self.invalid(key, f"must be a list, not {_shown(value)}")
        return list(value)


def _number(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if not isinstance(value, str):
        return None
    for base in (10, 0):
        try:
            return int(value, base)
        except ValueError:
            continue
    return None


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except ValueError:  # an integer of more digits than Python writes
        return f"an {type(value).__name__} of many digits"
    return text if len(text) <= 60 else f"{text[:57]}..."
