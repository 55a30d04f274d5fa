"""Any sequence of plugs, unplugs, rebindings, and what somebody else's hand does, on a real Open vSwitch.

There is no model of the host: it is looked at before and after each step (tests.ovsthings), and a step may change
nothing but what it is about. After a plug the VIF is there and `check` finds nothing; after an unplug nothing of it
is left in kernel or database; what is others' is as it was; a plug that fails leaves the host as it was. Operations
also fail, or the process dies, at a random step. `--hypothesis-profile=full` runs 1,000 sequences.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule
from tests.faults import failing, killed_at
from tests.machine import STEPS, Machine
from tests.netns import ip
from tests.ovs import open_vswitch
from tests.ovsthings import (
    FORMS,
    HYPERVISOR,
    VHOST,
    WAITED,
    Form,
    Key,
    Things,
    fits,
    is_of,
    names,
    names_of,
    others,
    own,
    qos_id,
    refuses,
    remains,
    things,
)
from tests.ovsvifs import BRIDGE, INSTANCE, identity, ids, mark, plugin

from os_vif import exception
from os_vif.host import engine
from os_vif.host.plan import OvsPort, Plan

GUESTS = st.sampled_from([n for n, forms in FORMS.items() if HYPERVISOR.name in forms])
Choice = tuple[int, str]
CHOICES = st.sampled_from([(n, name) for n, forms in FORMS.items() for name in forms])
SETS = st.fixed_dictionaries({}, optional={n: st.sampled_from(list(f)) for n, f in FORMS.items()}).filter(
    bool
)
STRANGERS = st.sampled_from(["other1", "other2"])


class Host(Machine):
    """`seen` is what there is; `ovs` is Open vSwitch in the sequence's namespace."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = contextlib.ExitStack()
        self.seen: Things = {}

    def teardown(self) -> None:
        try:
            self.stack.close()
        finally:
            super().teardown()

    @initialize()
    def a_host(self) -> None:
        """Bridges of an operator's, and a Linux bridge for damage."""
        self.ovs = self.stack.enter_context(open_vswitch())
        for bridge in (BRIDGE, "br-other"):
            self.ovs.bridge(bridge)
        ip("link", "add", "other0", "up", "type", "bridge")
        self.look()

    def look(self) -> Things:
        """Have `seen` be what there is now; returns what there was."""
        before, self.seen = self.seen, things(self.ovs)
        return before

    # --- plug and unplug, and what has to be true then ----------------------------------------------------------

    def job(self, number: int, form: Form) -> engine.Job:
        """`form.waits`: Open vSwitch cannot open some ports here, and others' devices come later."""
        it = plugin(self.ovs, ovs_vsctl_timeout=10, **form.options)
        made = it.job(form.make(number), INSTANCE)
        if form is not VHOST:
            return made
        unwaited = [_unwaited(r) if isinstance(r, OvsPort) else r for r in made.plan]
        plan = Plan(made.plan.vif_id, tuple(unwaited), made.plan.leftovers, made.plan.obstacle)
        return engine.Job(plan, made.runner)

    def act(
        self, verb: Callable[..., Sequence[Any]], wanted: dict[int, Form], **options: Any
    ) -> dict[int, Any]:
        """engine.apply or engine.remove in one pass; the outcomes, which are errors that callers are told of."""
        outcomes = verb([self.job(n, form) for n, form in wanted.items()], **options)
        for outcome in outcomes:
            assert outcome is None or isinstance(outcome, exception.ExceptionBase), repr(outcome)
        return dict(zip(wanted, outcomes, strict=True))

    def verdict(self, number: int, form: Form) -> list[str]:
        """What check finds, but for what others have still to do: the network's agent, the hypervisor."""
        (found,) = engine.check([self.job(number, form)])
        theirs = ("dead VLAN",) if form.waits else ("dead VLAN", "ofport")
        return [str(d) for d in found if not any(word in str(d) for word in theirs)]

    def is_plugged(self, before: Things, wanted: dict[int, Form]) -> None:
        """These VIFs, whose plug succeeded: all they need is there, and nothing that they do not need is new."""
        allowed: set[Key] = set()
        for number, form in wanted.items():
            assert not refuses(before, number, form)
            rows = form.wanted(number)
            for key, row in rows.items():
                assert fits(self.seen.get(key), row), f"{key} is {self.seen.get(key)}, should be {row}"
            assert self.verdict(number, form) == []
            allowed |= self.with_company(rows, form)
            name = names(number)["tap"]
            if form.options.get("isolate_vif") and ("Port", name) not in before:
                assert self.seen["Port", name]["qos"] == qos_id(name)
                assert self.seen["Port", name]["tag"] == 4095
        assert self.seen.keys() - before.keys() <= allowed

    def with_company(self, rows: Things, form: Form) -> set[Key]:
        """The rows, with those that come with them: of a bridge its own port, of a port its QoS."""
        found = set(rows)
        bridges = [key[1] for key in rows if key[0] == "Bridge"] + [form.shared or ""]
        for name in bridges:
            found |= {(table, name) for table in ("Bridge", "Port", "Interface", "link")}
        return found | {("QoS", qos_id(key[1])) for key in rows if key[0] == "Port"}

    def nothing_else_changed(self, before: Things, wanted: dict[int, Form]) -> None:
        """But for a bridge that a VIF needs and was not there."""
        new = {
            (table, f.shared)
            for f in wanted.values()
            if f.shared and ("Bridge", f.shared) not in before
            for table in ("Bridge", "Port", "Interface", "link")
        }
        was, now = before, self.seen
        for number in wanted:
            was, now = others(was, number), others(now, number)
        assert was == {key: row for key, row in now.items() if key not in new}

    def plugs(self, wanted: dict[int, Form], **options: Any) -> None:
        """A plug of all of them in one pass, with its outcome and all that follows from it."""
        outcomes = self.act(engine.apply, wanted, **options)
        before = self.look()
        for number, form in wanted.items():
            assert (outcomes[number] is not None) == refuses(before, number, form), repr(outcomes[number])
            if outcomes[number] is not None:
                assert own(self.seen, number) == own(before, number), f"{number}: {outcomes[number]!r}"
        self.is_plugged(before, {n: form for n, form in wanted.items() if outcomes[n] is None})
        self.nothing_else_changed(before, wanted)

    def unplugs(self, wanted: dict[int, Form]) -> None:
        outcomes = self.act(engine.remove, wanted)
        assert set(outcomes.values()) == {None}
        before = self.look()
        for number, form in wanted.items():
            assert own(self.seen, number).keys() == remains(before, number, form)
        now, was = self.seen, before
        for number in wanted:
            now, was = others(now, number), others(was, number)
        assert now == was

    # --- rules --------------------------------------------------------------------------------------------------

    @rule(choice=CHOICES)
    def plug(self, choice: Choice) -> None:
        self.plugs(chosen(choice))

    @rule(choice=CHOICES)
    def plug_again(self, choice: Choice) -> None:
        """The second plug changes nothing at all."""
        self.plugs(chosen(choice))
        self.plugs(chosen(choice))
        before = self.look()
        assert self.seen == before

    @rule(wanted=SETS)
    def plug_many(self, wanted: dict[int, str]) -> None:
        self.plugs({n: FORMS[n][name] for n, name in wanted.items()})

    @rule(choice=CHOICES)
    def unplug(self, choice: Choice) -> None:
        self.unplugs(chosen(choice))

    @rule(wanted=SETS)
    def unplug_many(self, wanted: dict[int, str]) -> None:
        self.unplugs({n: FORMS[n][name] for n, name in wanted.items()})

    @rule(choice=CHOICES)
    def repair(self, choice: Choice) -> None:
        self.plugs(chosen(choice), force=True)

    @rule(choice=CHOICES)
    def check(self, choice: Choice) -> None:
        """It changes nothing, and does not call right what is not."""
        number, form = choice[0], FORMS[choice[0]][choice[1]]
        found = self.verdict(number, form)
        wanted = form.wanted(number)
        if found == []:
            assert not refuses(self.seen, number, form) or form.waits
            assert all(fits(self.seen.get(key), row) for key, row in wanted.items())
        before = self.look()
        assert self.seen == before

    @rule(choice=CHOICES)
    def wait_ready(self, choice: Choice) -> None:
        """Ready at once, or not in a while: nobody does anything about it."""
        job = self.job(choice[0], FORMS[choice[0]][choice[1]])
        (found,) = engine.check([job])
        if found:
            with pytest.raises(exception.NotReady):
                engine.wait_ready(job, 0.02)
        else:
            engine.wait_ready(job, 0)

    # --- failures -----------------------------------------------------------------------------------------------

    @rule(choice=CHOICES, at=STEPS, carried_out=st.booleans())
    def plug_with_fault(self, choice: Choice, at: int, carried_out: bool) -> None:
        """Not of what fails by itself: the fault may come when that is rolled back, which is then not possible."""
        if choice[1] == WAITED.name:
            return
        number, form = choice[0], FORMS[choice[0]][choice[1]]
        with failing(at, errno.ENOBUFS if carried_out else errno.EPERM, carried_out=carried_out) as injected:
            (outcome,) = self.act(engine.apply, {number: form}).values()
        before = self.look()
        if outcome is None:
            self.is_plugged(before, {number: form})
            self.nothing_else_changed(before, {number: form})
        else:
            note(f"failed: {outcome!r}, after {injected.names}")
            assert injected.fired or refuses(before, number, form)
            assert self.seen == before

    @rule(choice=CHOICES, at=STEPS, carried_out=st.booleans())
    def unplug_with_fault(self, choice: Choice, at: int, carried_out: bool) -> None:
        """It goes on, and what is left goes with the next one."""
        number, form = choice[0], FORMS[choice[0]][choice[1]]
        before = self.seen
        with failing(at, errno.ENOBUFS if carried_out else errno.EPERM, carried_out=carried_out) as injected:
            (outcome,) = self.act(engine.remove, {number: form}).values()
        assert outcome is None or injected.fired
        self.finish_unplug(before, number, form, done=outcome is None)

    @rule(choice=CHOICES, at=STEPS, then=st.sampled_from(["plug", "unplug"]))
    def plug_with_death(self, choice: Choice, at: int, then: str) -> None:
        number, form = choice[0], FORMS[choice[0]][choice[1]]
        if refuses(self.seen, number, form):
            return
        before = self.seen
        killed_at(at, lambda: self.act(engine.apply, {number: form}))
        if then == "plug":
            self.plug(choice)
            self.nothing_else_changed(before, {number: form})
        else:
            self.look()
            self.nothing_else_changed(before, {number: form})
            self.unplug(choice)
            assert own(self.seen, number).keys() == remains(before, number, form)

    @rule(choice=CHOICES, at=STEPS)
    def unplug_with_death(self, choice: Choice, at: int) -> None:
        number, form = choice[0], FORMS[choice[0]][choice[1]]
        before = self.seen
        killed_at(at, lambda: self.act(engine.remove, {number: form}))
        self.finish_unplug(before, number, form, done=False)

    def finish_unplug(self, before: Things, number: int, form: Form, *, done: bool) -> None:
        self.look()
        if not done:
            self.unplugs({number: form})
        assert own(self.seen, number).keys() == remains(before, number, form)
        assert others(self.seen, number) == others(before, number)

    # --- somebody else's hand -----------------------------------------------------------------------------------

    def vsctl(self, *words: str) -> None:
        note("ovs-vsctl " + " ".join(words))
        self.ovs.vsctl(*words)

    def links(self) -> list[str]:
        called = names_of(FORMS)
        return sorted(
            k[1] for k, row in self.seen.items() if k[0] == "link" and k[1] in called and "index" in row
        )

    def ports(self) -> list[str]:
        called = names_of(FORMS)
        return sorted(
            k[1] for k in self.seen if k[0] == "Port" and k[1] in called and ("Bridge", k[1]) not in self.seen
        )

    @precondition(lambda self: self.links())
    @rule(
        data=st.data(),
        damage=st.sampled_from(
            ["delete", "mtu", "down", "nomaster", "astray", "no mark", "foreign mark", "own alias", "replace"]
        ),
    )
    def damage_a_link(self, data: st.DataObject, damage: str) -> None:
        name = data.draw(st.sampled_from(self.links()))
        words: dict[str, list[str | int]] = {
            "mtu": ["mtu", 1400],
            "down": ["down"],
            "nomaster": ["nomaster"],
            "no mark": ["alias", ""],
            "foreign mark": ["alias", mark(99)],
            "own alias": ["alias", "the web server's"],
        }
        if damage in ("delete", "replace"):
            kind = self.seen["link", name]["kind"]
            ip("link", "del", name)
            if damage == "replace":
                ip("link", "add", name, "type", "veth" if kind == "bridge" else "bridge")
        elif damage == "astray":
            if name.startswith("qvb"):
                ip("link", "set", name, "master", "other0")
        else:
            ip("link", "set", name, *words[damage])
        self.look()

    @precondition(lambda self: self.ports())
    @rule(
        data=st.data(),
        damage=st.sampled_from(
            [
                "delete",
                "move",
                "iface-id",
                "no ids",
                "tag",
                "type",
                "options",
                "no mark",
                "foreign mark",
                "no QoS",
            ]
        ),
    )
    def damage_a_port(self, data: st.DataObject, damage: str) -> None:
        name = data.draw(st.sampled_from(self.ports()))
        here = self.seen["Port", name]["bridge"]
        there = "br-other" if here != "br-other" else BRIDGE
        row = self.ovs.vsctl("--no-wait", "get", "Port", name, "_uuid").strip()
        words = {
            "delete": ["del-port", name],
            "move": ["remove", "Bridge", here, "ports", row, "--", "add", "Bridge", there, "ports", row],
            "iface-id": ["set", "Interface", name, "external_ids:iface-id=another"],
            "no ids": ["clear", "Interface", name, "external_ids"],
            "tag": ["set", "Port", name, "tag=7"],
            "type": ["set", "Interface", name, "type=internal"],
            "options": [
                "set",
                "Interface",
                name,
                "options:peer=nobody",
                "options:vhost-server-path=/nowhere",
            ],
            "no mark": ["remove", "Port", name, "external_ids", "os-vif"],
            "foreign mark": ["set", "Port", name, f"external_ids:os-vif={identity(99)}"],
            "no QoS": ["clear", "Port", name, "qos"],
        }
        self.vsctl(*words[damage])
        self.look()

    @rule(data=st.data(), damage=st.sampled_from(["delete", "no mark", "foreign mark"]))
    def damage_a_bridge(self, data: st.DataObject, damage: str) -> None:
        bridges = sorted(k[1] for k in self.seen if k[0] == "Bridge" and k[1] not in (BRIDGE, "br-other"))
        if not bridges:
            return
        name = data.draw(st.sampled_from(bridges))
        if damage == "delete":
            self.vsctl("del-br", name)
        elif name not in names_of(FORMS):
            return
        elif damage == "no mark":
            self.vsctl("remove", "Bridge", name, "external_ids", "os-vif")
        else:
            self.vsctl("set", "Bridge", name, f"external_ids:os-vif={identity(99)}")
        self.look()

    @rule(name=STRANGERS, bridge=st.sampled_from([BRIDGE, "br-other"]))
    def a_port_of_others(self, name: str, bridge: str) -> None:
        if ("Port", name) in self.seen:
            self.vsctl("del-port", name)
        else:
            self.vsctl("add-port", bridge, name, "--", "set", "Interface", name, "type=internal")
        self.look()

    @rule(number=GUESTS)
    def the_guest_starts(self, number: int) -> None:
        """The hypervisor makes the tap, and, as libvirt does, its port."""
        name = names(number)["tap"]
        if ("link", name) not in self.seen:
            ip("tuntap", "add", name, "mode", "tap")
        if ("Port", name) not in self.seen:
            external_ids = [f"external_ids:{key}={value}" for key, value in ids(number).items()]
            self.vsctl("add-port", BRIDGE, name, "--", "set", "Interface", name, *external_ids)
        self.look()

    @rule(number=GUESTS)
    def the_guest_stops(self, number: int) -> None:
        name = names(number)["tap"]
        if self.seen.get(("link", name), {}).get("kind") == "tun" and is_of(("link", name), number):
            ip("link", "del", name)
        self.look()


def chosen(choice: Choice) -> dict[int, Form]:
    number, name = choice
    return {number: FORMS[number][name]}


def _unwaited(port: OvsPort) -> OvsPort:
    from dataclasses import replace

    return replace(port, must_be_ready=False)


TestHost = pytest.mark.timeout(7200)(Host.TestCase)
