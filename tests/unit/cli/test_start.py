"""What a user meets first: help, completion, the version, and a command that is not completely installed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from tests.commandline import CommandLine

# what a command that reads objects or changes the host needs, and help must not wait for
HEAVY = (
    "oslo_config",
    "oslo_log",
    "oslo_privsep",
    "oslo_versionedobjects",
    "stevedore",
    "netaddr",
    "rich",
    "os_vif.objects",
    "os_vif.host",
)


def _python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


_RUN = "import sys\nfrom os_vif.cli import main\ncode = main({arguments!r})\n"
_REPORT = "print(code, [m for m in {heavy!r} if m in sys.modules], file=sys.stderr)\n"


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["plug", "--help"], ["gc", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    done = _python((_RUN + _REPORT).format(arguments=arguments, heavy=HEAVY))
    assert done.stderr == "0 []\n"
    assert "Usage: os-vif" in done.stdout


def test_completion_imports_nothing_heavy() -> None:
    code = "import sys, atexit\n" + "atexit.register(lambda: print([m for m in {0!r} if m in sys.modules]))\n"
    code = code.format(HEAVY) + "from os_vif.cli import main\nmain([])\n"
    done = _python(code, _OS_VIF_COMPLETE="complete_bash", COMP_WORDS="os-vif un", COMP_CWORD="1")
    assert done.stdout.splitlines() == ["unplug", "[]"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script(shell: str) -> None:
    disable = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    code = _RUN.format(arguments=["--show-completion", shell])
    done = _python(code, **disable)
    assert done.returncode == 0, done.stderr
    assert "_OS_VIF_COMPLETE=complete_" + shell in done.stdout


@pytest.mark.parametrize(
    ("shell", "environment"),
    [
        ("bash", {"COMP_WORDS": "os-vif plug --plugin lin", "COMP_CWORD": "3"}),
        ("zsh", {"_TYPER_COMPLETE_ARGS": "os-vif plug --plugin lin"}),
        (
            "fish",
            {"_TYPER_COMPLETE_ARGS": "os-vif plug --plugin lin", "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
        ),
    ],
)
def test_plugins_are_completed(shell: str, environment: dict[str, str]) -> None:
    done = _python(_RUN.format(arguments=[]), _OS_VIF_COMPLETE="complete_" + shell, **environment)
    assert "linux_bridge" in done.stdout


def test_bash_reads_the_script() -> None:
    disable = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    script = _python(_RUN.format(arguments=["--show-completion", "bash"]), **disable).stdout
    done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_help_documents_the_exit_codes(os_vif_command: CommandLine) -> None:
    words = os_vif_command("--help").out
    for code in ("0 ", "1 ", "2 ", "3 ", "4 ", "5 ", "130 "):
        assert f"\n    {code}" in words


def test_no_command_shows_help_and_is_bad_usage(os_vif_command: CommandLine) -> None:
    result = os_vif_command()
    assert result.code == 2
    assert "Commands:" in result.out


def test_version(os_vif_command: CommandLine) -> None:
    result = os_vif_command("--version")
    assert (result.code, result.out[:7]) == (0, "os-vif ")


@pytest.mark.parametrize("missing", ["typer", "click"])
def test_without_the_extra_it_says_what_to_install(missing: str) -> None:
    hide = (
        "import sys\n"
        "class Hidden:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.partition('.')[0] == {missing!r} or name == 'typer':\n"
        f"            raise ModuleNotFoundError('hidden', name={missing!r})\n"
        "sys.meta_path.insert(0, Hidden())\n"
    )
    done = _python(hide + "from os_vif.cli import main\nsys.exit(main(['--help']))\n")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "hint: pip install 'os-vif[cli]'" in done.stderr.splitlines()
    assert "Traceback" not in done.stderr


def test_debug_shows_the_log_and_the_traceback() -> None:
    flags = ["--plugin", "nope", "--tap", "tap1"]
    quiet, debug = (_python(_RUN.format(arguments=["plug", *flags, *more])) for more in ([], ["--debug"]))
    assert quiet.stderr.splitlines()[0] == "error: No VIF plugin is named nope"
    assert "INFO os_vif: Loaded VIF plugins" in debug.stderr
    assert "Traceback" in debug.stderr
    assert "error: No VIF plugin is named nope" in debug.stderr.splitlines()


def test_interrupt_has_its_exit_code(os_vif_command: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os_vif.host_info", interrupted)
    assert os_vif_command("host-info").code == 130


def test_reader_that_leaves_early_does_not_change_the_exit_code() -> None:
    # far more output than a pipe holds, so that the command is still writing when the pipe closes
    code = _RUN.format(arguments=["host-info"]).replace(
        "code = main", "from os_vif.cli import output\ncode = main"
    )
    code = code.replace("code = ", "output.show_table = lambda *a: output.say('x' * 10**6)\ncode = ")
    command = f'{sys.executable} -c "$CODE"; echo $? >&2'
    done = subprocess.run(
        ["bash", "-c", f"({command}) | head -c 1"],
        env=os.environ | {"CODE": code + "sys.exit(code)"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("x", "0\n")
