"""The keeper of filter rules: what the engine asks of os_vif.host.filters, for any number of bridges."""

from __future__ import annotations

from collections.abc import Sequence

from os_vif.host.hidden import Undo
from os_vif.host.resources import FilterRules, Hidden

_WRONG = "its filter rules are missing or not as they should be"


class FilterKeeper:
    """An os_vif.host.hidden.Keeper."""

    kind: type[Hidden] = FilterRules

    def look(self, resources: Sequence[Hidden]) -> list[str | Exception]:
        return [_look(rules) for rules in resources]

    def place(self, resources: Sequence[Hidden], *, looked: bool) -> list[Undo | Exception | None]:
        return [_place(rules) for rules in resources]

    def remove(self, resources: Sequence[Hidden]) -> list[Exception | None]:
        return [_remove(rules) for rules in resources]


def _look(rules: Hidden) -> str | Exception:
    assert isinstance(rules, FilterRules)
    from os_vif.host import filters  # with JSON and processes: only bridges with rules pay for it

    try:
        return "" if filters.present(rules) else _WRONG
    except Exception as error:  # noqa: BLE001  # it is the answer
        return error


def _place(rules: Hidden) -> Undo | Exception | None:
    assert isinstance(rules, FilterRules)
    from os_vif.host import filters

    try:
        return filters.apply([rules])  # writes nothing where all is right
    except Exception as error:  # noqa: BLE001  # it is the answer
        return error


def _remove(rules: Hidden) -> Exception | None:
    assert isinstance(rules, FilterRules)
    from os_vif.host import filters

    try:
        filters.remove([rules])
    except Exception as error:  # noqa: BLE001  # it is the answer
        return error
    return None
