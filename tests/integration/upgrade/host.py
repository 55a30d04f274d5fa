"""The whole host of a test, before and after: what is left over is whatever is on it that was not there."""

from __future__ import annotations

from dataclasses import dataclass

from tests.ovs import OpenVSwitch
from tests.ovsvifs import Database, host
from tests.snapshot import Snapshot, differences, snapshot


@dataclass(frozen=True)
class Everything:
    """All rows of bridges, ports, interfaces and QoS, and all that the kernel has."""

    switch: OpenVSwitch
    rows: Database
    kernel: Snapshot

    @classmethod
    def of(cls, switch: OpenVSwitch) -> Everything:
        """As it is once ovs-vswitchd has acted on the rows."""
        return cls(switch, host(switch)[0], snapshot())

    def assert_unchanged(self, *, but: Database | None = None) -> None:
        """But for these rows, by table, which are there and were not."""
        now = self.of(self.switch)
        found = differences(self.kernel, now.kernel)
        for table, rows in self.rows.items():
            expected = rows | (but or {}).get(table, {})
            for name in expected.keys() | now.rows[table].keys():
                was, is_now = expected.get(name), now.rows[table].get(name)
                if was != is_now:
                    found.append(f"{table} {name}: was {was}, is {is_now}")
        assert not found, "the host is not as it was:\n" + "\n".join(found)
