"""README.md, CONTRIBUTING.md and docs/plugins.md: what they list is what there is, and what they link to is there."""

from __future__ import annotations

import ast
import re

import pytest
from tests.unit.docs.tables import ENTRY_POINTS, ROOT, document, empty_cells, missing_tests, quoted, table
from tests.unit.test_imports import MAY_IMPORT, PLUGINS, modules, room

import os_vif
from os_vif import objects
from os_vif.plugin import PlannedPlugin

README, CONTRIBUTING, PLUGINS_PAGE = (
    document("README.md"),
    document("CONTRIBUTING.md"),
    document("docs/plugins.md"),
)
DOCUMENTS = (
    "README.md",
    "CONTRIBUTING.md",
    *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")),
)
FACE = {"plugin", "host", "objects", "exception"}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_is_linked_and_which_tests_are_named_is_there(name: str) -> None:
    text = document(name)
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert ((ROOT / name).parent / link).exists(), link
    assert list(missing_tests(text)) == []


def test_the_readme_lists_every_document() -> None:
    listed = {link for row in table(README, "read", "for") for link in re.findall(r"\((.+?)\)", row["read"])}
    assert listed == set(DOCUMENTS) - {"README.md"}


def test_the_readme_lists_every_plugin_and_its_vifs() -> None:
    rows = table(README, "plugin", "VIF types")
    assert {name for row in rows for name in quoted(row["plugin"])} == ENTRY_POINTS
    assert empty_cells(rows) == []
    for row in rows:
        for vif in re.findall(r"\bVIF\w+", row["VIF types"]):
            assert hasattr(objects.vif, vif)


def test_the_page_of_plugins_has_them_all_and_their_options() -> None:
    """Each by its heading, or in the text of the plugin that it is another name of."""
    headings = set(re.findall(r"^## (\w+)$", PLUGINS_PAGE, re.MULTILINE))
    assert headings - {"Privileges"} == {name for name in ENTRY_POINTS if f"## {name}\n" in PLUGINS_PAGE}
    assert set(quoted(PLUGINS_PAGE)) >= ENTRY_POINTS - headings
    os_vif.initialize()
    from os_vif.opts import list_plugins_opts

    pages = PLUGINS_PAGE + document("docs/scripts.md")
    unsaid = {o.name for group, options in list_plugins_opts() if group[7:] in ENTRY_POINTS for o in options}
    assert {name for name in unsaid if f"`{name}`" not in pages} == set()


def test_the_demonstration_shown_is_the_one_that_is_played() -> None:
    """Its steps' titles are those in the code; the numbers are as they come when all acts are played."""
    shown = README[README.index("<!-- demo: begin -->") : README.index("<!-- demo: end -->")]
    steps = re.findall(r"^ ?(\d+)\.  (.+?) +\d+\.\d\d s$", shown, re.MULTILINE)
    assert [int(number) for number, _ in steps] == list(range(1, len(steps) + 1))
    titles = set[str]()
    for path in (ROOT / "demo").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "step":
                titles |= {str(arg.value) for arg in node.args if isinstance(arg, ast.Constant)}
    assert titles - {title for _, title in steps} == {"Guests of libvirt: left out"}  # where there is none
    assert {title for _, title in steps} <= titles


def test_the_make_targets_that_are_named_are_there() -> None:
    makefile = document("Makefile")
    for text in (README, CONTRIBUTING):
        for target in re.findall(r"^make (\w+)", text, re.MULTILINE):
            assert re.search(rf"^(.* )?{target}( .*)?:", makefile, re.MULTILINE), target


def test_the_python_of_the_readme_uses_what_there_is() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os_vif":
            assert hasattr(os_vif, node.attr)


def test_the_rooms_and_who_imports_whom_are_those_of_the_import_rules() -> None:
    """`the face and what that imports` stands for its own row."""
    rows = {quoted(row["room"])[0]: row for row in table(CONTRIBUTING, "room", "imports")}
    there = {room(module) for module in modules()}
    assert rows.keys() == {name for name in there if name not in PLUGINS} | {"vif_plug_*"}
    for name, row in rows.items():
        allowed = MAY_IMPORT[PLUGINS[0] if name == "vif_plug_*" else name] & (there | set(PLUGINS))
        assert _rooms(row["imports"]) == allowed - {name}, name


def _rooms(cell: str) -> set[str]:
    words = set(re.findall(r"[a-z]+", cell.split(":")[0].replace("the face and what that imports", "face")))
    if "face" in words or "the" in words:
        words = (words - {"the", "face", "and", "what", "that", "imports"}) | FACE
        return {f"os_vif.{word}" for word in words} | {"os_vif"}
    return {f"os_vif.{word}" for word in words}


def test_the_files_and_directories_that_are_named_are_there() -> None:
    for path in re.findall(r"`((?:tests|demo|docs|bench|src|tools)/[\w/.]+)`", CONTRIBUTING):
        assert (ROOT / path).exists(), path
    for module in re.findall(r"`host\.(\w+)`", CONTRIBUTING):
        assert f"os_vif.host.{module}" in modules(), module


def test_the_plugin_that_contributors_are_shown_makes_a_plan() -> None:
    (code, _) = re.findall(r"```(?:python|toml)\n(.*?)```", CONTRIBUTING, re.DOTALL)
    names: dict[str, type[PlannedPlugin]] = {}
    exec(compile(code, "CONTRIBUTING.md", "exec"), names)
    plugin = names["MyPlugin"].load("my")
    (shown,) = re.findall(r"cat > vif\.json <<END\n(.*?)END\n", CONTRIBUTING, re.DOTALL)
    objects.register_all()
    vif = objects.from_json(shown)
    assert isinstance(vif, objects.vif.VIFBase)
    plan = plugin.plan(vif, None)
    assert [str(resource.name) for resource in plan.resources if hasattr(resource, "name")] == ["tap1"]
    assert plugin.describe().plugin_name == "my"
