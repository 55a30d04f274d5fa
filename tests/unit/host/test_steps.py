"""Steps cross a process boundary: they arrive as they were sent, and what is no step is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from os_vif.host import executor, steps
from os_vif.host.plan import FilterRules

RULES = FilterRules(bridge="br0", gateway=True, prefix="nova-compute", forward_interfaces=("eth0", "all"))
EVERY_STEP = [
    steps.AddBridge(scope=-1, name="br0", mtu=1450, forward_delay=0, ageing_time=30000),
    steps.AddVlan(scope=0, name="vlan5", link="eth0", vlan_id=5),
    steps.AddTap(scope=1, name="tap1", multiqueue=True),
    steps.DisableIPv6(scope=1, name="tap1", value=True, before=False),
    steps.SetLink(
        scope=1, name="tap1", mtu=1450, up=True, before=(("mtu", 1500), ("alias", "an operator's"))
    ),
    steps.SetLink(scope=1, name="tap1", address="fe:00:00:00:00:01", alias="os-vif:x", group=0, master="br0"),
    steps.SetLink(scope=1, name="tap1", master=""),
    steps.MoveAddresses(scope=0, source="eth0", target="br0"),
    steps.ApplyFilter(scope=0, rules=RULES),
    steps.ReadFilter(scope=0, rules=RULES),
    steps.RemoveFilter(scope=0, rules=RULES),
    steps.DeleteLink(scope=0, name="tap1", kind="tun", mark="os-vif:x", adopt=True),
]


def test_there_and_back() -> None:
    """Also through JSON, which knows less than privsep's msgpack: no tuples."""
    wire = json.loads(json.dumps(steps.to_wire(EVERY_STEP)))
    assert steps.from_wire(wire) == EVERY_STEP


def test_each_says_what_it_does() -> None:
    assert [str(step) for step in EVERY_STEP] == [
        "create bridge br0",
        "create VLAN device vlan5, id 5 on eth0",
        "create tap tap1 with many queues",
        "turn IPv6 off on tap1",
        "set mtu 1450, up on tap1",
        "set address fe:00:00:00:00:01, alias os-vif:x, master br0 on tap1",
        "set nomaster on tap1",
        "move addresses and routes from eth0 to br0",
        "place the filter rules of br0",
        "read the filter rules of br0",
        "remove the filter rules of br0",
        "delete tap1",
    ]


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (["Reboot", 0], "not a step"),
        (["Step", 0], "not a step"),
        (["__class__", 0], "not a step"),
        (["AddTap", 0], "not a step"),
        (["AddTap", 0, "tap1", False, "more"], "not a step"),
        (["AddTap", 0, "../../etc", False], "AddTap.name"),
        (["AddTap", 0, "t" * 16, False], "AddTap.name"),
        (["AddTap", 0, None, False], "AddTap.name"),
        (["AddTap", 0, "tap1", 1], "AddTap.multiqueue"),
        (["AddTap", "0", "tap1", False], "AddTap.scope"),
        (["DisableIPv6", 0, "all", True, None], "DisableIPv6.name"),
        (["DisableIPv6", 0, "default", True, None], "DisableIPv6.name"),
        (["DisableIPv6", 0, "eth0", "1", None], "DisableIPv6.value"),
        (["AddVlan", 0, "vlan5", "eth0", 4095, None], "AddVlan.vlan_id"),
        (["AddBridge", 0, "br0", 67, 0, False, False, None], "AddBridge.mtu"),
        (["AddBridge", 0, "br0", "1500", 0, False, False, None], "AddBridge.mtu"),
        (["SetLink", 0, "tap1", None, "02:00", None, None, None, None, None, None, None, []], "SetLink.address"),
        (["SetLink", 0, "tap1", None, None, "mine", None, None, None, None, None, None, []], "SetLink.alias"),
        (["SetLink", 0, "tap1", None, None, None, None, "a/b", None, None, None, None, []], "SetLink.master"),
        (["SetLink", 0, "tap1", None, None, None, None, None, None, None, None, "yes", []], "SetLink.up"),
        (["SetLink", 0, "tap1", None, None, None, None, None, None, None, None, True, [["name", "x"]]], "before"),
        (["SetLink", 0, "tap1", None, None, None, None, None, None, None, None, True, "before"], "SetLink.before"),
        (["DeleteLink", 0, "eth0", "", "os-vif:x", False], "DeleteLink.kind"),
        (["DeleteLink", 0, "eth0", "tun", "", True], "DeleteLink.mark"),
        (["ApplyFilter", 0, "rules"], "rules"),
        (["ApplyFilter", 0, {"bridge": "br0", "gateway": True, "prefix": "x", "command": "rm"}], "rules"),
        (["ApplyFilter", 0, {"bridge": "a;b/c", "gateway": True, "prefix": "x"}], "bridge"),
    ],
)  # fmt: skip
def test_what_is_no_step_is_refused(step: list[object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        steps.from_wire([step])


@given(
    st.lists(
        st.lists(
            st.one_of(
                st.sampled_from([type(step).__name__ for step in EVERY_STEP]),
                st.none(),
                st.booleans(),
                st.integers(),
                st.text(max_size=5),
                st.lists(st.text(max_size=3), max_size=3),
                st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
            ),
            min_size=1,
            max_size=13,
        ),
        max_size=2,
    )
)
def test_rubbish_is_refused_or_a_step(wire: list[list[object]]) -> None:
    try:
        made = steps.from_wire(wire)
    except ValueError:
        return
    assert all(type(step).__name__ == entry[0] for step, entry in zip(made, wire, strict=True))


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"steps": []},
        {"steps": "x", "dependents": []},
        {"steps": [["AddTap", 7, "tap1", False]], "dependents": [[0, [0]]]},
    ],
)
def test_a_pass_that_is_none_is_refused(request_: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"a pass has a list|belongs to no scope"):
        executor.execute(request_)
