"""The words of the benchmarks: what a VIF, a step, a contestant, a scenario and a target are.

Plain data, standard library only: the workers, which run under the interpreters of the peers, read it too.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

Verb = Literal["plug", "unplug", "plug_many", "unplug_many"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vif:
    """One VIF as every contestant gets it; `mtu` in bytes, `address` is the guest's MAC address.

    A `{round}` in the bridge's name makes it another bridge in every round.
    """

    id: str
    tap: str
    bridge: str
    address: str
    create_tap: bool = False
    filtered: bool = True  # has_traffic_filtering: False asks for the filter rules of the bridge
    mtu: int = 1500

    @property
    def host_address(self) -> str:
        """The tap's own address: libvirt's `fe:` form, for a bridge must not take the guest's for a local one."""
        return "fe" + self.address[2:]

    def in_round(self, number: int) -> Vif:
        return replace(self, bridge=self.bridge.format(round=number))


def make_vif(number: int, bridge: str, *, create_tap: bool = False, filtered: bool = True) -> Vif:
    """The VIF with this number (0..65535): the same number gives the same id, tap name and address."""
    return Vif(
        id=f"5ca1ab1e-0000-4000-8000-{number:012x}",
        tap=f"tap5ca1{number:04x}",
        bridge=bridge,
        address=f"02:00:5c:a1:{number >> 8:02x}:{number & 255:02x}",
        create_tap=create_tap,
        filtered=filtered,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One call that every contestant makes in every round; `timed=False` only prepares the next one."""

    name: str
    verb: Verb
    vifs: tuple[Vif, ...]
    timed: bool = True

    def in_round(self, number: int) -> Step:
        return replace(self, vifs=tuple(vif.in_round(number) for vif in self.vifs))

    @property
    def needs_taps(self) -> bool:
        return any(vif.create_tap for vif in self.vifs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """A program that does the work: a script of `bench/workers` under the interpreter of `peer`.

    `peer` is an os-vif release to install in an environment of its own, or None for this checkout.
    `daemon` makes the privileged steps go through a privsep daemon, as on a real compute host. One that cannot create
    taps takes no part in the steps that ask for them.
    """

    name: str
    worker: str
    peer: str | None = None
    daemon: bool = False
    creates_taps: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What is measured, by whom and on what kind of host.

    `others` VIFs are present before the first round; `commands` run in the namespace before it. In a `shared`
    namespace all contestants work on the same kernel state; what outlives a round there (filter rules) would not be.
    """

    name: str
    title: str
    contestants: tuple[Contestant, ...]
    steps: tuple[Step, ...]
    rounds: int
    others: int = 0
    commands: tuple[tuple[str, ...], ...] = ()
    shared: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A whole process that is timed from start to exit, standard output thrown away."""

    name: str
    step: str  # the programs of one step are compared
    arguments: tuple[str, ...]  # the first: a program beside the peer's interpreter, "python" or "os-vif"
    peer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StartScenario:
    """Programs whose start is compared."""

    name: str
    title: str
    programs: tuple[Program, ...]
    rounds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A promise: the `step` of `contestant` costs at most `limit` times what it is held against.

    Held against: `against` in the same step; or with `step_against`, its own cost per VIF in that step; or, with
    neither, nothing: then `limit` is in seconds.
    """

    scenario: str
    step: str
    contestant: str
    limit: float
    against: str | None = None
    step_against: str | None = None


@dataclass(slots=True)
class Outcome:
    """What a scenario gave: seconds per step and contestant, one for each round (the nth belong together)."""

    scenario: str
    title: str
    contestants: list[str]
    units: dict[str, int]  # step name -> VIFs in one call
    seconds: dict[str, dict[str, list[float]]] = field(default_factory=dict)  # step -> contestant -> rounds
    failures: dict[str, str] = field(default_factory=dict)  # contestant -> what went wrong
