"""What is measured, and promised, with Open vSwitch; see `scenarios` for how to add to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bench.arena import CALL, MEMORY, TRANSACTIONS
from bench.model import Contestant, Kind, Scenario, Step, Target, Vif, make_vif
from bench.scenarios import OURS
from bench.workers.switch import BRIDGE

# ovs-vswitchd makes a tap promiscuous by reading its flags, adding one and writing them all. A tap that comes up in
# between is left down; who makes it after the row and does not look again returns like that now and then.
DOWN = "is not up"
OLD = Contestant(name="os-vif 5.3.0", worker="vif", peer="5.3.0", daemon=True, forgiven=DOWN)
TRANSACT = Contestant(name="transact", worker="transact", forgiven=DOWN)
VSCTL = Contestant(name="ovs-vsctl", worker="vsctl")
KINDS: tuple[Kind, ...] = ("native", "hybrid")
FIRST = "first plug of a process, native"


def host_scenarios(*, quick: bool) -> list[Scenario]:
    rounds, many = (3, 50) if quick else (15, 500)
    return [
        *(one_port(others, rounds) for others in ((0,) if quick else (0, 100, 500))),
        many_ports(many, 1 if quick else 3),
        restart(20 if quick else 200, 1 if quick else 3),
        memory(100 if quick else 1000),
    ]


def vifs_of(kind: Kind, count: int) -> tuple[Vif, ...]:
    first = 0x1000 * (1 + KINDS.index(kind))
    return tuple(make_vif(first + n, BRIDGE, kind=kind) for n in range(count))


def one_port(others: int, rounds: int) -> Scenario:
    steps = []
    for kind in KINDS:
        vifs = vifs_of(kind, 1)
        steps += [
            Step(name=f"plug {kind}", verb="plug", vifs=vifs),
            Step(name=f"re-plug {kind}, nothing to do", verb="plug", vifs=vifs),
            Step(name=f"unplug {kind}", verb="unplug", vifs=vifs),
        ]
    return Scenario(
        name=f"ovs-{others}",
        title=f"Open vSwitch: one VIF, {others} other ports present",
        contestants=(OLD, OURS, TRANSACT, VSCTL),
        steps=tuple(steps),
        rounds=rounds,
        others=others,
        switch=True,
    )


def many_ports(many: int, rounds: int) -> Scenario:
    steps = [
        Step(name="warm", verb=verb, vifs=vifs_of("native", 1), timed=False) for verb in ("plug", "unplug")
    ]
    for kind in KINDS:
        vifs = vifs_of(kind, many)
        steps += [
            Step(name=f"plug {many} {kind}", verb="plug_many", vifs=vifs),
            Step(name=f"re-plug {many} {kind}, nothing to do", verb="plug_many", vifs=vifs),
            Step(name=f"unplug {many} {kind}", verb="unplug_many", vifs=vifs),
        ]
    return Scenario(
        name="ovs-many",
        title=f"Open vSwitch: {many} VIFs at once",
        contestants=(replace(OLD, rounds=1), OURS, TRANSACT, replace(VSCTL, rounds=1)),
        steps=tuple(steps),
        rounds=rounds,
        warm_up=False,
        switch=True,
    )


def restart(many: int, rounds: int) -> Scenario:
    one, hybrid = vifs_of("native", 1), vifs_of("hybrid", many)
    return Scenario(
        name="ovs-restart",
        title=f"Open vSwitch: a process starts anew, {many} hybrid VIFs are plugged",
        contestants=(OLD, OURS),
        steps=(
            Step(name=FIRST, verb="plug", vifs=one, fresh=True),
            Step(name="unplug", verb="unplug", vifs=one, timed=False),
            Step(name="plug", verb="plug_many", vifs=hybrid, timed=False),
            Step(name=f"re-plug of {many} hybrid", verb="plug_many", vifs=hybrid, fresh=True),
            Step(name="unplug all", verb="unplug_many", vifs=hybrid, timed=False),
        ),
        rounds=rounds,
        warm_up=False,
        switch=True,
    )


def memory(others: int) -> Scenario:
    vifs = vifs_of("native", 1)
    steps = [Step(name=verb, verb=verb, vifs=vifs, timed=False) for verb in ("plug", "unplug")]
    return Scenario(
        name="ovs-memory",
        title=f"Open vSwitch: a process on a host with {others} ports",
        contestants=(OLD, OURS),
        steps=tuple(steps),
        rounds=3,
        others=others,
        switch=True,
        memory=True,
    )


def targets() -> Sequence[Target]:
    """The promises, for a full run."""

    def ours(scenario: str, step: str, limit: float, against: str | None = OLD.name) -> Target:
        return Target(scenario=scenario, step=step, contestant=OURS.name, limit=limit, against=against)

    limits = {"native": (0.4, 0.8, 0.6), "hybrid": (0.3, 0.5, 0.8)}
    one = [
        target
        for kind in KINDS
        for others, limit in zip((0, 100, 500), limits[kind], strict=True)
        for target in (
            ours(f"ovs-{others}", f"plug {kind}", limit),
            ours(f"ovs-{others}", f"plug {kind}{TRANSACTIONS}", 1, against=None),
            ours(f"ovs-{others}", f"re-plug {kind}, nothing to do{CALL}", 0.15),
        )
    ]
    many = [
        target
        for kind, times in (("native", 20), ("hybrid", 40))
        for target in (
            ours("ovs-many", f"plug 500 {kind}", 1 / times),
            ours("ovs-many", f"plug 500 {kind}", 1.5, against=TRANSACT.name),
            ours("ovs-many", f"unplug 500 {kind}{CALL}", 1 / 3),
        )
    ]
    start = [
        ours("ovs-restart", FIRST, 0.5),
        ours("ovs-restart", f"re-plug of 200 hybrid{CALL}", 1 / 50),
        ours("ovs-memory", MEMORY, 0.5),
    ]
    return [*one, *many, *start]
