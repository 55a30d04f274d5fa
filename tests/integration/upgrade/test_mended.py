"""What os-vif 5.3.0 leaves undone, half done or behind is mended once this project takes over.

The numbers of quirks are those of the interface contract's appendix A.
"""

from __future__ import annotations

import pytest
from tests.guests import Card
from tests.integration.upgrade.host import Everything
from tests.integration.upgrade.peer import Peer, PeerError
from tests.netns import ip
from tests.ovs import OpenVSwitch
from tests.ovskinds import KINDS, wired
from tests.ovsvifs import (
    BRIDGE,
    INSTANCE,
    check,
    database,
    hybrid,
    identity,
    links,
    mac,
    native,
    plugin,
    short,
)
from tests.traffic import Barrier, hear_nothing, reaches, traffic

pytestmark = pytest.mark.integration

TAP, QVO = short("tap", 1), short("qvo", 1)


@pytest.mark.parametrize("name", ["port and tap", "hybrid", "a bridge per port"])
def test_damage_is_mended_under_a_running_guest(name: str, switch: OpenVSwitch, os_vif_5_3: Peer) -> None:
    """An id that is gone, an MTU that is another: named by check, mended by plug, and no frame is lost."""
    kind = KINDS[name]
    it = plugin(switch, **kind.options)
    vifs = [kind.vif(n) for n in (1, 2)]
    os_vif_5_3.on(switch, **kind.options).plug(*vifs, instance=INSTANCE)
    cards = [kind.start(switch, n) for n in (1, 2)]
    device = QVO if name == "hybrid" else TAP
    port = "ibp" + identity(1) if name == "a bridge per port" else device
    with traffic(*cards) as flow:
        switch.vsctl("remove", "Interface", port, "external_ids", "attached-mac")
        ip("link", "set", device, "mtu", 1460)
        damage = {
            f"{port}: external_ids:attached-mac is not set, should be {mac(1)}",
            f"{device}: mtu is 1460, should be 1450",
        }
        assert damage < set(check(it, vifs[0]))
        it.plug(vifs[0], INSTANCE)
        assert check(it, vifs[0]) == []
    assert flow.lost == []
    for n in (1, 2):
        kind.stop(switch, n, cards[n - 1])


def test_quirk_7_a_port_on_another_bridge(switch: OpenVSwitch, os_vif_5_3: Peer) -> None:
    """5.3.0 says that it is plugged, and its guest hears nobody; here it is moved."""
    before = Everything.of(switch)
    it, was = plugin(switch), os_vif_5_3.on(switch)
    switch.bridge("br-old")
    was.plug(native(1, bridge="br-old"), native(2), native(3), instance=INSTANCE)
    was.plug(native(1), instance=INSTANCE)
    one, two, three = cards = [Card(short("tap", n), mac(n)) for n in (1, 2, 3)]
    assert hear_nothing(one, [two, three], Barrier(switch, two, three))
    assert f"{TAP}: is a port of br-old, should be one of {BRIDGE}" in check(it, native(1))
    it.plug(native(1), INSTANCE)
    assert reaches(one, two)
    for n, card in enumerate(cards, start=1):
        card.close()
        it.unplug(native(n), INSTANCE)
    switch.vsctl("del-br", "br-old")
    before.assert_unchanged()


def test_quirk_8_what_a_failed_plug_left(switch: OpenVSwitch, os_vif_5_3: Peer) -> None:
    """create_tap on a hybrid VIF is refused by 5.3.0 when all the rest is there, and stays there."""
    before = Everything.of(switch)
    vif = hybrid(create_tap=True)
    with pytest.raises(PeerError, match="create_tap is only supported for"):
        os_vif_5_3.on(switch).plug(vif, instance=INSTANCE)
    assert QVO in links()
    assert QVO in database(switch)["Port"]
    plugin(switch).unplug(vif, INSTANCE)
    before.assert_unchanged()


@pytest.mark.parametrize("vif", [native(), hybrid()], ids=["native", "hybrid"])
def test_quirk_10_what_an_unplug_without_a_database_left(
    vif: object, switch: OpenVSwitch, os_vif_5_3: Peer
) -> None:
    """A process that was connected says that it is unplugged, a new one that it is not; the port stays either way."""
    before = Everything.of(switch)
    was = os_vif_5_3.on(switch, ovs_vsctl_timeout=1)
    was.plug(vif, instance=INSTANCE)
    switch.kill_ovsdb()
    with pytest.raises(PeerError, match="Could not retrieve schema"):
        was.unplug(vif, instance=INSTANCE)
    switch.start_ovsdb()
    assert len(database(switch)["Port"]) == 2
    plugin(switch).unplug(vif, INSTANCE)
    before.assert_unchanged()


def test_quirk_11_a_hybrid_vif_whose_port_is_missing(switch: OpenVSwitch, os_vif_5_3: Peer) -> None:
    """Plugged again by 5.3.0, it stays so; plugged again here, the guest is back. Its veth pair is the same."""
    kind = KINDS["hybrid"]
    before = Everything.of(switch)
    it, was = plugin(switch), os_vif_5_3.on(switch)
    was.plug(hybrid(1), hybrid(2), instance=INSTANCE)
    cards = [kind.start(switch, n) for n in (1, 2)]
    index = links()[QVO]["ifindex"]
    switch.vsctl("del-port", QVO)
    was.plug(hybrid(1), instance=INSTANCE)
    assert QVO not in database(switch)["Port"]
    it.plug(hybrid(1), INSTANCE)
    assert reaches(*cards)
    assert links()[QVO]["ifindex"] == index
    for n in (1, 2):
        kind.stop(switch, n, cards[n - 1])
        it.unplug(hybrid(n), INSTANCE)
    before.assert_unchanged()


def test_quirk_13_isolated_on_a_bridge_of_its_own(switch: OpenVSwitch, os_vif_5_3: Peer) -> None:
    """The agent takes the patch port out of the dead VLAN; 5.3.0 has put the tap's there too, where nobody looks."""
    options = {"per_port_bridge": True, "isolate_vif": True}
    before = Everything.of(switch)
    it, was = plugin(switch, **options), os_vif_5_3.on(switch, **options)
    was.plug(native(1), native(2), instance=INSTANCE)
    it.plug(native(3), INSTANCE)
    it.plug(native(4), INSTANCE)
    one, two, three, four = cards = [Card(short("tap", n), mac(n)) for n in (1, 2, 3, 4)]
    for n in (1, 2, 3, 4):
        wired("ibp", 64)(switch, n)
    assert hear_nothing(one, [two, three], Barrier(switch, three, four))
    assert f"{TAP}: tag is 4095, should be not set" in check(it, native(1))
    it.plug(native(1), INSTANCE)
    assert check(it, native(1)) == []
    assert reaches(one, three)
    for n, card in enumerate(cards, start=1):
        card.close()
        it.unplug(native(n), INSTANCE)
    before.assert_unchanged()
