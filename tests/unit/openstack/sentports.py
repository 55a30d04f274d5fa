"""The ports in ports/*.json: per vif_type, what Neutron shows of one and the VIF (or the error) that it becomes."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from os_vif import objects
from os_vif.objects.vif import VIFBase
from os_vif.openstack import neutron

PORTS = Path(__file__).parent / "ports"
GONE = object()  # for `but`: the key is not there at all


@dataclass(frozen=True)
class Sent:
    """One case of a file; vif: the primitive that is expected, or None, and then error says what is."""

    file: str
    case: str
    port: dict[str, object]
    network: dict[str, object]
    subnets: list[dict[str, object]]
    vif: dict[str, object] | None
    error: dict[str, str] | None

    def __str__(self) -> str:
        return f"{self.file}: {self.case}"

    def but(self, path: Sequence[str], value: object = GONE) -> Sent:
        """The same with another value at `path`, which begins with port or network."""
        changed = copy.deepcopy({"port": self.port, "network": self.network})
        where = changed
        for key in path[:-1]:
            where = where[key]  # type: ignore[assignment]  # the paths in the tests lead through dictionaries
        if value is GONE:
            where.pop(path[-1], None)
        else:
            where[path[-1]] = value  # type: ignore[assignment]  # also of the wrong type: that is the test
        return Sent(
            self.file, self.case, changed["port"], changed["network"], self.subnets, self.vif, self.error
        )

    def to_vif(self) -> VIFBase:
        return neutron.to_vif(self.port, self.network, self.subnets)


def _read() -> list[Sent]:
    found = []
    for path in sorted(PORTS.glob("*.json")):
        file = json.loads(path.read_text())
        found += [
            Sent(
                path.stem,
                case["case"],
                file["port"] | case["port"],
                case.get("network", file["network"]),
                case.get("subnets", file["subnets"]),
                case.get("vif"),
                case.get("error"),
            )
            for case in file["cases"]
        ]
    return found


SENT = _read()
BOUND = [sent for sent in SENT if sent.vif is not None]


def sent(file: str, case: str) -> Sent:
    """The case of `file` that begins with `case`."""
    (found,) = [one for one in SENT if one.file == file and one.case.startswith(case)]
    return found


def primitive(vif: VIFBase) -> dict[str, object]:
    made: dict[str, object] = json.loads(objects.to_json(vif))
    return made
