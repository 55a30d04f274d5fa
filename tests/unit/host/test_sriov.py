"""A virtual function from plan to message and back, as tables: this kernel has no SR-IOV that could answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from unittest import mock

import pytest
from tests.unit.host.test_plans_and_differences import link

from os_vif.host import changes, diff, executor, removals, steps
from os_vif.host.ledger import FAILED
from os_vif.host.netlink import Link as Observed
from os_vif.host.netlink import Message, NetlinkError, RouteSocket
from os_vif.host.netlink.vf import Vf, set_vf
from os_vif.host.observe import Host, observe
from os_vif.host.plan import OWNED, Link, Plan, Resource, SriovVf

MAC, OTHER, NONE = "02:00:00:00:00:01", "02:00:00:00:00:02", "00:00:00:00:00:00"
FUNCTION = SriovVf(name="nic0", number=3, address=MAC, vlan=7, trusted=True)
DEVICE = Link(name="nic0v3", address=MAC, up=True, ownership=OWNED)
AS_PLANNED = Vf(MAC, 7, True)
GIVEN_BACK = steps.SetVf(scope=0, name="nic0", number=3, address=NONE, vlan=0)


def host(vf: Vf | None, *devices: Observed) -> Host:
    links = {one.name: one for one in (link(1, "nic0", ""), *devices)}
    return Host(links=links, vfs={"nic0": {} if vf is None else {3: vf}})


def plan(*resources: Resource) -> Plan:
    return Plan("v1", resources)


@pytest.mark.parametrize(
    ("wanted", "found", "said"),
    [
        (FUNCTION, AS_PLANNED, []),
        (replace(FUNCTION, trusted=False), Vf(MAC, 7, None), []),
        (
            FUNCTION,
            Vf(NONE, 0, None),
            [
                f"nic0 vf 3: address is {NONE}, should be {MAC}",
                "nic0 vf 3: vlan is 0, should be 7",
                "nic0 vf 3: trusted is not set, should be True",
            ],
        ),
        (
            replace(FUNCTION, vlan=0, trusted=False),
            AS_PLANNED,
            ["nic0 vf 3: vlan is 7, should be 0", "nic0 vf 3: trusted is True, should be False"],
        ),
        (FUNCTION, None, ["nic0 vf 3: nic0 has no such virtual function"]),
    ],
)
def test_what_differs(wanted: SriovVf, found: Vf | None, said: Sequence[str]) -> None:
    assert [str(d) for d in diff.compare(plan(wanted), host(found))] == said


def test_what_differs_is_set_and_how_it_was_is_kept() -> None:
    before = host(Vf(OTHER, 7, False))
    found = diff.compare(plan(FUNCTION), before)
    (step,) = changes.to_make(FUNCTION, found, plan(FUNCTION), before, scope=0)
    assert step == steps.SetVf(
        scope=0,
        name="nic0",
        number=3,
        address=MAC,
        trusted=True,
        before=(("address", OTHER), ("trusted", False)),
    )
    assert str(step) == f"set address {MAC}, trust on on virtual function 3 of nic0"
    assert steps.from_wire(steps.to_wire([step])) == [step]
    assert changes.inverse([step]) == [
        steps.SetVf(scope=0, name="nic0", number=3, address=OTHER, trusted=False)
    ]
    right = host(AS_PLANNED)
    assert changes.to_make(FUNCTION, [], plan(FUNCTION), right, scope=0) == []


@pytest.mark.parametrize(
    ("found", "given_back"),
    [
        pytest.param(AS_PLANNED, replace(GIVEN_BACK, trusted=False), id="as plugged"),
        pytest.param(Vf(MAC, 0, None), GIVEN_BACK, id="half plugged"),
        pytest.param(Vf(NONE, 7, False), GIVEN_BACK, id="half unplugged"),
        pytest.param(Vf(NONE, 0, False), None, id="unplugged"),
        pytest.param(Vf(OTHER, 7, True), None, id="another VIF's by now"),
        pytest.param(None, None, id="gone"),
    ],
)  # fmt: skip
def test_unplug_gives_back_what_is_the_vifs(found: Vf | None, given_back: steps.Step | None) -> None:
    made = removals.to_remove(plan(FUNCTION), host(found), 0)
    assert made == ([] if given_back is None else [given_back])


@pytest.mark.parametrize("address", [MAC, OTHER])
def test_unplug_sets_down_its_device_unless_it_is_another_vifs_by_now(address: str) -> None:
    device = link(2, "nic0v3", "", address=address)
    made = removals.to_remove(plan(FUNCTION, DEVICE), host(Vf(address, 0, False), device), 0)
    down = steps.SetLink(scope=0, name="nic0v3", up=False)
    assert (down in made) == (address == MAC)
    assert len(made) == (2 if address == MAC else 0)


def _execute(made: Sequence[steps.Step], refuse: Sequence[bool]) -> tuple[list[Message], dict[str, object]]:
    """What the executor sends, to a kernel that refuses some of it."""
    sent: list[Message] = []

    def execute(messages: Sequence[Message]) -> list[NetlinkError | None]:
        sent.extend(messages)
        return [NetlinkError(95, m.what) if no else None for m, no in zip(messages, refuse, strict=True)]

    socket = mock.Mock(spec=RouteSocket, execute=execute, request=sent.append)
    with mock.patch("os_vif.host.netlink.route_socket", return_value=socket):
        request = {"steps": steps.to_wire(made), "dependents": [[s.scope, [s.scope]] for s in made]}
        return sent, executor.execute(request)


def test_one_refusal_is_undone_and_leaves_the_others_with_a_mocked_kernel() -> None:
    """A function that the driver refuses: perhaps its address was set already, so that goes back as well."""
    made = [
        steps.SetVf(
            scope=n, name="nic0", number=n, address=MAC, vlan=7, before=(("address", NONE), ("vlan", 0))
        )
        for n in (0, 1)
    ]
    sent, outcome = _execute(made, refuse=[True, False])
    assert [m.what for m in sent] == [
        f"set mac {MAC}, vlan 7 on vf 0 of nic0",
        f"set mac {MAC}, vlan 7 on vf 1 of nic0",
        f"set mac {NONE}, vlan 0 on vf 0 of nic0",
    ]
    assert sent[0].payload == set_vf("nic0", 0, address=MAC, vlan=7).payload
    ((scope, step, name, reason, verdict),) = outcome["errors"]  # type: ignore[attr-defined]
    assert (scope, step, name, verdict) == (0, str(made[0]), "nic0", FAILED)
    assert reason == "Operation not supported"


@pytest.mark.parametrize("resources", [(DEVICE,), (FUNCTION, DEVICE)], ids=["no function", "a function"])
def test_drivers_are_asked_about_functions_only_for_a_plan_that_has_one(
    resources: tuple[Resource, ...],
) -> None:
    """It costs a question to the driver for each of up to 256 functions."""
    socket = mock.Mock(spec=RouteSocket)
    socket.links.return_value = {"nic0": link(1, "nic0", "")}
    socket.ask.return_value = [NetlinkError(19, "look up nic0")]
    observed = observe([plan(*resources)], socket)
    assert socket.ask.call_count == len(resources) - 1
    assert observed.vfs == ({} if len(resources) == 1 else {"nic0": {}})


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("vlan", 4095, "4095 is not a VLAN id"),
        ("number", -1, "-1 is not the number of a virtual function"),
        ("address", "x", "'x' is not a MAC address"),
        ("name", "a/b", "contains '/'"),
        ("trusted", 1, "1 is not bool or NoneType"),
        ("before", [["name", "x"]], "is not an attribute and its value"),
    ],
)
def test_a_step_that_says_something_else_is_refused(field: str, value: object, words: str) -> None:
    step = steps.SetVf(scope=0, name="nic0", number=3, address=MAC)
    ((name, *values),) = steps.to_wire([step])
    names = ["scope", "name", "number", "address", "vlan", "trusted", "before"]
    wire = dict(zip(names, values, strict=True)) | {field: value}
    with pytest.raises(ValueError, match=words):
        steps.from_wire([[name, *wire.values()]])
