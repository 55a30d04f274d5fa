"""The commands about given VIFs: plan, plug, check, wait, repair, unplug."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

import os_vif
from os_vif import exception
from os_vif.cli import output, session
from os_vif.cli.arguments import Common, Format, VifArguments
from os_vif.cli.errors import ExitCode, SomeFailed, explain

if TYPE_CHECKING:
    from os_vif.cli.input import Card
    from os_vif.host.differences import Difference
    from os_vif.host.engine import Job
    from os_vif.host.plan import Resource
    from os_vif.host.preview import Preview

DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the steps that would be taken; take none.")]


def plan(vifs: VifArguments, common: Common) -> int:
    """Show what VIFs need on a host.

    The host is not looked at and no privileges are needed.
    """
    cards = _start(vifs, common)
    from os_vif.cli import wording

    plans = [os_vif.plan(*card) for card in cards]
    if common.output_format is Format.JSON:
        resources = [[_resource_data(r) for r in wanted] for wanted in plans]
        output.show_json([{"vif": p.vif_id, "resources": r} for p, r in zip(plans, resources, strict=True)])
        return ExitCode.DONE
    for wanted in plans:
        if len(plans) > 1:
            output.say(f"VIF {wanted.vif_id}:")
        rows = [(r.key[1], wording.resource(r), wording.OWNERS[r.ownership]) for r in wanted]
        output.show_table(("object", "what", "whose"), rows)
    return ExitCode.DONE


def plug(vifs: VifArguments, *, dry_run: DryRun = False, common: Common) -> int:
    """Connect VIFs to the network of this host.

    What is right already is not touched. A VIF that fails is rolled back; others of the same FILE stay plugged.
    """
    cards = _start(vifs, common)
    if dry_run:
        from os_vif.host import preview

        return _show_preview(cards, preview.plug(_jobs(cards)), common)
    if len(cards) == 1:
        outcome = _outcome(lambda: os_vif.plug(*cards[0]))
    else:
        outcome = _outcome(lambda: os_vif.plug_many(cards))
    return _report(cards, "plugged", outcome, common)


def unplug(
    vifs: VifArguments,
    *,
    shared: Annotated[
        bool,
        typer.Option("--shared", help="Also remove the bridges that os-vif made, once nobody uses them."),
    ] = False,
    dry_run: DryRun = False,
    common: Common,
) -> int:
    """Disconnect VIFs: remove what exists for them alone.

    It succeeds where nothing is left to remove.
    """
    cards = _start(vifs, common)
    if dry_run:
        from os_vif.host import preview

        return _show_preview(cards, preview.unplug(_jobs(cards), shared=shared), common)
    if shared:
        outcome = _outcome(lambda: _unplug_shared(cards))
    elif len(cards) == 1:
        outcome = _outcome(lambda: os_vif.unplug(*cards[0]))
    else:
        outcome = _outcome(lambda: os_vif.unplug_many(cards))
    return _report(cards, "unplugged", outcome, common)


def check(vifs: VifArguments, common: Common) -> int:
    """Compare this host with what VIFs need.

    Exits with 0 if all are plugged as they should be, with 1 if anything differs. Nothing is changed.
    """
    cards = _start(vifs, common)
    from os_vif.host import engine

    found = engine.check([os_vif.job(*card.told) for card in cards])
    _show_differences(cards, found, common)
    return ExitCode.DIFFERENT if any(found) else ExitCode.DONE


def wait(
    vifs: VifArguments,
    *,
    timeout: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="How long to wait in all; 0 looks once.")
    ] = 60.0,
    common: Common,
) -> int:
    """Wait until VIFs are seen to be connected.

    Exits with 0 as soon as all of them are, with 1 and the reasons found on the host if they are not in time.
    """
    cards = _start(vifs, common)
    deadline = time.monotonic() + timeout
    reasons: list[tuple[str, ...]] = []
    for vif, instance_info in (card.told for card in cards):
        try:
            os_vif.wait_ready(vif, max(0.0, deadline - time.monotonic()), instance_info)
            reasons.append(())
        except exception.NotReady as error:
            reasons.append(error.reasons)
    if common.output_format is Format.JSON:
        output.show_json(
            [
                {"vif": card.vif.id, "ready": not why, "reasons": why}
                for card, why in zip(cards, reasons, strict=True)
            ]
        )
    else:
        for card, why in zip(cards, reasons, strict=True):
            output.say(
                f"{_called(card)}: not ready after {timeout:g} s:" if why else f"ready: {_called(card)}"
            )
            for sentence in why:
                output.say(f"  {sentence}")
    return ExitCode.DIFFERENT if any(reasons) else ExitCode.DONE


def repair(vifs: VifArguments, common: Common) -> int:
    """Mend what differs from what VIFs need.

    Unlike plug, it also changes objects shared with other VIFs.
    """
    cards = _start(vifs, common)
    mended: list[Card] = []
    found: list[list[Difference]] = []
    failures: dict[str, Exception] = {}
    for card in cards:
        try:
            found.append(os_vif.repair(*card.told))
            mended.append(card)
        except exception.ExceptionBase as error:
            failures[card.vif.id] = error
    _show_mended(mended, found, common)
    if len(cards) == 1 and failures:
        raise failures[cards[0].vif.id]
    if failures:
        raise SomeFailed(f"{len(failures)} of {len(cards)} VIFs could not be mended", failures)
    return ExitCode.DONE


COMMANDS: Mapping[str, Callable[..., int]] = {
    "plan": plan,
    "plug": plug,
    "check": check,
    "wait": wait,
    "repair": repair,
    "unplug": unplug,
}


def _start(vifs: VifArguments, common: Common) -> list[Card]:
    session.start(common)
    from os_vif.cli import input as given

    return given.cards(vifs)


def _jobs(cards: Sequence[Card]) -> list[Job]:
    return [os_vif.job(*card) for card in cards]


def _unplug_shared(cards: Sequence[Card]) -> None:
    from os_vif.host import engine

    outcomes = engine.remove(_jobs(cards), shared=True)
    errors: dict[str, Exception] = {
        card.vif.id: exception.UnplugException(vif=card.vif, err=error)
        for card, error in zip(cards, outcomes, strict=True)
        if error is not None
    }
    if errors:
        raise exception.BulkError(errors) if len(cards) > 1 else next(iter(errors.values()))


def _outcome(act: Callable[[], None]) -> exception.ExceptionBase | None:
    try:
        act()
    except exception.ExceptionBase as error:
        return error
    return None


def _report(cards: Sequence[Card], done: str, error: exception.ExceptionBase | None, common: Common) -> int:
    """Say of each VIF what became of it; an error is raised again, to be told like every other one."""
    failed: dict[str, Exception] = {}
    if isinstance(error, exception.BulkError):
        failed = error.errors
    elif error is not None:
        failed = {card.vif.id: error for card in cards}
    if common.output_format is Format.JSON:
        output.show_json(
            [
                {
                    "vif": card.vif.id,
                    "result": "failed" if card.vif.id in failed else done,
                    "error": explain(failed[card.vif.id]).error if card.vif.id in failed else None,
                }
                for card in cards
            ]
        )
    else:
        for card in cards:
            if card.vif.id not in failed:
                output.say(f"{done}: {_called(card)}")
    if isinstance(error, exception.BulkError):
        raise SomeFailed(f"{len(failed)} of {len(cards)} VIFs failed, the others are {done}", failed)
    if error is not None:
        raise error
    return ExitCode.DONE


def _resource_data(resource: Resource) -> dict[str, object]:
    """A resource of a plan with all its fields; of a database, where it is."""
    values = {field.name: getattr(resource, field.name) for field in dataclasses.fields(resource)}
    if "database" in values:
        values["database"] = values["database"].remote
    return {"resource": type(resource).__name__, "object": resource.key[1], **values}


def _called(card: Card) -> str:
    """A VIF's id with the name of its device, where it has one."""
    name = getattr(card.vif, "vif_name", None) if "vif_name" in card.vif else None
    return f"VIF {card.vif.id} ({name})" if name else f"VIF {card.vif.id}"


def _show_preview(cards: Sequence[Card], found: Preview, common: Common) -> int:
    if common.output_format is Format.JSON:
        output.show_json(
            {
                "steps": [
                    {"step": change.text, "vifs": change.vifs, "rows": change.rows}
                    for change in found.changes
                ],
                "refused": {vif_id: explain(error).error for vif_id, error in found.refused.items()},
            }
        )
    elif found.changes:
        output.say("would do, in this order:")
        for change in found.changes:
            whose = f"  ({', '.join(change.vifs)})" if len(cards) > 1 else ""
            output.say(f"  {change.text}{whose}")
            for row in change.rows:
                output.say(f"    {row}")
    elif not found.refused:
        output.say("nothing to do")
    if found.refused and len(cards) == 1:
        raise found.refused[cards[0].vif.id]
    if found.refused:
        raise SomeFailed(f"{len(found.refused)} of {len(cards)} VIFs would fail", found.refused)
    return ExitCode.DONE


def _show_differences(cards: Sequence[Card], found: Sequence[list[Difference]], common: Common) -> None:
    from os_vif.cli import wording
    from os_vif.host.differences import Remedy
    from os_vif.host.plan import Script

    if common.output_format is Format.JSON:
        _show_differences_json(cards, found)
        return
    for card, differences in zip(cards, found, strict=True):
        if not differences:
            output.say(f"{_called(card)}: plugged as it should be")
            continue
        output.say(f"{_called(card)}:")
        rows = [
            (d.object, d.attribute, d.expected, d.actual, wording.REMEDIES[d.remedy]) for d in differences
        ]
        output.show_table(("object", "attribute", "should be", "is", "what helps"), rows)
        for difference in differences:
            # the reason, or what the script had to say
            if difference.remedy is Remedy.REFUSE or isinstance(difference.resource, Script):
                output.say(difference.message)


def _show_mended(cards: Sequence[Card], found: Sequence[list[Difference]], common: Common) -> None:
    if common.output_format is Format.JSON:
        _show_differences_json(cards, found)
        return
    for card, differences in zip(cards, found, strict=True):
        if not differences:
            output.say(f"{_called(card)}: nothing to mend")
            continue
        output.say(f"{_called(card)}: mended")
        rows = [(d.object, d.attribute, d.actual, d.expected) for d in differences]
        output.show_table(("object", "attribute", "was", "is now"), rows)


def _show_differences_json(cards: Sequence[Card], found: Sequence[list[Difference]]) -> None:
    output.show_json(
        [
            {
                "vif": card.vif.id,
                "differences": [
                    {
                        "object": d.object,
                        "attribute": d.attribute,
                        "expected": d.expected,
                        "actual": d.actual,
                        "remedy": str(d.remedy),
                        "message": d.message,
                    }
                    for d in differences
                ],
            }
            for card, differences in zip(cards, found, strict=True)
        ]
    )
