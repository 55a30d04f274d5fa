"""What a plugged VIF finds on the host: the bridge, its settings, the tap; and what is left alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.netns import ip, ip_json
from tests.snapshot import differences, snapshot
from tests.vifs import INSTANCE, bridge_vif, mark, vif_id

import os_vif
from os_vif import exception, objects
from os_vif.host.netlink import LinkMonitor, Message, NetlinkError, RouteSocket
from os_vif.objects.vif import VIFBridge


def plug(vif: VIFBridge) -> None:
    os_vif.plug(vif, INSTANCE)


def refused(vif: VIFBridge) -> Exception:
    """Why a plug fails; the host stays as it is."""
    before = snapshot()
    with pytest.raises(exception.PlugException) as caught:
        plug(vif)
    assert differences(before, snapshot()) == []
    error = caught.value.kwargs["err"]
    assert isinstance(error, Exception)
    assert caught.value.__cause__ is error
    return error


def link(name: str) -> dict[str, object]:
    return ip_json("link", "show", name)[0]


def data(name: str, part: str = "info_data") -> dict[str, object]:
    return link(name)["linkinfo"][part]  # type: ignore[index,no-any-return]


def sysctl(path: str) -> str:
    return Path("/proc/sys/net", path).read_text().strip()


@pytest.mark.parametrize("mtu", [None, 9000])
def test_new_bridge(mtu: int | None, host: None) -> None:
    plug(bridge_vif(mtu=mtu, tap=False))
    bridge, settings = link("br0"), data("br0")
    assert settings["forward_delay"] == 0
    assert settings["stp_state"] == 0
    assert settings["mcast_snooping"] == 0
    assert settings["ageing_time"] == 30000
    assert "UP" in bridge["flags"]  # type: ignore[operator]
    assert bridge["mtu"] == (mtu or 1500)
    assert bridge["ifalias"] == "os-vif:shared"
    assert bridge["group"] == "default"
    assert sysctl("ipv6/conf/br0/disable_ipv6") == "1"
    assert sysctl("ipv4/conf/br0/arp_ignore") == "1"
    assert sysctl("ipv4/conf/br0/arp_announce") == "2"
    assert [entry["ifname"] for entry in ip_json("link", "show")] == ["lo", "br0"]


def test_existing_bridge_keeps_its_settings(host: None) -> None:
    ip("link", "add", "br0", "mtu", 1400, "up", "type", "bridge", "forward_delay", 400, "stp_state", 1)
    before = snapshot()
    plug(bridge_vif(mtu=1450, tap=False))
    assert differences(before, snapshot()) == []


@pytest.mark.parametrize(
    "vif",
    [bridge_vif(provide=False, tap=False), bridge_vif(multi_host=True, tap=False)],
    ids=["bridge provided by others", "multi_host"],
)
def test_nothing_is_done_where_others_provide_the_bridge(vif: VIFBridge, host: None) -> None:
    before = snapshot()
    plug(vif)
    assert differences(before, snapshot()) == []
    (difference,) = os_vif.check(vif)
    assert str(difference) == "br0: bridge is not there (others make it)"
    ip("link", "add", "br0", "up", "type", "bridge")
    assert os_vif.check(vif) == []
    os_vif.unplug(vif, INSTANCE)


def test_tap(host: None) -> None:
    plug(bridge_vif(mtu=1450))
    tap = link("tap1")
    assert tap["master"] == "br0"
    assert tap["mtu"] == 1450
    assert tap["address"] == "fe:00:00:00:00:01"
    assert tap["ifalias"] == mark(1)
    assert "UP" in tap["flags"]  # type: ignore[operator]
    assert data("tap1") | {"type": "tap", "persist": True, "multi_queue": False} == data("tap1")
    assert sysctl("ipv6/conf/tap1/disable_ipv6") == "1"
    os_vif.unplug(bridge_vif(mtu=1450), INSTANCE)
    assert [entry["ifname"] for entry in ip_json("link", "show")] == ["lo", "br0"]
    os_vif.unplug(bridge_vif(mtu=1450), INSTANCE)  # nothing left to do is success


def test_tap_with_many_queues(host: None) -> None:
    vif = bridge_vif(multiqueue=True)
    plug(vif)
    assert data("tap1")["multi_queue"] is True
    assert os_vif.check(vif) == []
    assert "many queues" in str(refused(bridge_vif(multiqueue=False)))


def test_replug_changes_and_sends_nothing(host: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service restart plugs every VIF again: no message to the kernel, no notification from it."""
    vifs = [bridge_vif(n, mtu=1450) for n in range(1, 6)]
    pairs = [(vif, INSTANCE) for vif in vifs]
    os_vif.plug_many(pairs)
    before = snapshot()
    sent: list[Message] = []
    execute = RouteSocket.execute

    def record(self: RouteSocket, messages: Sequence[Message]) -> list[NetlinkError | None]:
        sent.extend(messages)
        return execute(self, messages)

    monkeypatch.setattr(RouteSocket, "execute", record)
    with LinkMonitor() as monitor:
        while monitor.wait(1.2):
            pass  # of the first plug: the kernel tells of carriers once a second
        for vif in vifs:
            plug(vif)
        os_vif.plug_many(pairs)
        assert os_vif.repair(vifs[0], INSTANCE) == []
        assert monitor.wait(0.05) == []
    assert sent == []
    monkeypatch.undo()
    assert differences(before, snapshot()) == []  # the numbers of the links among them


def test_tap_plugged_by_an_older_os_vif_is_adopted(host: None) -> None:
    ip("link", "add", "br0", "up", "type", "bridge")
    ip("tuntap", "add", "tap1", "mode", "tap")
    number = link("tap1")["ifindex"]
    plug(bridge_vif())
    assert (link("tap1")["ifindex"], link("tap1")["ifalias"]) == (number, mark(1))
    assert os_vif.check(bridge_vif()) == []
    assert "ifalias" not in link("br0")  # an operator's bridge stays an operator's


def test_unmarked_tap_is_unplugged(host: None) -> None:
    ip("tuntap", "add", "tap1", "mode", "tap")
    os_vif.unplug(bridge_vif(), INSTANCE)
    assert "tap1" not in snapshot()["link"]


def test_tap_of_another_vif(host: None) -> None:
    plug(bridge_vif(1, name="tapX"))
    error = refused(bridge_vif(2, name="tapX"))
    assert isinstance(error, exception.NameCollision)
    assert vif_id(1) in str(error)
    assert vif_id(2) in str(error)
    os_vif.unplug(bridge_vif(2, name="tapX"), INSTANCE)
    assert os_vif.check(bridge_vif(1, name="tapX")) == []


def test_one_bad_vif_of_many(host: None) -> None:
    ip("link", "add", "tap2", "type", "veth", "peer", "name", "peer2")
    vifs = [bridge_vif(n) for n in range(1, 5)]
    with pytest.raises(exception.BulkError) as caught:
        os_vif.plug_many([(vif, INSTANCE) for vif in vifs])
    assert list(caught.value.errors) == [vif_id(2)]
    assert isinstance(caught.value.errors[vif_id(2)], exception.PlugException)
    assert [bool(os_vif.check(vif)) for vif in vifs] == [False, True, False, False]


def test_two_vifs_of_one_name_in_one_pass(host: None) -> None:
    with pytest.raises(exception.BulkError) as caught:
        os_vif.plug_many([(bridge_vif(1, name="tapX"), INSTANCE), (bridge_vif(2, name="tapX"), INSTANCE)])
    assert set(caught.value.errors) == {vif_id(1), vif_id(2)}
    assert "tapX" not in snapshot()["link"]


def test_the_same_vif_twice_in_one_pass(host: None) -> None:
    os_vif.plug_many([(bridge_vif(mtu=1450), INSTANCE)] * 2)
    ip("link", "set", "tap1", "mtu", 1400, "nomaster")
    os_vif.plug_many([(bridge_vif(mtu=1450), INSTANCE)] * 2)
    assert os_vif.check(bridge_vif(mtu=1450)) == []
    os_vif.unplug_many([(bridge_vif(mtu=1450), INSTANCE)] * 2)
    assert "tap1" not in snapshot()["link"]


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        (["mtu", 1400], "mtu is 1400, should be 1450"),
        (["nomaster"], "is in no bridge, should be in br0"),
        (["master", "other0"], "is in other0, should be in br0"),
        (["down"], "is down, should be up"),
        (["alias", ""], "does not carry the mark"),
        (["address", "02:11:11:11:11:11"], "address is 02:11:11:11:11:11, should be fe:00:00:00:00:01"),
    ],
)
@pytest.mark.parametrize("mend", [os_vif.plug, os_vif.repair])
def test_damage_is_named_and_mended(damage: list[str | int], word: str, mend: object, host: None) -> None:
    vif = bridge_vif(mtu=1450)
    plug(vif)
    before = snapshot()
    ip("link", "add", "other0", "type", "bridge")
    ip("link", "set", "tap1", *damage)
    assert [word in str(d) and "tap1" in str(d) for d in os_vif.check(vif)] == [True]
    mend(vif, INSTANCE)  # type: ignore[operator]
    ip("link", "del", "other0")
    assert differences(before, snapshot()) == []


def test_ipv6_that_came_on(host: None) -> None:
    plug(bridge_vif())
    Path("/proc/sys/net/ipv6/conf/tap1/disable_ipv6").write_text("0")
    assert [str(d) for d in os_vif.check(bridge_vif())] == ["tap1: IPv6 is on, should be off"]
    plug(bridge_vif())
    assert os_vif.check(bridge_vif()) == []


@pytest.mark.parametrize(
    ("vif", "kind", "words"),
    [
        pytest.param(bridge_vif(bridge="veth0"), exception.WrongKind, "veth", id="a bridge that is no bridge"),
        pytest.param(
            bridge_vif(bridge="veth0", provide=False), exception.WrongKind, "veth", id="nor where others provide it"
        ),
        pytest.param(bridge_vif(name="veth0"), exception.WrongKind, "not a tap", id="a tap that is no tap"),
        pytest.param(bridge_vif(name="tun0"), exception.WrongKind, "is a tun", id="a tap that is a tun"),
        pytest.param(
            bridge_vif(bridge="none0", provide=False), exception.ResourceMissing, "none0", id="no such bridge"
        ),
        pytest.param(bridge_vif(nic="none0"), exception.ResourceMissing, "none0", id="no such NIC"),
        pytest.param(bridge_vif(nic="none0", vlan=5), exception.ResourceMissing, "none0", id="no such NIC, VLAN"),
        pytest.param(bridge_vif(name="t" * 16), exception.InvalidVIF, "16 bytes", id="a name of 16 characters"),
        pytest.param(bridge_vif(name="a/b"), exception.InvalidVIF, "vif_name", id="a name with a slash"),
        pytest.param(bridge_vif(bridge="../br"), exception.InvalidVIF, "bridge_name", id="a bridge with a slash"),
        pytest.param(bridge_vif(nic="a b"), exception.InvalidVIF, "bridge_interface", id="a NIC with a space"),
        pytest.param(bridge_vif(name="br0"), exception.InvalidVIF, "vif_name", id="tap and bridge of one name"),
        pytest.param(bridge_vif(nic="br0"), exception.InvalidVIF, "br0", id="NIC and bridge of one name"),
        pytest.param(bridge_vif(nic="tap1"), exception.InvalidVIF, "tap1", id="NIC and tap of one name"),
        pytest.param(
            bridge_vif(nic="veth0", vlan=5, bridge="vlan5"), exception.InvalidVIF, "vlan5", id="VLAN and bridge"
        ),
        pytest.param(bridge_vif(nic="veth0", vlan=5, name="vlan5"), exception.InvalidVIF, "vlan5", id="VLAN and tap"),
        pytest.param(bridge_vif(vlan=5), exception.InvalidVIF, "bridge_interface", id="a VLAN without a NIC"),
        pytest.param(bridge_vif(nic="veth0", vlan=4095), exception.InvalidVIF, "4095", id="no VLAN id"),
        pytest.param(bridge_vif(mtu=67), exception.InvalidVIF, "67", id="too small an MTU"),
        pytest.param(bridge_vif(mtu=70000), exception.InvalidVIF, "70000", id="too large an MTU"),
        pytest.param(
            objects.vif.VIFBridge(plugin="linux_bridge", bridge_name="br0"), exception.InvalidVIF, "id", id="no id"
        ),
        pytest.param(
            objects.vif.VIFBridge(plugin="linux_bridge", id=vif_id(1)),
            exception.InvalidVIF,
            "bridge_name",
            id="no bridge",
        ),
        pytest.param(
            objects.vif.VIFGeneric(plugin="linux_bridge", id=vif_id(1), vif_name="tap1"),
            exception.InvalidVIF,
            "VIFGeneric",
            id="another type of VIF",
        ),
    ],
)  # fmt: skip
def test_bad_input_is_told_and_the_host_left_alone(
    vif: VIFBridge, kind: type[Exception], words: str, host: None
) -> None:
    ip("link", "add", "veth0", "type", "veth", "peer", "name", "veth1")
    ip("tuntap", "add", "tun0", "mode", "tun")
    error = refused(vif)
    assert type(error) is kind
    assert words in str(error)


def test_bridge_that_os_vif_made_goes_with_its_last_user(host: None) -> None:
    from os_vif.host import engine

    before = snapshot()
    first, second = bridge_vif(1), bridge_vif(2)
    os_vif.plug_many([(first, INSTANCE), (second, INSTANCE)])
    for vif, left in ((first, True), (second, False)):
        assert engine.remove([os_vif._planned(vif).job(vif, INSTANCE)], shared=True) == [None]
        assert ("br0" in snapshot()["link"]) is left
    assert differences(before, snapshot()) == []


def test_a_tap_with_somebody_elses_alias_is_left_alone(host: None) -> None:
    ip("tuntap", "add", "tap1", "mode", "tap")
    ip("link", "set", "tap1", "alias", "of an operator")
    vif = bridge_vif()
    before = snapshot()
    with pytest.raises(exception.PlugException, match="carries the alias 'of an operator'"):
        os_vif.plug(vif, INSTANCE)
    os_vif.unplug(vif, INSTANCE)
    assert differences(before, snapshot()) == []
