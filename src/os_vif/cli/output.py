"""What commands print: tables and sentences for people, JSON for programs, errors on standard error.

On a terminal tables fit its width (rich draws them); elsewhere they are plain columns with nothing cut off. What
comes from input or from the host is shown with its control characters escaped: it cannot play with the terminal.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from os_vif.cli.arguments import Format

if TYPE_CHECKING:
    from os_vif.cli.errors import Failure

Json = Mapping[str, object] | Sequence[object]


def prepare_streams() -> None:
    """Make what the terminal's encoding cannot show appear escaped instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def shown(value: object) -> str:
    """A value as text of printable characters; "-" for nothing, yes and no for booleans."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(value))


def say(text: str) -> None:
    """Print a line."""
    with _reader_may_leave():
        print(shown(text), flush=True)


def write(text: str) -> None:
    """Print lines as they are: a drawing, whose maker has escaped what needs it."""
    with _reader_may_leave():
        print(text, flush=True)


def has_colours() -> bool:
    """Whether standard output is a terminal that wants colours (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def show_json(value: Json) -> None:
    """Print one JSON value."""
    with _reader_may_leave():
        print(json.dumps(value, indent=2), flush=True)


def show_table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, grouped: bool = False) -> None:
    """Print a table with a header line; columns: their names.

    grouped: on a terminal that is too narrow for it, the first column's values stand above the rows they belong to.
    """
    texts = [[shown(cell) for cell in row] for row in rows]
    with _reader_may_leave():
        if grouped and sys.stdout.isatty() and _width(columns, texts) > shutil.get_terminal_size().columns:
            for line in _grouped_lines(columns, texts):
                print(line)
        elif not (sys.stdout.isatty() and _show_rich_table(columns, texts)):
            for line in _plain_lines(columns, texts):
                print(line)
        sys.stdout.flush()


def show_failure(failure: Failure, output_format: Format) -> None:
    """Print an error on standard error."""
    if output_format is Format.JSON:
        value: dict[str, object] = {
            "error": failure.error,
            "hint": failure.hint or None,
            "exit_code": int(failure.exit_code),
        }
        if failure.details:
            value["details"] = dict(failure.details)
        print(json.dumps(value), file=sys.stderr)
        return
    print(f"error: {shown(failure.error)}", file=sys.stderr)
    for name, text in failure.details:
        print(f"  {shown(name)}: {shown(text)}", file=sys.stderr)
    if failure.hint:
        print(f"hint: {shown(failure.hint)}", file=sys.stderr)


def _plain_lines(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    table = [[column.upper() for column in columns], *rows]
    widths = [max(len(row[n]) for row in table) for n in range(len(columns))]
    for row in table:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _width(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    return max(len(line) for line in _plain_lines(columns, rows))


def _grouped_lines(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    header, *lines = _plain_lines(columns[1:], [row[1:] for row in rows])
    yield columns[0].upper()
    yield f"  {header}"
    for n, (row, line) in enumerate(zip(rows, lines, strict=True)):
        if n == 0 or rows[n - 1][0] != row[0]:
            yield row[0]
        yield f"  {line}"


def _show_rich_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    try:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text
    except ModuleNotFoundError:  # some distributions package typer without it
        return False
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column.upper(), overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))  # Text: what is shown is never taken for markup
    Console(highlight=False, emoji=False).print(table)
    return True


@contextlib.contextmanager
def _reader_may_leave() -> Iterator[None]:
    """Let `os-vif list | head -1` end quietly, and with the exit code of what was done."""
    try:
        yield
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
