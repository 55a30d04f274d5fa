"""The command line as a whole: the groups of commands put together, run, and every error told in one way."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated

import typer

from os_vif.cli import errors, host, marked, output, render, scripts, vifs
from os_vif.cli.arguments import Format, flattened

_EPILOG = """\b
Exit codes:
  0    done; or everything is as it should be
  1    check found differences, or wait ran out of time
  2    bad input or usage
  3    no such plugin, or the plugin, or that kind of guest, cannot do that
  4    the host could not be changed; it is as it was before
  5    no privileges to change the host
  75   it cannot be done now; try again later
  130  interrupted
"""


def run(arguments: list[str]) -> int:
    """Run one command line; prints what there is to say and returns the exit code."""
    output.prepare_streams()
    if not arguments:
        run(["--help"])
        return errors.ExitCode.BAD_INPUT
    # what was asked for must be known for errors in the command line itself, which nobody has parsed then
    output_format = Format.JSON if _asks_for_json(arguments) else Format.TABLE
    try:
        result = typer.main.get_command(app).main(arguments, prog_name="os-vif", standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        return errors.ExitCode.INTERRUPTED
    except Exception as error:  # noqa: BLE001  # told to the user; with --debug as a traceback as well
        failure = errors.explain(error)
        if "--debug" in arguments and failure.exit_code is not errors.ExitCode.BAD_INPUT:
            traceback.print_exc()
        output.show_failure(failure, output_format)
        return failure.exit_code
    return result if isinstance(result, int) else errors.ExitCode.DONE


def _asks_for_json(arguments: Sequence[str]) -> bool:
    return any(
        argument in ("-fjson", "--format=json") or (argument in ("-f", "--format") and value == "json")
        for argument, value in pairwise([*arguments, ""])
    )


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib import metadata

        print(f"os-vif {metadata.version('os-vif')}")
        raise typer.Exit


app = typer.Typer(
    name="os-vif",
    help="Connect virtual machines' network cards to the network of this host.",
    epilog=_EPILOG,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version.")
    ] = False,
) -> None:
    """What comes before the command."""


for group in (vifs.COMMANDS, marked.COMMANDS, host.COMMANDS, render.COMMANDS, scripts.COMMANDS):
    for name, command in group.items():
        app.command(name)(flattened(command))
