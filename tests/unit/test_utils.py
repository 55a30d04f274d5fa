"""The small modules that other projects import: utils, i18n, version, opts."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from os_vif import i18n, utils


@pytest.mark.parametrize(("data", "mask", "result"), [(0b0101, 0b0010, 0b0111), (1, 1, 1), (0, 0, 0)])
def test_set_mask(data: int, mask: int, result: int) -> None:
    assert utils.set_mask(data, mask) == result


@pytest.mark.parametrize(
    ("data", "mask", "bit_size", "result"),
    [(0b0111, 0b0010, 32, 0b0101), (0xFFFFFFFF, 0x1, 32, 0xFFFFFFFE), (0xFF, 0x0F, 4, 0), (1, 0, 32, 1)],
)
def test_unset_mask(data: int, mask: int, bit_size: int, result: int) -> None:
    assert utils.unset_mask(data, mask, bit_size) == result


def test_i18n() -> None:
    assert i18n.DOMAIN == "os_vif"
    assert i18n._("plug") == "plug"
    assert i18n.translate("plug", "de") == "plug"
    assert "en_US" in i18n.get_available_languages()


def test_version_is_the_distributions_and_deprecated() -> None:
    with pytest.warns(DeprecationWarning, match=r"importlib\.metadata"):
        version = importlib.import_module("os_vif.version")
    assert importlib.metadata.version("os-vif").startswith(version.__version__)
    assert version.version_info.package == "os-vif"


def test_opts_has_a_group_for_each_plugin() -> None:
    from os_vif import opts

    assert opts.__all__ == ["list_plugins_opts"]
    groups = dict(opts.list_plugins_opts())
    assert list(groups) == sorted(groups)
    assert groups["os_vif_noop"] == []
    assert "flat_interface" in {option.name for option in groups["os_vif_linux_bridge"]}


def test_opts_are_copies() -> None:
    from os_vif import opts

    (option, *_) = dict(opts.list_plugins_opts())["os_vif_linux_bridge"]
    option.help = "changed"
    assert dict(opts.list_plugins_opts())["os_vif_linux_bridge"][0].help != "changed"


def test_the_sample_generator_writes_them() -> None:
    generator = Path(sys.executable).parent / "oslo-config-generator"
    done = subprocess.run(
        [generator, "--namespace", "os_vif"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    assert "[os_vif_linux_bridge]" in done.stdout
    assert "#flat_interface = <None>" in done.stdout


def test_objects_import_little() -> None:
    # Everything above oslo.versionedobjects and its own needs would be paid for by every short-lived command.
    code = (
        "import sys, oslo_versionedobjects.base; had = set(sys.modules)\n"
        "import os_vif.objects; os_vif.objects.register_all()\n"
        "print(*sorted({name.split('.')[0] for name in set(sys.modules) - had}))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
    )
    assert not set(done.stdout.split()) & {
        "rich",
        "typer",
        "pydantic",
        "pbr",
        "sqlalchemy",
        "httpx",
        "oslo_privsep",
    }
