"""The words of the benchmarks: what a VIF, a step, a contestant, a scenario and a target are.

Plain data, standard library only: the workers, which run under the interpreters of the peers, read it too.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

Verb = Literal["plug", "unplug", "plug_many", "unplug_many"]
Kind = Literal["bridge", "native", "hybrid"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vif:
    """One VIF as every contestant gets it; `mtu` in bytes, `address` is the guest's MAC address.

    `kind`: in a Linux bridge, or in an Open vSwitch bridge: a tap (native), or one end of a veth pair whose other
    end is in a Linux bridge (hybrid). A `{round}` in the bridge's name makes it another bridge in every round.
    """

    id: str
    tap: str
    bridge: str
    address: str
    kind: Kind = "bridge"
    create_tap: bool = False
    filtered: bool = True  # has_traffic_filtering: False asks for the filter rules of the bridge
    mtu: int = 1500

    @property
    def host_address(self) -> str:
        """The tap's own address: libvirt's `fe:` form, for a bridge must not take the guest's for a local one."""
        return "fe" + self.address[2:]

    @property
    def hybrid_links(self) -> tuple[str, str, str]:
        """The Linux bridge of a hybrid VIF, the veth end in it and the one in Open vSwitch, as Nova calls them."""
        bridge, inside, outside = (prefix + self.id[:11] for prefix in ("qbr", "qvb", "qvo"))
        return bridge, inside, outside

    @property
    def port(self) -> str:
        """The Open vSwitch port."""
        return self.hybrid_links[2] if self.kind == "hybrid" else self.tap

    def in_round(self, number: int) -> Vif:
        return replace(self, bridge=self.bridge.format(round=number))


def make_vif(
    number: int, bridge: str, *, kind: Kind = "bridge", create_tap: bool = False, filtered: bool = True
) -> Vif:
    """The VIF with this number (0..65535): the same number gives the same id, tap name and address."""
    return Vif(
        id=f"5ca1{number:04x}-0000-4000-8000-5ca1ab1e0000",
        tap=f"tap5ca1{number:04x}",
        bridge=bridge,
        address=f"02:00:5c:a1:{number >> 8:02x}:{number & 255:02x}",
        kind=kind,
        create_tap=create_tap,
        filtered=filtered,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One call that every contestant makes in every round; `timed=False` only prepares the next one.

    `fresh`: by a process that has been started and initialized, and has done nothing yet.
    """

    name: str
    verb: Verb
    vifs: tuple[Vif, ...]
    timed: bool = True
    fresh: bool = False

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
    taps takes no part in the steps that ask for them; `rounds`: only in so many, for it takes minutes.
    """

    name: str
    worker: str
    peer: str | None = None
    daemon: bool = False
    creates_taps: bool = True
    rounds: int | None = None
    forgiven: str = ""  # a fault known of it that is counted, but does not end its part


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What is measured, by whom and on what kind of host.

    `others` VIFs are present before the first round; `commands` run in the namespace before it. In a `shared`
    namespace all contestants work on the same kernel state; what outlives a round there (filter rules) would not be.
    `warm_up`: a first round is not counted. With a `switch` the namespace has an Open vSwitch of its own, the others
    are its ports, and each step has two times: until Open vSwitch was seen to be done, and of the call alone.
    """

    name: str
    title: str
    contestants: tuple[Contestant, ...]
    steps: tuple[Step, ...]
    rounds: int
    others: int = 0
    commands: tuple[tuple[str, ...], ...] = ()
    shared: bool = True
    warm_up: bool = True
    switch: bool = False
    memory: bool = False  # also what the contestant's process holds after each round


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
    neither, nothing: then `limit` is in seconds, or the outcome's unit.
    """

    scenario: str
    step: str
    contestant: str
    limit: float
    against: str | None = None
    step_against: str | None = None


@dataclass(slots=True)
class Outcome:
    """What a scenario gave: per step and contestant one value for each round (the nth belong together).

    The values are seconds, unless `unit` says otherwise.
    """

    scenario: str
    title: str
    contestants: list[str]
    units: dict[str, int]  # step name -> VIFs in one call
    seconds: dict[str, dict[str, list[float]]] = field(default_factory=dict)  # step -> contestant -> rounds
    unit: str = ""
    faults: dict[str, int] = field(
        default_factory=dict
    )  # contestant -> in how many steps a forgiven one was seen
    failures: dict[str, str] = field(default_factory=dict)  # contestant -> what went wrong
