"""Who may import whom: the rules of the house, read from the source of every module.

Function-local imports count like all others. Imports for type checking alone may also go upwards.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src"
PLUGINS = sorted(path.name for path in SRC.glob("vif_plug_*"))


@dataclass(frozen=True)
class Import:
    """`module` imports `target`; typing: under TYPE_CHECKING."""

    module: str
    target: str
    typing: bool

    def __str__(self) -> str:
        return f"{self.module} imports {self.target}"


def room(module: str) -> str:
    """The part of the house a module belongs to."""
    parts = module.split(".")
    if parts[0].startswith("vif_plug_"):
        return parts[0]
    if module in ("os_vif.version", "os_vif.i18n", "os_vif.utils"):
        return "os_vif.exception"  # ground floor: they import nothing of ours
    if len(parts) == 1 or module in ("os_vif.opts",):
        return "os_vif"
    if module == "os_vif.openstack.nova":
        return module  # it runs on the host
    return ".".join(parts[:2])


GROUND = {"os_vif.exception"}
HOST = {"os_vif.host", "os_vif.objects"} | GROUND
FACE = {"os_vif", "os_vif.plugin"} | HOST
MAY_IMPORT: dict[str, set[str]] = {
    "os_vif.exception": set(),
    "os_vif.objects": GROUND,
    "os_vif.host": HOST,
    "os_vif.plugin": HOST,
    "os_vif": FACE,
    "os_vif.cli": FACE | {"os_vif.virt"},
    # later rooms: guests and the network side know nothing of the host
    "os_vif.virt": {"os_vif.objects"} | GROUND,
    "os_vif.binding": {"os_vif.objects"} | GROUND,
    "os_vif.agent": FACE,
    "os_vif.openstack": {"os_vif.objects", "os_vif.binding", "os_vif.virt"} | GROUND,
    "os_vif.openstack.nova": {"os_vif.openstack", "os_vif.virt"} | FACE,
} | {plugin: {"os_vif.plugin"} | HOST for plugin in PLUGINS}


@cache
def modules() -> dict[str, Path]:
    found = {}
    for path in SRC.rglob("*.py"):
        name = ".".join(path.relative_to(SRC).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = path
    return found


def imports(module: str) -> Iterator[Import]:
    """All imports of our own modules that a module makes."""
    tree = ast.parse(modules()[module].read_text())
    guarded = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for branch in node.body
        for inner in ast.walk(branch)
    }
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative imports hide where they lead"
            # `from os_vif import exception` is an import of os_vif.exception
            names = [
                full if (full := f"{node.module}.{alias.name}") in modules() else str(node.module)
                for alias in node.names
            ]
        for name in dict.fromkeys(names):
            if name.split(".")[0] in ("os_vif", *PLUGINS):
                yield Import(module, name, id(node) in guarded)


@cache
def all_imports() -> list[Import]:
    return [found for module in modules() for found in imports(module)]


def test_every_room_is_known() -> None:
    assert {room(module) for module in modules()} <= MAY_IMPORT.keys()


@pytest.mark.parametrize("name", sorted(MAY_IMPORT))
def test_nothing_imports_upwards(name: str) -> None:
    wrong = [
        str(found)
        for found in all_imports()
        if room(found.module) == name != room(found.target)
        and room(found.target) not in MAY_IMPORT[name]
        and not found.typing
    ]
    assert wrong == []


def test_type_checking_goes_upwards_only_for_the_types_of_a_signature() -> None:
    """From the plugin base to nothing but the host and the objects; from the host to nothing above it."""
    upwards = {
        str(found)
        for found in all_imports()
        if found.typing and room(found.target) not in MAY_IMPORT[room(found.module)] | {room(found.module)}
    }
    assert upwards == set()


def test_no_cycles() -> None:
    """Between modules; what is imported within a function only is imported when all are there."""
    graph = {
        module: {f.target for f in imports(module) if not f.typing and f.target in modules()}
        for module in modules()
    }
    rooms: dict[str, set[str]] = {}
    for module, targets in graph.items():
        rooms.setdefault(room(module), set()).update(room(target) for target in targets)
    for name, targets in rooms.items():
        assert not [other for other in targets - {name} if name in rooms.get(other, set())], name
    done: set[str] = set()

    def walk(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join((*path[path.index(module) :], module))
        if module not in done:
            for target in sorted(graph[module] - {module}):
                walk(target, (*path, module))
            done.add(module)

    for module in graph:
        walk(module, ())


@pytest.mark.parametrize("plugin", PLUGINS)
def test_plugins_use_public_names_only(plugin: str) -> None:
    """As a plugin of somebody else would: nothing that starts with an underscore, no other plugin."""
    for module, path in modules().items():
        if room(module) != plugin:
            continue
        tree = ast.parse(path.read_text())
        foreign = {
            alias.asname or alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("os_vif")
            for alias in node.names
        }
        private = [
            ast.unparse(node)
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute)
            and node.attr.startswith("_")
            and not node.attr.startswith("__")
            and ast.unparse(node).split(".")[0] in foreign
        ]
        assert private == []
        assert not [name for name in foreign if name.startswith("_")]
        assert not [str(found) for found in imports(module) if "._" in found.target]
