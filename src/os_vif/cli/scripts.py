"""The command for authors of plug scripts: script-test."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

import os_vif
from os_vif import exception
from os_vif.cli import output, session
from os_vif.cli.arguments import Common, Format, Mode, VifArguments
from os_vif.cli.errors import ExitCode, InputError

if TYPE_CHECKING:
    from os_vif.host.plan import Plan
    from os_vif.host.scripts.conformance import Subject, Verdict
    from os_vif.objects.vif import VIFBase

_SECTION = "os_vif_script"
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "os-vif:script-test")
_SUBJECTS = 3


def script_test(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The script, found in the configured directories.")
    ],
    *,
    param: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="A parameter for the script; may be repeated."),
    ] = None,
    bridge: Annotated[str | None, typer.Option(metavar="NAME", help="Bridge of the VIFs' network.")] = None,
    hybrid: Annotated[
        bool, typer.Option("--hybrid", help="VIFs with a Linux bridge and a veth pair.")
    ] = False,
    vhost_user: Annotated[bool, typer.Option("--vhost-user", help="VIFs with vhost-user sockets.")] = False,
    mode: Annotated[Mode | None, typer.Option(help="QEMU's end of the sockets. Default: server.")] = None,
    pci: Annotated[
        list[str] | None,
        typer.Option(metavar="ADDRESS", help="VIFs with these PCI devices; give three of them."),
    ] = None,
    here: Annotated[
        bool,
        typer.Option(
            "--here", help="In this network namespace, where the tools of a real backend may have to be run."
        ),
    ] = False,
    common: Common,
) -> int:
    """Try whether a plug script keeps its contract.

    It is run for three VIFs, with taps that are made for it, in every order in which it may be run: plug, plug again,
    check, unplug, unplug again, and so on. That is done in a network namespace of its own, so that nothing of this
    host is touched; what the script itself touches is its own business. Exits with 1 if a run did not end as it must.
    """
    session.start(common)
    if pci and len(pci) != _SUBJECTS:
        raise InputError("--pci: three VIFs are tried, each with a device of its own", "give it three times")
    subjects = [
        _subject(
            VifArguments(
                plugin="script",
                script=name,
                param=param,
                bridge=bridge,
                mac=f"02:00:00:00:00:{number + 1:02x}",
                vif_id=str(uuid.uuid5(_NAMESPACE, f"{name}/{number}")),
                mode=mode,
                hybrid=hybrid,
                tap=None if pci or vhost_user else f"os-vif-test{number}",
                vhost_user=f"/run/os-vif/script-test-{number}.sock" if vhost_user else None,
                pci=pci[number] if pci else None,
            )
        )
        for number in range(_SUBJECTS)
    ]
    if os.geteuid() != 0:
        raise exception.NoPrivileges(reason="scripts are run as root")
    if not here:
        from os_vif.cli import namespace

        namespace.enter_new()
    found = _examined(subjects)
    if common.output_format is Format.JSON:
        output.show_json([_data(verdict) for verdict in found])
    else:
        _say(found)
    return ExitCode.DONE if all(verdict.is_right for verdict in found) else ExitCode.DIFFERENT


COMMANDS: Mapping[str, Callable[..., int]] = {"script-test": script_test}


def _say(found: Sequence[Verdict]) -> None:
    rows = [(v.action, v.step, v.expected, _code(v), f"{v.seconds:.3f} s", _word(v)) for v in found]
    output.show_table(("action", "when", "should exit with", "did", "took", "verdict"), rows)
    wrong = [verdict for verdict in found if not verdict.is_right]
    for verdict in wrong:
        output.say(f"{verdict.action}, {verdict.step}: {verdict.text}")
    output.say(f"{len(wrong)} of {len(found)} runs are wrong" if wrong else "the script keeps its contract")


def _subject(arguments: VifArguments) -> Subject:
    """A VIF with all that a script may ask for."""
    from os_vif import objects
    from os_vif.cli import flags
    from os_vif.host.scripts.conformance import Subject

    vif = flags.vif(arguments)
    _populate(vif, last=int(vif.address.rpartition(":")[2], 16) if vif.address else 1)
    instance = objects.instance_info.InstanceInfo(
        uuid=str(uuid.uuid5(_NAMESPACE, "instance")), name="script-test", project_id=_NAMESPACE.hex
    )
    return Subject(os_vif.plan(vif, instance), os_vif.plan(vif))


def _populate(vif: VIFBase, last: int) -> None:
    from os_vif.objects import fixed_ip, subnet

    assert vif.network is not None
    if "label" not in vif.network:
        vif.network.label = "script-test"
    vif.network.subnets = subnet.SubnetList(
        objects=[
            subnet.Subnet(
                cidr=cidr,
                ips=fixed_ip.FixedIPList(
                    objects=[fixed_ip.FixedIP(address=f"{address}{last}", floating_ips=[])]
                ),
            )
            for cidr, address in (("192.0.2.0/24", "192.0.2."), ("2001:db8::/64", "2001:db8::"))
        ]
    )


def _examined(subjects: list[Subject]) -> list[Verdict]:
    from oslo_config import cfg

    from os_vif.host import engine, executor
    from os_vif.host.scripts.conformance import examine
    from os_vif.host.scripts.finding import NotFoundError, UnsafeError
    from os_vif.host.scripts.keeper import ScriptKeeper, Settings

    def change(verb: Callable[[list[engine.Job]], list[Exception | None]]) -> Callable[[Plan], None]:
        def changed(plan: Plan) -> None:
            (error,) = verb([engine.Job(plan, executor.execute)])
            if error is not None:
                raise error

        return changed

    keeper = ScriptKeeper(Settings.of(cfg.CONF[_SECTION]))
    make, remove = change(engine.apply), change(engine.remove)
    try:
        return list(examine(keeper, subjects, make, remove))
    except (NotFoundError, UnsafeError) as error:
        raise InputError(str(error)) from error
    finally:  # of a script that was wrong, or an examination that was interrupted
        for subject in subjects:
            remove(subject.links)


def _data(verdict: Verdict) -> dict[str, object]:
    return {
        "action": verdict.action,
        "when": verdict.step,
        "expected": verdict.expected,
        "exit_code": verdict.code,
        "seconds": round(verdict.seconds, 3),
        "right": verdict.is_right,
        "text": verdict.text,
    }


def _code(verdict: Verdict) -> object:
    return verdict.code if verdict.code is not None and verdict.code >= 0 else "was ended"


def _word(verdict: Verdict) -> str:
    return "right" if verdict.is_right else "wrong"
