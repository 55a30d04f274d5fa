"""How much a plug writes: one transaction, whatever the VIF; none where the host is right."""

from __future__ import annotations

from typing import Any

import pytest
from tests.ovs import OpenVSwitch
from tests.ovsvifs import BRIDGE, INSTANCE, check, database, host, hybrid, job, links, native, plugin, short

from os_vif.host import engine

KINDS = pytest.mark.parametrize(
    ("vif", "options"),
    [
        pytest.param(native(), {}, id="native"),
        pytest.param(native(datapath_type=None), {"isolate_vif": True}, id="native, QoS, isolated"),
        pytest.param(native(), {"per_port_bridge": True}, id="a bridge per port"),
        pytest.param(hybrid(), {}, id="hybrid"),
        pytest.param(native(bridge="tbr-1"), {}, id="on a new bridge"),
    ],
)


def commits(ovs: OpenVSwitch) -> list[str]:
    """Comments of the transactions in the database's journal, that of the tests' own clients left out."""
    ovs.vsctl("--no-wait", "comment", "--", "show")
    text = (ovs.directory / "conf.db").read_text()
    return [line for line in text.splitlines() if '"_comment":"os-vif' in line]


@KINDS
def test_plug_and_unplug(vif: Any, options: dict[str, Any], switch: OpenVSwitch) -> None:
    it = plugin(switch, **options)
    for verb in (it.plug, it.unplug):
        before = len(commits(switch))
        verb(vif, INSTANCE)
        assert len(commits(switch)) - before == 1, verb
        verb(vif, INSTANCE)
        assert len(commits(switch)) - before == 1, f"{verb}, again"


def test_a_replug_writes_nothing_to_the_kernel(switch: OpenVSwitch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does it ask for privileges: there is no pass at all."""
    it = plugin(switch)
    for vif in (native(1), hybrid(2)):
        it.plug(vif, INSTANCE)

    def no_pass(request: dict[str, object]) -> dict[str, object]:
        raise AssertionError(f"a pass of {request}")

    monkeypatch.setattr(it, "runner", lambda: no_pass)
    for vif in (native(1), hybrid(2)):
        it.plug(vif, INSTANCE)


def test_many_at_once(switch: OpenVSwitch) -> None:
    """60 VIFs of three kinds on two new bridges: one transaction to plug them, one to unplug them."""
    vifs = [native(n, bridge="br-a") for n in range(1, 21)]
    vifs += [native(n, bridge="br-b", create_tap=False) for n in range(21, 41)]
    vifs += [hybrid(n) for n in range(41, 61)]
    it = plugin(switch)
    jobs = [job(it, vif) for vif in vifs]
    before = host(switch)
    seen = len(commits(switch))
    assert engine.apply(jobs) == [None] * 60
    assert len(commits(switch)) - seen == 1
    for vif in (*vifs[:20], *vifs[40:]):
        assert check(it, vif) == []
    assert engine.apply(jobs) == [None] * 60
    assert len(commits(switch)) - seen == 1
    assert engine.remove(jobs) == [None] * 60
    assert len(commits(switch)) - seen == 2
    assert set(database(switch)["Port"]) == {BRIDGE, "br-a", "br-b"}
    assert set(database(switch)["Bridge"]) == set(before[0]["Bridge"]) | {"br-a", "br-b"}
    assert not [name for name in links() if name.startswith(("tap", "qvo", "qvb", "qbr"))]


def test_one_of_many_is_refused(switch: OpenVSwitch) -> None:
    """What cannot be done for one VIF costs the others nothing."""
    it = plugin(switch)
    taken = native(2)
    it.plug(taken, INSTANCE)
    switch.vsctl("set", "Port", short("tap", 2), "external_ids:os-vif=somebody-else")
    outcomes = engine.apply([job(it, native(n)) for n in range(1, 6)])
    assert [type(outcome).__name__ for outcome in outcomes] == [
        "NoneType",
        "NameCollision",
        *["NoneType"] * 3,
    ]
    assert [check(it, native(n)) for n in (1, 3, 4, 5)] == [[]] * 4
    engine.remove([job(it, native(n)) for n in range(1, 6)])
    assert set(database(switch)["Port"]) == {BRIDGE, short("tap", 2)}
