"""What the demonstration's host has on it before os-vif comes, and whether it is as it was when os-vif is gone."""

from __future__ import annotations

import difflib
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from demo.story import NotAsSaidError, Step

# What is on the host before os-vif comes, and must still be there, unchanged, when it is gone.
OPERATOR = (
    "ip link set lo up",
    "ip tuntap add mgmt0 mode tap",
    "ip address add 198.51.100.10/24 dev mgmt0",
    "ip link set mgmt0 up",
    "ip route add default via 198.51.100.1",
    "nft add table inet operator",
    "nft 'add chain inet operator input { type filter hook input priority 0; }'",
    "nft add rule inet operator input tcp dport 23 drop",
)

# Commands that show the state of a host, and what they list.
LINUX = {
    "ip -d -j link": "links",
    "ip -j address": "links with addresses",
    "ip -j route show table all": "routes",
    "nft -j --stateless list ruleset": "tables, chains and rules",
}
OPEN_VSWITCH = {
    "ovs-vsctl -f json --columns=_uuid,name,ports,external_ids list Bridge": "bridges",
    "ovs-vsctl -f json --columns=_uuid,name,interfaces,qos list Port": "ports",
    "ovs-vsctl -f json --columns=_uuid,name,external_ids list Interface": "interfaces",
    "ovs-vsctl -f json --columns=_uuid,type,external_ids list QoS": "QoS",
}


@dataclass(frozen=True, slots=True)
class State:
    """What commands print that show the state of a host, by command."""

    printed: Mapping[str, str]

    @classmethod
    def now(cls, commands: Mapping[str, str]) -> State:
        quiet = Step(Path("/"))
        return cls({command: quiet.run(*shlex.split(command)) for command in commands})

    def expect_unchanged(self, step: Step, commands: Mapping[str, str]) -> None:
        """Tell how many objects each command lists; raises NotAsSaidError with what differs from then."""
        after = State.now(commands)
        if after != self:
            raise NotAsSaidError("\n".join(["the host is not as it was:", *self._difference(after)]))
        for command, listed in commands.items():
            step.typed(command)
            step.say(f"{listed}: {entries(after.printed[command])}, as before")

    def _difference(self, after: State) -> list[str]:
        lines: list[str] = []
        for command in self.printed:
            was, is_now = (
                text.replace("},", "},\n").splitlines()
                for text in (self.printed[command], after.printed[command])
            )
            lines += difflib.unified_diff(
                was, is_now, f"{command} (before)", f"{command} (after)", lineterm="", n=0
            )
        return lines


def entries(listing: str) -> int:
    """How many objects a listing has; nft adds one about itself, nft and ovs-vsctl wrap all in an object."""
    listed = json.loads(listing)
    if isinstance(listed, list):
        return len(listed)
    return len(listed["nftables"]) - 1 if "nftables" in listed else len(listed["data"])
