"""The rules of bridges in iptables, on hosts whose forwarding iptables decides: nf_tables and legacy variant.

Called by os_vif.host.filters. One change is one iptables-save and one iptables-restore per address family,
and none where nothing differs. iptables-legacy waits for its own lock (--wait); what we read and then write
is held together by the caller's lock.

With CAP_NET_ADMIN alone (uid 0) iptables-nft works; iptables-legacy also needs CAP_NET_RAW, for its raw
socket.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from os_vif.host.filters import chains as tables
from os_vif.host.filters.chains import BUILTIN, Chain, Chains
from os_vif.host.filters.nftables import Nftables
from os_vif.host.filters.rules import BridgeRules, FilterError, Undo

_ATTEMPTS = (
    5  # as often as nova-network and os-vif tried; another program may write between our read and our write
)
_TIMEOUT = 30  # seconds
_LOCK_WAIT = "--wait=10"  # seconds
_CAPABILITY = (
    "iptables-legacy needs CAP_NET_RAW besides CAP_NET_ADMIN: add it to `capabilities` of the privsep "
    "section, or change the host to iptables-nft"
)

Transform = Callable[[Chains], dict[str, Chain]]


@dataclass(slots=True)
class Iptables:
    """One variant of iptables and its tables in the calling thread's network namespace.

    save: path of the variant's iptables-save; the other three programs stand beside it.
    """

    legacy: bool
    save: str
    nftables: Nftables | None
    _saved: dict[int, dict[str, Chain]] = field(default_factory=dict)

    def in_use(self, families: Sequence[int]) -> bool:
        """Whether the filter table of one of these families (4, 6) decides anything."""
        exists = [family for family in families if _may_exist(self.nftables, family, legacy=self.legacy)]
        return any(tables.in_use(self._state(family)) for family in exists)

    def holds(self, rules: Sequence[BridgeRules]) -> bool:
        """Whether the rules of all these bridges are there, complete and in order."""
        return all(
            not tables.changes(self._state(family), tables.with_bridges(self._state(family), wanted))
            for family, wanted in _by_family(rules)
        )

    def put(self, rules: Sequence[BridgeRules]) -> Undo:
        """Make the rules be there; one restore per family that needs one."""
        with ExitStack() as undo:
            for family, wanted in _by_family(rules):
                undo.callback(self._edit(family, wanted, partial(tables.with_bridges, wanted=wanted)))
            return undo.pop_all().close

    def drop(self, rules: Sequence[BridgeRules]) -> Undo:
        """Remove the rules of these bridges in both families, and our chains with the last bridge."""
        with ExitStack() as undo:
            for family in (4, 6):
                if _may_exist(self.nftables, family, legacy=self.legacy) and self._program(family, "save"):
                    undo.callback(self._edit(family, rules, partial(tables.without_bridges, unwanted=rules)))
            return undo.pop_all().close

    def _edit(self, family: int, rules: Sequence[BridgeRules], transform: Transform) -> Undo:
        before = self._saved.pop(family) if family in self._saved else self._read(family)
        for attempt in range(_ATTEMPTS):
            after = transform(before)
            error = self._write(family, before, after)
            if error is None:
                break
            now = self._read(family)
            if now == before or attempt == _ATTEMPTS - 1:  # nobody interfered: it would fail again
                raise error
            before = now
        if before == after:
            return lambda: None

        def undo() -> None:
            self._edit(
                family,
                rules,
                lambda now: dict(before) if now == after else tables.with_blocks_of(now, before, rules),
            )

        return undo

    def _write(self, family: int, before: Chains, after: Chains) -> FilterError | None:
        lines = tables.changes(before, after)
        if lines:
            text = "\n".join(["*filter", *lines, "COMMIT", ""])
            done = self._run(family, "restore", ["--noflush", "--counters", _LOCK_WAIT], text)
            if done.returncode != 0:
                return self._error(family, "restore", done.stderr, text)
        if self.nftables is not None:
            for chain in BUILTIN:
                if chain in before and chain not in after:
                    self.nftables.delete_chain(_nft_family(family), chain)
        return None

    def _state(self, family: int) -> dict[str, Chain]:
        """The filter table, read once for all the questions of one call."""
        if family not in self._saved:
            self._saved[family] = self._read(family)
        return self._saved[family]

    def _read(self, family: int) -> dict[str, Chain]:
        done = self._run(family, "save", ["--counters"], "")
        if done.returncode != 0:
            raise self._error(family, "save", done.stderr, "")
        chains = tables.parse(done.stdout)
        if self.legacy or self.nftables is None:
            return chains
        # iptables-nft-save prints all built-in chains, those that do not exist too: an undo must know
        real = self.nftables.filter_chains(_nft_family(family))
        return {name: chain for name, chain in chains.items() if name not in BUILTIN or name in real}

    def _program(self, family: int, action: str) -> str | None:
        directory, name = os.path.split(self.save)
        name = name.removesuffix("save") + action
        return shutil.which(
            os.path.join(directory, name if family == 4 else name.replace("iptables", "ip6tables"))
        )

    def _run(
        self, family: int, action: str, arguments: Sequence[str], text: str
    ) -> subprocess.CompletedProcess[str]:
        program = self._program(family, action)
        if program is None:
            err = f"no program for IPv{family} beside {self.save}; install the iptables package completely"
            raise FilterError(what=f"iptables-{action}", err=err)
        try:
            return subprocess.run(
                [program, *arguments],
                input=text,
                capture_output=True,
                text=True,
                timeout=_TIMEOUT,
                check=False,
                env=os.environ | {"LC_ALL": "C"},
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise FilterError(what=program, err=str(error)) from error

    def _error(self, family: int, action: str, stderr: str, text: str) -> FilterError:
        """The tool's own words, the line they are about, and what to do where we know it."""
        parts = [line for line in stderr.strip().splitlines() if not line.startswith("Try ")]
        number = re.search(r"\bline:? (\d+)", stderr)
        lines = text.splitlines()
        if number and 0 < int(number[1]) <= len(lines):
            parts.append(f"that line: {lines[int(number[1]) - 1]!r}")
        if self.legacy and not _has_net_raw():
            parts.append(_CAPABILITY)
        return FilterError(
            what=self._program(family, action) or action, err="; ".join(parts) or "no error text"
        )


def installed(nftables: Nftables | None) -> list[Iptables]:
    """The variants this host has, the one that plain `iptables` is first."""
    path = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"
    found: dict[bool, Iptables] = {}
    for name in ("iptables-save", "iptables-nft-save", "iptables-legacy-save"):
        save = shutil.which(name, path=path)
        if save is not None:
            # xtables-nft-multi; xtables-legacy-multi, and xtables-multi before there were two
            legacy = "nft" not in os.path.basename(os.path.realpath(save))
            found.setdefault(legacy, Iptables(legacy, save, nftables))
    return list(found.values())


def used(nftables: Nftables | None, families: Sequence[int]) -> list[Iptables]:
    """The variants whose filter tables decide something about these families (4, 6) on this host."""
    # the lookup of programs takes longer than to see that there is no table at all
    if not any(
        _may_exist(nftables, family, legacy=legacy) for family in families for legacy in (False, True)
    ):
        return []
    return [variant for variant in installed(nftables) if variant.in_use(families)]


def _may_exist(nftables: Nftables | None, family: int, *, legacy: bool) -> bool:
    """Whether there can be a filter table: looked up in less than 0.1 ms, where a program takes several.

    iptables-legacy-save also makes the table it looks for, which this avoids.
    """
    if not legacy:
        return nftables is None or bool(nftables.filter_chains(_nft_family(family)))
    names = Path(f"/proc/thread-self/net/ip{'' if family == 4 else '6'}_tables_names")
    try:
        return "filter" in names.read_text().split()
    except OSError:  # no such module in the kernel
        return False


def _by_family(rules: Sequence[BridgeRules]) -> list[tuple[int, list[BridgeRules]]]:
    families = [(4, list(rules)), (6, [r for r in rules if r.ipv6])]
    return [(family, wanted) for family, wanted in families if wanted]


def _nft_family(family: int) -> str:
    return "ip" if family == 4 else "ip6"


def _has_net_raw() -> bool:
    status = Path("/proc/thread-self/status").read_text()
    effective = re.search(r"^CapEff:\s*([0-9a-f]+)", status, re.MULTILINE)
    return effective is None or bool(int(effective[1], 16) >> 13 & 1)  # CAP_NET_RAW, uapi/linux/capability.h
