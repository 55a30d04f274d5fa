"""Whether a plug script keeps its part of the contract (docs/scripts.md): run in every order the engine may run it.

`os-vif script-test` calls it, with privileges, where it may change the network. The links of the VIFs come and go as
in a real plug; what the script says is compared with what it has to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from os_vif.host.plan import Plan, Script
from os_vif.host.scripts.keeper import CHECK, DONE, PLUG, UNPLUG, ScriptKeeper

UNKNOWN = "no-such-action"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One run of the script.

    step: what it was, in words; action: its argument; expected: "0", or "not 0"; code: its exit code, None if it was
    ended or could not be run; text: how it ended, and the last lines of its standard error; seconds: it took so long.
    """

    step: str
    action: str
    expected: str
    code: int | None
    text: str
    seconds: float

    @property
    def is_right(self) -> bool:
        return self.code is not None and self.code >= 0 and (self.code == DONE) == (self.expected == "0")


@dataclass(frozen=True, slots=True)
class Subject:
    """A VIF to try the script on: its plan, with one Script, and the same as a check has it, without the instance."""

    plan: Plan
    checked: Plan

    def script(self, action: str) -> Script:
        plan = self.checked if action == CHECK else self.plan
        return next(r for r in plan if isinstance(r, Script))

    @property
    def links(self) -> Plan:
        """What of the plan is not the script's."""
        return Plan(self.plan.vif_id, tuple(r for r in self.plan if not isinstance(r, Script)))


Change = Callable[[Plan], None]


def examine(
    keeper: ScriptKeeper, subjects: Sequence[Subject], make: Change, remove: Change
) -> Iterator[Verdict]:
    """Run the script in every order that may come; the verdict on each run as soon as it is there.

    subjects: three VIFs with the same script; make, remove: make a plan's links be there, or be gone.

    :raises os_vif.host.scripts.finding.NotFoundError: or UnsafeError: the script cannot be run
    """
    one, other, never = subjects

    def run(step: str, action: str, subject: Subject, *, good: bool = True) -> Verdict:
        script = subject.script(action)
        if action not in (PLUG, UNPLUG, CHECK):
            script = subject.script(PLUG)
        ended = keeper.run(keeper.call(script, action))
        return Verdict(step, action, "0" if good else "not 0", ended.code, ended.text, ended.seconds)

    def told_nothing(action: str) -> Verdict:
        nothing = replace(one.script(PLUG), environment=(), payload="{}")
        ended = keeper.run(keeper.call(nothing, action))
        return Verdict("with no VIF", action, "not 0", ended.code, ended.text, ended.seconds)

    make(one.links)
    make(other.links)
    yield run("before the first plug", CHECK, one, good=False)
    yield run("the first time", PLUG, one)
    yield run("after a plug", CHECK, one)
    yield run("again: a service restarts", PLUG, one)
    yield run("after that", CHECK, one)
    yield run("another VIF", PLUG, other)
    yield run("the first is still there", CHECK, one)
    yield run("the first time", UNPLUG, one)
    yield run("after an unplug", CHECK, one, good=False)
    yield run("the other VIF is still there", CHECK, other)
    yield run("again: nothing is left to do", UNPLUG, one)
    yield run("after an unplug", PLUG, one)
    yield run("after that", CHECK, one)
    remove(one.links)
    yield run("its device is gone", UNPLUG, one)
    yield run("after that", CHECK, one, good=False)
    yield run("a VIF that was never plugged", UNPLUG, never)
    yield run("the other VIF", UNPLUG, other)
    remove(other.links)
    yield told_nothing(PLUG)
    yield run("an action there is not", UNKNOWN, one, good=False)
