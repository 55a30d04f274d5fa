"""What is measured and what is promised. To add a peer: a contestant, the scenarios it takes part in, the targets."""

from __future__ import annotations

from collections.abc import Sequence

from bench.model import Contestant, Program, Scenario, StartScenario, Step, Target, make_vif

OLD = Contestant(name="os-vif 4.3.0", worker="vif", peer="4.3.0", daemon=True, creates_taps=False)
OURS = Contestant(name="os-vif", worker="vif", daemon=True)
OURS_AS_ROOT = Contestant(name="os-vif as root", worker="vif")
NETLINK = Contestant(name="netlink", worker="netlink")
IP_BATCH = Contestant(name="ip -batch", worker="iproute")

NEW, AGAIN, EXISTING, UNPLUG = "plug, new bridge", "re-plug, nothing to do", "plug, existing bridge", "unplug"
TAP, TAP_AGAIN, TAP_UNPLUG = "plug with tap", "re-plug with tap, nothing to do", "unplug with tap"
RULES, RULES_AGAIN = "plug, new bridge with filter rules", "re-plug, nothing to do"
INITIALIZE, HELP = "import os_vif; os_vif.initialize()", "os-vif --help"
IPTABLES_IN_USE = (("iptables", "-N", "site-local"), ("iptables", "-A", "FORWARD", "-j", "site-local"))


def host_scenarios(*, quick: bool) -> list[Scenario]:
    """Everything that changes a host."""
    return [
        *(one_vif(others, 6 if quick else 40) for others in ((0, 100) if quick else (0, 100, 500))),
        unfiltered("filter-nftables", "One un-filtered VIF, nftables", (), 5 if quick else 25),
        unfiltered(
            "filter-iptables", "One un-filtered VIF, iptables in use", IPTABLES_IN_USE, 5 if quick else 25
        ),
        many_networks(2 if quick else 15),
        many_taps(100 if quick else 500, 3 if quick else 15),
    ]


def one_vif(others: int, rounds: int) -> Scenario:
    first, second, tap = (
        make_vif(1, "br-bench"),
        make_vif(2, "br-bench"),
        make_vif(3, "br-bench", create_tap=True),
    )
    return Scenario(
        name=f"one-{others}",
        title=f"One VIF, {others} others present",
        contestants=(OLD, OURS, OURS_AS_ROOT, NETLINK, IP_BATCH),
        steps=(
            Step(name=NEW, verb="plug", vifs=(first,)),
            Step(name=AGAIN, verb="plug", vifs=(first,)),
            Step(name=EXISTING, verb="plug", vifs=(second,)),
            Step(name=UNPLUG, verb="unplug", vifs=(second,)),
            Step(name=TAP, verb="plug", vifs=(tap,)),
            Step(name=TAP_AGAIN, verb="plug", vifs=(tap,)),
            Step(name=TAP_UNPLUG, verb="unplug", vifs=(tap,)),
        ),
        rounds=rounds,
        others=others,
    )


def unfiltered(name: str, title: str, commands: tuple[tuple[str, ...], ...], rounds: int) -> Scenario:
    # The rules of earlier rounds stay: every contestant's host has the same number of them.
    vif = make_vif(1, "br-bench{round}", filtered=False)
    return Scenario(
        name=name,
        title=title,
        contestants=(OLD, OURS, OURS_AS_ROOT),
        steps=(
            Step(name=RULES, verb="plug", vifs=(vif,)),
            Step(name=RULES_AGAIN, verb="plug", vifs=(vif,)),
        ),
        rounds=rounds,
        commands=commands,
        shared=False,
    )


def many_networks(rounds: int) -> Scenario:
    vifs = tuple(make_vif(n, f"br-bench{n % 20}") for n in range(500))
    return Scenario(
        name="many-networks",
        title="500 VIFs of 20 new networks at once, without taps",
        contestants=(OLD, OURS, OURS_AS_ROOT, NETLINK, IP_BATCH),
        steps=(
            Step(name="plug 500", verb="plug_many", vifs=vifs),
            Step(name="re-plug 500, nothing to do", verb="plug_many", vifs=vifs),
        ),
        rounds=rounds,
    )


def many_taps(many: int, rounds: int) -> Scenario:
    bridge = make_vif(0xFFF, "br-bench")
    vifs = tuple(make_vif(n, "br-bench", create_tap=True) for n in range(many))
    return Scenario(
        name="many-taps",
        title=f"{many} VIFs with taps in one bridge at once",
        contestants=(OURS, OURS_AS_ROOT, NETLINK, IP_BATCH),
        steps=(
            Step(name="bridge", verb="plug", vifs=(bridge,), timed=False),
            Step(name="plug 10", verb="plug_many", vifs=vifs[:10]),
            Step(name="unplug 10", verb="unplug_many", vifs=vifs[:10]),
            Step(name=f"plug {many}", verb="plug_many", vifs=vifs),
            Step(name=f"re-plug {many}, nothing to do", verb="plug_many", vifs=vifs),
            Step(name=f"unplug {many}", verb="unplug_many", vifs=vifs),
        ),
        rounds=rounds,
    )


def start_scenarios(*, quick: bool) -> list[StartScenario]:
    """Everything that is only started."""
    script = ("python", "-c", INITIALIZE)
    return [
        StartScenario(
            name="start",
            title="Start of a process",
            programs=(
                Program(name="os-vif 5.3.0", step=INITIALIZE, arguments=script, peer="5.3.0"),
                Program(name="os-vif", step=INITIALIZE, arguments=script),
                Program(name="os-vif", step=HELP, arguments=("os-vif", "--help")),
                Program(name="python -c pass", step=HELP, arguments=("python", "-c", "pass")),
            ),
            rounds=7 if quick else 25,
        )
    ]


def targets() -> Sequence[Target]:
    """The promises, for a full run."""
    one = [
        Target(scenario=f"one-{others}", step=step, contestant=OURS.name, limit=limit, against=OLD.name)
        for others in (0, 100, 500)
        for step, limit in ((NEW, 0.4), (EXISTING, 0.6), (AGAIN, 0.5))
    ]
    rules = [
        Target(scenario=name, step=step, contestant=OURS.name, limit=limit, against=OLD.name)
        for name in ("filter-nftables", "filter-iptables")
        for step, limit in ((RULES, 0.1), (RULES_AGAIN, 0.5))
    ]
    taps = [
        target
        for verb in ("plug", "unplug")
        for target in (
            Target(
                scenario="many-taps",
                step=f"{verb} 500",
                contestant=OURS.name,
                limit=1.5,
                against=NETLINK.name,
            ),
            Target(
                scenario="many-taps",
                step=f"{verb} 500",
                contestant=OURS.name,
                limit=1.3,
                step_against=f"{verb} 10",
            ),
        )
    ]
    start = [
        Target(scenario="start", step=INITIALIZE, contestant="os-vif", limit=1.0, against="os-vif 5.3.0"),
        Target(scenario="start", step=HELP, contestant="os-vif", limit=0.2),
    ]
    return [*one, *rules, *taps, *start]
