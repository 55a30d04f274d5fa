"""The command `os-vif`: plug, check, mend and clean up from a shell.

`main` is the entry point of the installed script. Importing any module of this package stays cheap: what looks at the
host or reads objects is imported by the command that needs it, so that --help and shell completion are instant.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (without the program's name; None: those of the process).

    :returns: the exit code, one of os_vif.cli.errors.ExitCode
    """
    try:
        from os_vif.cli.app import run
    except ModuleNotFoundError as error:
        if error.name not in ("typer", "click"):
            raise
        print(f"error: the command os-vif needs {error.name}, which is not installed", file=sys.stderr)
        print("hint: pip install 'os-vif[cli]'", file=sys.stderr)
        return 2
    return run(sys.argv[1:] if arguments is None else list(arguments))
