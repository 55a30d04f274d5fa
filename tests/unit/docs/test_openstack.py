"""docs/openstack.md says which keys of a port are read, and which options Nova's driver has: held against the source.

os_vif.openstack.nova needs Nova, which is not installed here; it is read, not imported.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest
from tests.unit.docs.tables import ROOT, document, empty_cells, missing_tests, quoted, table, tables
from tests.unit.openstack.sentports import GONE, sent

from os_vif import exception
from os_vif.openstack import neutron, types

# as with Nova: VIFPortProfileOVSRepresentor warns whenever one is made
pytestmark = pytest.mark.filterwarnings("ignore:Using class:PendingDeprecationWarning")

TEXT = document("docs/openstack.md")
SOURCE = ROOT / "src" / "os_vif" / "openstack"
# where a Section that is part of the binding:vif_details is read
DETAILS = {"details", "parameters"}
READERS = {
    "flag",
    "integer",
    "required",
    "required_integer",
    "required_typed",
    "section",
    "text",
    "typed",
    "uuid",
}


def keys(*sections: str) -> set[str]:
    """The keys that the converters read of these sections: binding.details.text("bridge_name") and the like."""
    found = set()
    for name in ("binding.py", "direct.py", "types.py"):
        for node in ast.walk(ast.parse((SOURCE / name).read_text())):
            found |= {key for section, key in _read(node) if section in sections}
    return found


def _read(node: ast.AST) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
        if node.func.attr in READERS and isinstance(node.args[0], ast.Constant):
            yield _last(node.func.value), str(node.args[0].value)
    elif isinstance(node, ast.Compare) and isinstance(node.left, ast.Constant):
        yield _last(node.comparators[0]), str(node.left.value)


def _last(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def said(rows: list[dict[str, str]], *, within: tuple[str, ...] = ()) -> set[str]:
    """The keys in the first column; of those in `within`, what they have in them too."""
    found = {key for row in rows for key in quoted(row["key"])}
    nested = {key for row in rows if set(within) & set(quoted(row["key"])) for key in quoted(row["read for"])}
    return found | nested


@cache
def by_key() -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    details, profile = (one for one in tables(TEXT) if "key" in one[0])
    return details, profile


def test_every_key_of_the_details_that_is_read_is_in_the_table_and_no_other_is() -> None:
    assert said(by_key()[0], within=("qbg_params",)) == keys(*DETAILS)


def test_every_key_of_the_profile_that_is_read_is_in_the_table_and_no_other_is() -> None:
    assert said(by_key()[1]) == keys("profile")


# file, case, key: one of each key whose row says error without a condition
NEEDED = [
    ("vhostuser", "plain", "vhostuser_socket"),
    ("macvtap", "on a flat", "macvtap_source"),
    ("macvtap", "on a flat", "macvtap_mode"),
    ("802.1qbg", "VEPA", "qbg_params"),
    ("802.1qbh", "direct", "profileid"),
    ("dvs", "a port that vCenter has", "dvs_id"),
    ("dvs", "a port that vCenter has", "dvs_port_group_key"),
]


def test_the_keys_that_are_needed_are_those_whose_rows_say_error() -> None:
    needed = {key for row in by_key()[0] if row["if it is not there"] in ("error", "error, for each of the four")
              for key in quoted(row["key"])}  # fmt: skip
    assert needed == {key for _, _, key in NEEDED}


@pytest.mark.parametrize(("file", "case", "key"), NEEDED)
def test_without_it_the_port_is_refused_by_the_keys_name(file: str, case: str, key: str) -> None:
    port = sent(file, case).but(["port", "binding:vif_details", key], GONE)
    with pytest.raises(exception.InvalidPort, match=key):
        neutron.to_vif(port.port, port.network, port.subnets)


def test_no_cell_is_empty_and_every_type_is_known() -> None:
    details, profile = by_key()
    assert empty_cells(details) + empty_cells(profile) == []
    (novas,) = [row for row in table(TEXT, "converted by") if row["converted by"] == "Nova"]
    assert set(quoted(novas["vif_type"])) == _constant("NOVAS")
    assert set(quoted(novas["vif_type"])) <= types.TYPES.keys()


def test_the_options_of_the_driver_are_in_the_table_with_their_defaults() -> None:
    rows = table(TEXT, "option of `[os_vif_nova]`", "default")
    written = {quoted(row["option of `[os_vif_nova]`"])[0]: float(row["default"]) for row in rows}
    assert written == dict(_options())
    assert _constant("SECTION") == "os_vif_nova"


def test_the_driver_is_called_so() -> None:
    tree = ast.parse((SOURCE / "nova.py").read_text())
    assert "LibvirtDriver" in {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    assert "compute_driver = os_vif.openstack.nova.LibvirtDriver" in TEXT
    # what the tests of Nova do to name it is what operators are told to do
    conftest = document("tests/integration/nova/conftest.py")
    shim = "from os_vif.openstack.nova import LibvirtDriver"
    for words in (shim, "import nova.virt; print(nova.virt.__path__[0])"):
        assert words in TEXT
        assert words in conftest


def test_named_tests_exist() -> None:
    assert list(missing_tests(TEXT)) == []
    places = re.findall(r"`(tests/[\w/.]+)`", TEXT)
    assert places
    assert [place for place in places if not (ROOT / place).exists()] == []


def _constant(name: str) -> object:
    """The value of a constant of os_vif.openstack.nova."""
    for node in ast.parse((SOURCE / "nova.py").read_text()).body:
        if isinstance(node, ast.Assign) and _last(node.targets[0]) == name:
            value = node.value.args[0] if isinstance(node.value, ast.Call) else node.value
            return ast.literal_eval(value)
    raise AssertionError(f"os_vif.openstack.nova has no constant {name}")


def _options() -> Iterator[tuple[str, float]]:
    for node in ast.walk(ast.parse((SOURCE / "nova.py").read_text())):
        if isinstance(node, ast.Call) and _last(node.func).endswith("Opt"):
            default = next(keyword.value for keyword in node.keywords if keyword.arg == "default")
            yield ast.literal_eval(node.args[0]), ast.literal_eval(default)
