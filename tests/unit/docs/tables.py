"""Tables of a Markdown document, and names in their cells, for the tests that hold documents against the code."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

# the names of the plugins that this distribution installs
ENTRY_POINTS = frozenset(
    tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["os_vif"]
)

Row = dict[str, str]
Table = list[Row]

_TEST = re.compile(r"`(tests/[\w/.]+?\.py)(?:::(\w+))?`")


def document(name: str) -> str:
    """A document by its path in the repository."""
    return (ROOT / name).read_text()


def tables(text: str) -> list[Table]:
    """All tables, each a list of rows by the words of its head; raises ValueError for a row of another width."""
    found: list[Table] = []
    head: list[str] = []
    for line in text.splitlines():
        if not line.startswith("|"):
            head = []
        elif not head:
            head = _cells(line)
            found.append([])
        elif set(line) - set("|-: "):
            found[-1].append(dict(zip(head, _cells(line), strict=True)))
    return found


def table(text: str, *head: str) -> Table:
    """The one table whose head has these words."""
    (found,) = [one for one in tables(text) if one and set(head) <= one[0].keys()]
    return found


def quoted(cell: str) -> list[str]:
    """What stands between backticks."""
    return re.findall(r"`([^`]+)`", cell)


def missing_tests(cell: str) -> Iterator[str]:
    """The test files and functions that the cell names and that are not there."""
    for file, function in _TEST.findall(cell):
        path = ROOT / file
        if not path.is_file() or (function and f"def {function}(" not in path.read_text()):
            yield f"{file}::{function}"


def names_tests(cell: str) -> bool:
    """Whether any test is named."""
    return _TEST.search(cell) is not None


def empty_cells(rows: Sequence[Row]) -> list[tuple[str, Row]]:
    """Cells with no word in them; a lone dash says nothing either."""
    return [(name, row) for row in rows for name, cell in row.items() if not re.search(r"\w", cell)]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]
