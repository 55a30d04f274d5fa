"""Steps cross a process boundary: they arrive as they were sent, and what is no step is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import vif_plug_linux_bridge.privsep
import vif_plug_ovs.privsep
from os_vif.host import executor, privsep, steps
from os_vif.host.plan import FilterRules, Script

SCRIPT = Script(
    script="midonet",
    device="tap1",
    payload='{"vif": {}}',
    environment=(("OS_VIF_ID", "x"), ("OS_VIF_MTU", "1450")),
)
RULES = FilterRules(bridge="br0", gateway=True, prefix="nova-compute", forward_interfaces=("eth0", "all"))
RULES_WIRE = {"bridge": "br0", "gateway": True, "prefix": "x"}
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
    steps.Place(scope=0, resource=RULES),
    steps.Look(scope=0, resource=RULES),
    steps.Remove(scope=0, resource=RULES),
    steps.Place(scope=1, resource=SCRIPT),
    steps.Look(scope=1, resource=SCRIPT),
    steps.Remove(scope=1, resource=SCRIPT),
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
        "plug tap1 with script midonet",
        "ask plug script midonet about tap1",
        "unplug tap1 with script midonet",
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
        (["Place", 0, "rules"], "resource"),
        (["Place", 0, ["Tap", {"name": "tap1"}]], "resource: 'Tap' is none"),
        (["Place", 0, ["FilterRules", RULES_WIRE | {"command": "rm"}]], "command"),
        (["Place", 0, ["FilterRules", RULES_WIRE | {"bridge": "a;b/c"}]], "bridge"),
        (["Place", 0, ["FilterRules", RULES_WIRE | {"ownership": "mine"}]], "mine"),
        *[
            ([verb, 0, ["Script", {"script": "midonet", "device": "tap1"} | wrong]], words)
            for wrong, words in (
                ({"script": "../midonet"}, "bare name"),
                ({"script": "/bin/sh"}, "bare name"),
                ({"script": "midonet\n"}, "bare name"),
                ({"script": ".hidden"}, "bare name"),
                ({"script": "-c"}, "bare name"),
                ({"script": ""}, "bare name"),
                ({"script": "m" * 256}, "bare name"),
                ({"script": None}, "bare name"),
                ({"script": ["midonet"]}, "bare name"),
                ({"device": ""}, "device"),
                ({"device": "tap\0"}, "device"),
                ({"device": 7}, "device"),
                ({"payload": "{"}, "payload: is not JSON"),
                ({"payload": "[" * 100000}, "payload: is not JSON"),
                ({"payload": "[]"}, "payload: is not a JSON object"),
                ({"payload": "{}" + " " * 2**20}, "payload: must be text"),
                ({"environment": {"OS_VIF_ID": "x"}}, "environment"),
                ({"environment": ["OS_VIF_ID"]}, "environment"),
                ({"environment": [["PATH", "/home/eve"]]}, "'PATH'"),
                ({"environment": [["LD_PRELOAD", "/home/eve/x.so"]]}, "'LD_PRELOAD'"),
                ({"environment": [["OS_VIF_A=B", "x"]]}, "OS_VIF_A=B"),
                ({"environment": [["OS_VIF_RUN", "x"]]}, "OS_VIF_RUN"),
                ({"environment": [["OS_VIF_ID", "x"], ["OS_VIF_ID", "y"]]}, "OS_VIF_ID"),
                ({"environment": [["OS_VIF_ID", "x\0PATH=/home/eve"]]}, "without NUL"),
                ({"environment": [["OS_VIF_ID", "\ud800"]]}, "UTF-8"),
                ({"environment": [["OS_VIF_ID", "x" * 2**17]]}, "bytes long"),
                ({"directories": ["/home/eve"]}, "directories"),
                ({"timeout": 1e9}, "timeout"),
            )
            for verb in ("Place", "Look", "Remove")
        ],
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


@pytest.mark.parametrize("kind", [steps.Place, steps.Look, steps.Remove])
def test_scripts_run_only_where_they_are_configured(kind: type[steps.Place]) -> None:
    """The daemons of other plugins run none, whatever they are sent."""
    request = {"steps": steps.to_wire([kind(scope=0, resource=SCRIPT)]), "dependents": [[0, [0]]]}
    contexts = (privsep, vif_plug_ovs.privsep, vif_plug_linux_bridge.privsep)
    for received in (executor.execute, *(context.execute.args[0] for context in contexts)):
        with pytest.raises(
            ValueError, match=r"(script midonet|about tap1): this privileged side does not do that"
        ):
            received(request)
