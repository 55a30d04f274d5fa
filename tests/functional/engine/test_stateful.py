"""Any sequence of plugs, unplugs, damage, checks and repairs of many VIFs, against a model of the host.

After every step the host is exactly what the model says: which links there are, how they are set, in which bridge,
whose mark they carry. Operations also fail, or the process dies, at a random step. `--hypothesis-profile=full` runs
1,000 sequences.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from tests.faults import failing, killed_at
from tests.machine import STEPS, Machine, remove_with_shared
from tests.netns import ip, ip_json
from tests.vifs import INSTANCE, bridge_vif, mark

import os_vif
from os_vif import exception
from os_vif.objects.vif import VIFBridge

SHARED = "os-vif:shared"
MTU = 1450
NIC = "nic0"
ADDRESS = "192.0.2.2"
# number -> bridge; br0 is made by os-vif, br1 too and has a NIC, br2 is an operator's
BRIDGE_OF = {1: "br0", 2: "br0", 3: "br0", 4: "br1", 5: "br1", 6: "br2"}
NUMBERS = st.sampled_from(sorted(BRIDGE_OF))
SETS = st.sets(NUMBERS, min_size=1)


@dataclass(frozen=True)
class Device:
    """A link, as far as the model goes."""

    kind: str
    up: bool = True
    mtu: int = MTU
    master: str = ""
    alias: str = ""


def vif(number: int) -> VIFBridge:
    bridge = BRIDGE_OF[number]
    return bridge_vif(
        number, bridge=bridge, mtu=MTU, provide=bridge != "br2", nic=NIC if bridge == "br1" else None
    )


def plugged(number: int) -> Device:
    """What the tap of a plugged VIF is like."""
    return Device("tun", master=BRIDGE_OF[number], alias=mark(number))


class Host(Machine):
    """The model is `links`, and the name of the link that has the NIC's address."""

    def __init__(self) -> None:
        super().__init__()
        self.links: dict[str, Device] = {}
        self.address_on = NIC

    @initialize()
    def a_host(self) -> None:
        """A NIC with an address and a default route, and bridges of an operator's: one in use, one for damage."""
        os_vif.initialize()
        ip("link", "add", NIC, "up", "mtu", MTU, "type", "veth", "peer", "name", "wire0")
        ip("link", "set", "wire0", "up", "mtu", MTU)
        ip("addr", "add", f"{ADDRESS}/24", "dev", NIC)
        ip("route", "add", "default", "via", "192.0.2.1")
        for name in ("br2", "other0"):
            ip("link", "add", name, "mtu", MTU, "up", "type", "bridge")
            self.links[name] = Device("bridge")
        self.links[NIC] = Device("veth")

    # --- what the functions of os_vif do to the model ----------------------------------------------------------

    def refusal(self, number: int, *, force: bool = False) -> bool:
        """Whether plug refuses the VIF for the state the host is in."""
        tap = self.links.get(f"tap{number}")
        if tap is not None and tap.alias not in (mark(number), ""):
            return True
        astray = self.links[NIC].master not in ("", "br1")
        return BRIDGE_OF[number] == "br1" and astray and not force

    def bridged(self, number: int) -> None:
        """The bridge of the VIF is there, up, and has its NIC."""
        bridge = BRIDGE_OF[number]
        if bridge == "br2":
            return
        known = self.links.get(bridge)
        self.links[bridge] = replace(known, up=True) if known else Device("bridge", alias=SHARED)
        if bridge == "br1":
            self.links[NIC] = replace(self.links[NIC], master="br1", up=True, mtu=MTU)
            self.address_on = "br1"

    def connected(self, number: int) -> None:
        self.bridged(number)
        self.links[f"tap{number}"] = plugged(number)

    def unbridged(self, numbers: Iterable[int]) -> None:
        """What `unplug --shared` takes away: bridges that os-vif made and that have no other ports."""
        for bridge in {BRIDGE_OF[n] for n in numbers} - {"br2"}:
            users = [name for name, link in self.links.items() if link.master == bridge and name != NIC]
            if bridge in self.links and not users:
                del self.links[bridge]
                if bridge == "br1":
                    nic = self.links[NIC]
                    master = "" if nic.master == "br1" else nic.master
                    self.links[NIC] = replace(nic, master=master, up=True)
                    self.address_on = NIC

    def disconnected(self, number: int) -> None:
        tap = self.links.get(f"tap{number}")
        if tap is not None and tap.alias in (mark(number), ""):
            del self.links[f"tap{number}"]

    # --- rules -------------------------------------------------------------------------------------------------

    @rule(number=NUMBERS)
    def plug(self, number: int) -> None:
        if self.refusal(number):
            with pytest.raises(exception.PlugException):
                os_vif.plug(vif(number), INSTANCE)
        else:
            os_vif.plug(vif(number), INSTANCE)
            self.connected(number)

    @rule(numbers=SETS)
    def plug_many(self, numbers: set[int]) -> None:
        refused = {n for n in numbers if self.refusal(n)}
        assert self.failures(os_vif.plug_many, numbers) == refused
        for number in numbers - refused:
            self.connected(number)

    @rule(number=NUMBERS)
    def unplug(self, number: int) -> None:
        os_vif.unplug(vif(number), INSTANCE)
        self.disconnected(number)

    @rule(numbers=SETS)
    def unplug_many(self, numbers: set[int]) -> None:
        assert self.failures(os_vif.unplug_many, numbers) == set()
        for number in numbers:
            self.disconnected(number)

    @rule(number=NUMBERS)
    def unplug_shared(self, number: int) -> None:
        self.remove_shared(number)
        self.disconnected(number)
        self.unbridged([number])

    @rule(number=NUMBERS)
    def check(self, number: int) -> None:
        found = os_vif.check(vif(number), INSTANCE)
        expected = dict(self.links)
        bridge, tap = BRIDGE_OF[number], f"tap{number}"
        good = expected.get(tap) == plugged(number) and expected.get(bridge, Device("", up=False)).up
        if bridge == "br1":
            nic = self.links[NIC]
            good = good and nic.master == "br1" and nic.up and nic.mtu == MTU and self.address_on == "br1"
        assert (found == []) == good, [str(d) for d in found]

    @rule(number=NUMBERS)
    def repair(self, number: int) -> None:
        if self.refusal(number, force=True):
            with pytest.raises(exception.PlugException):
                os_vif.repair(vif(number), INSTANCE)
        else:
            os_vif.repair(vif(number), INSTANCE)
            self.connected(number)
            assert os_vif.check(vif(number), INSTANCE) == []

    @rule(number=NUMBERS, at=STEPS)
    def plug_with_fault(self, number: int, at: int) -> None:
        with failing(at, errno.EPERM) as seen:
            try:
                os_vif.plug(vif(number), INSTANCE)
            except exception.PlugException:
                assert seen.fired or self.refusal(number)
                return
        assert not seen.fired
        self.connected(number)

    @rule(number=NUMBERS, at=STEPS, then=st.sampled_from(["plug", "unplug"]))
    def plug_with_death(self, number: int, at: int, then: str) -> None:
        if self.refusal(number):
            return
        killed_at(at, lambda: os_vif.plug(vif(number), INSTANCE))
        if then == "plug":
            self.plug(number)
        else:
            # whichever of the shared things it got to, they are used by others still or they go
            self.remove_shared(number)
            self.connected(number)
            self.disconnected(number)
            self.unbridged([number])
            self.accept_bridge_in_use(BRIDGE_OF[number])

    @rule(number=NUMBERS, at=STEPS)
    def unplug_with_death(self, number: int, at: int) -> None:
        killed_at(at, lambda: self.remove_shared(number))
        self.unplug_shared(number)

    @precondition(lambda self: any(name.startswith("tap") for name in self.links))
    @rule(
        data=st.data(),
        damage=st.sampled_from(["delete", "mtu", "nomaster", "down", "astray", "no mark", "foreign mark"]),
    )
    def damage_a_tap(self, data: st.DataObject, damage: str) -> None:
        name = data.draw(st.sampled_from(sorted(n for n in self.links if n.startswith("tap"))))
        tap = self.links[name]
        if damage == "delete":
            ip("link", "del", name)
            del self.links[name]
            return
        arguments: dict[str, tuple[tuple[str | int, ...], Device]] = {
            "mtu": (("mtu", 1400), replace(tap, mtu=1400)),
            "nomaster": (("nomaster",), replace(tap, master="")),
            "down": (("down",), replace(tap, up=False)),
            "astray": (("master", "other0"), replace(tap, master="other0")),
            "no mark": (("alias", ""), replace(tap, alias="")),
            "foreign mark": (("alias", mark(99)), replace(tap, alias=mark(99))),
        }
        words, self.links[name] = arguments[damage]
        ip("link", "set", name, *words)
        self.links[name] = self.links[name]

    @rule(damage=st.sampled_from(["nomaster", "astray", "down"]))
    def damage_the_nic(self, damage: str) -> None:
        nic = self.links[NIC]
        if self.address_on == NIC:
            return  # down would take the default route, and in a bridge it would have no use
        ip(
            "link",
            "set",
            NIC,
            *{"nomaster": ["nomaster"], "astray": ["master", "other0"]}.get(damage, ["down"]),
        )
        masters = {"nomaster": "", "astray": "other0"}
        self.links[NIC] = replace(nic, master=masters.get(damage, nic.master), up=nic.up and damage != "down")

    # --- the host ----------------------------------------------------------------------------------------------

    @invariant()
    def the_host_is_what_the_model_says(self) -> None:
        entries = ip_json("addr", "show")
        names = {entry["ifname"]: entry for entry in entries}
        seen = {
            str(name): Device(
                kind=str(entry["linkinfo"]["info_kind"]),  # type: ignore[index]
                up="UP" in entry["flags"],  # type: ignore[operator]
                # a bridge's own follows that of its ports until somebody sets it
                mtu=MTU if name in ("br0", "br1", "br2", "other0") else int(str(entry["mtu"])),
                master=str(entry.get("master", "")),
                alias=str(entry.get("ifalias", "")),
            )
            for name, entry in names.items()
            if name not in ("lo", "wire0")
        }
        assert seen == self.links
        assert all(entry["group"] == "default" for entry in entries)
        if NIC not in names:
            return
        holders = [
            entry["ifname"]
            for entry in entries
            for info in entry["addr_info"]  # type: ignore[attr-defined]
            if info.get("local") == ADDRESS
        ]
        assert holders == [self.address_on]
        if self.links[self.address_on].up:
            assert [r["dev"] for r in ip_json("route", "show", "default")] == [self.address_on]

    def accept_bridge_in_use(self, bridge: str) -> None:
        """A dead plug may not have come to mend what it shares with VIFs that keep the bridge."""
        link = self.links.get(bridge)
        if link is None:
            return
        now = {entry["ifname"]: entry for entry in ip_json("link", "show")}
        self.links[bridge] = replace(link, up="UP" in now[bridge]["flags"])  # type: ignore[operator]
        if bridge == "br1":
            nic = now[NIC]
            self.links[NIC] = replace(
                self.links[NIC],
                master=str(nic.get("master", "")),
                up="UP" in nic["flags"],  # type: ignore[operator]
            )

    @staticmethod
    def remove_shared(number: int) -> None:
        remove_with_shared(os_vif.job(vif(number), INSTANCE))

    @staticmethod
    def failures(act: Callable[..., None], numbers: set[int]) -> set[int]:
        try:
            act([(vif(n), INSTANCE) for n in sorted(numbers)])
        except exception.BulkError as error:
            return {n for n in numbers if vif(n).id in error.errors}
        return set()


TestHost = pytest.mark.timeout(3600)(Host.TestCase)
