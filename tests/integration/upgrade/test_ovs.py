"""A host of os-vif 5.3.0 is upgraded under running guests, and taken back: no frame lost, nothing left behind."""

from __future__ import annotations

import pytest
from tests.integration.upgrade.adopted import ADOPTED, words
from tests.integration.upgrade.host import Everything
from tests.integration.upgrade.peer import Peer
from tests.ovs import OpenVSwitch
from tests.ovskinds import KINDS, PLAIN
from tests.ovsvifs import INSTANCE, check, job, plugin
from tests.traffic import traffic

from os_vif.host import engine

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("name", ADOPTED)
def test_upgrade(name: str, switch: OpenVSwitch, os_vif_5_3: Peer) -> None:
    """Of two running guests' VIFs one is plugged again, as a service does when it starts; meanwhile a third goes.

    The other, and the third, are met here for the first time when they are unplugged.
    """
    kind = KINDS[name]
    before = Everything.of(switch)
    it, was = plugin(switch, **kind.options), os_vif_5_3.on(switch, **kind.options)
    one, other, third = (kind.vif(n) for n in (1, 2, 3))
    was.plug(one, other, third, instance=INSTANCE)
    cards = [kind.start(switch, n) for n in (1, 2)]
    with traffic(*cards) as flow:
        assert check(it, one) == words(name, 1)
        it.plug(one, INSTANCE)
        engine.wait_ready(job(it, one), 0)
        it.unplug(third, INSTANCE)
    assert flow.lost == []
    for n, vif in ((1, one), (2, other)):
        kind.stop(switch, n, cards[n - 1])
        it.unplug(vif, INSTANCE)
    before.assert_unchanged()


@pytest.mark.parametrize("name", ADOPTED)
def test_and_back(name: str, switch: OpenVSwitch, os_vif_5_3: Peer) -> None:
    """One VIF was plugged here first, the other by 5.3.0: it plugs both again, and has the last word."""
    kind = KINDS[name]
    before = Everything.of(switch)
    it, was = plugin(switch, **kind.options), os_vif_5_3.on(switch, **kind.options)
    one, other, third = (kind.vif(n) for n in (1, 2, 3))
    was.plug(other, instance=INSTANCE)
    for vif in (one, other, third):
        it.plug(vif, INSTANCE)
    cards = [kind.start(switch, n) for n in (1, 2)]
    with traffic(*cards) as flow:
        was.plug(one, other, instance=INSTANCE)
        was.unplug(third, instance=INSTANCE)
        assert [check(it, vif) for vif in (one, other)] == [[], []]
    assert flow.lost == []
    for n in (1, 2):
        kind.stop(switch, n, cards[n - 1])
    was.unplug(one, other, instance=INSTANCE)
    before.assert_unchanged()


def test_a_service_starts_on_a_host_full_of_guests(switch: OpenVSwitch, os_vif_5_3: Peer) -> None:
    """VIFs of every kind are plugged again in one pass, while a guest speaks with one of another kind."""
    before = Everything.of(switch)
    it, was = plugin(switch), os_vif_5_3.on(switch)
    kinds = dict(enumerate(PLAIN * 2, start=1))
    vifs = {n: kind.vif(n) for n, kind in kinds.items()}
    was.plug(*vifs.values(), instance=INSTANCE)
    cards = {n: kind.start(switch, n) for n, kind in kinds.items()}
    jobs = [job(it, vif) for vif in vifs.values()]
    with traffic(cards[1], cards[len(cards)]) as flow:
        assert engine.apply(jobs) == [None] * len(jobs)
        assert engine.check(jobs) == [[]] * len(jobs)
    assert flow.lost == []
    for n, kind in kinds.items():
        kind.stop(switch, n, cards[n])
    assert engine.remove(jobs) == [None] * len(jobs)
    before.assert_unchanged()
