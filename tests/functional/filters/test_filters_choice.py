"""Where the rules go, on hosts that use one, the other, or both; and who may place them."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from os_vif.host import filters
from os_vif.host.filters import BridgeRules, FilterError
from os_vif.host.filters.nftables import Nftables

pytestmark = pytest.mark.usefixtures("netns")

RULES = BridgeRules(bridge="br0", gateway=True, prefix="nova-compute")
OTHER = BridgeRules(bridge="br1", gateway=False, prefix="nova-compute")


def run(*arguments: str) -> str:
    return subprocess.run(arguments, capture_output=True, text=True, check=True).stdout


def places() -> set[str]:
    """Where rules for br0 are."""
    shown = {
        "nftables": run("nft", "list", "ruleset"),
        "iptables-nft": run("iptables-nft-save"),
        "iptables-legacy": run("iptables-legacy-save"),
    }
    marks = {
        "nftables": "os-vif:br0",
        "iptables-nft": "-FORWARD -i br0",
        "iptables-legacy": "-FORWARD -i br0",
    }
    return {place for place, text in shown.items() if marks[place] in text}


@pytest.mark.parametrize(
    ("use", "expected"),
    [
        ([], {"nftables"}),
        (["iptables-nft -L"], {"nftables"}),
        (["iptables-legacy -L"], {"nftables"}),
        (["iptables-nft -A INPUT -j ACCEPT"], {"iptables-nft"}),
        (["iptables-nft -N CHAIN"], {"iptables-nft"}),
        (["iptables-nft -P FORWARD DROP"], {"iptables-nft"}),
        (["iptables-legacy -P FORWARD DROP"], {"iptables-legacy"}),
        (["iptables-nft -P FORWARD DROP", "iptables-legacy -N CHAIN"], {"iptables-nft", "iptables-legacy"}),
        (["iptables-nft -t nat -N CHAIN"], {"nftables"}),
    ],
    ids=str,
)
def test_the_host_decides(use: list[str], expected: set[str]) -> None:
    for command in use:
        run(*command.split())
    undo = filters.apply([RULES])
    assert places() == expected
    assert filters.present(RULES)
    undo()
    assert places() == set()
    assert not filters.present(RULES)
    filters.apply([RULES])
    filters.remove([RULES])
    assert places() == set()


@pytest.mark.parametrize("variant", ["nft", "legacy"])
def test_rules_move_when_iptables_comes_into_use(variant: str) -> None:
    filters.apply([RULES, OTHER])
    before = run("nft", "-s", "list", "table", "inet", "os_vif")
    run(f"iptables-{variant}", "-P", "FORWARD", "DROP")
    assert not filters.present(RULES)  # nftables no longer has the last word
    undo = filters.apply([RULES])
    assert places() == {f"iptables-{variant}"}
    assert "os-vif:br1" in run("nft", "list", "ruleset")
    assert filters.present(RULES)
    undo()
    assert run("nft", "-s", "list", "table", "inet", "os_vif") == before
    filters.apply([RULES, OTHER])
    assert "os_vif" not in run("nft", "list", "tables")


def test_iptables_serves_where_libnftables_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    # libnftables cannot be taken off the machine that runs the tests: only finding it is replaced
    monkeypatch.setattr(Nftables, "find", classmethod(lambda cls: None))
    assert not filters.present(RULES)
    undo = filters.apply([RULES])
    assert len(places()) == 1
    assert filters.present(RULES)
    undo()
    assert places() == set()


def test_a_host_with_neither_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Nftables, "find", classmethod(lambda cls: None))
    monkeypatch.setattr(filters, "installed", lambda nftables: [])
    with pytest.raises(FilterError, match="install libnftables1 or iptables"):
        filters.apply([RULES])


CONCURRENT = """
import sys
from os_vif.host import filters
first = int(sys.argv[1])
for number in range(first, first + 8):
    filters.apply([filters.BridgeRules(bridge=f"br{number}", gateway=True, prefix="nova-compute")])
    filters.apply([filters.BridgeRules(bridge="shared", gateway=False, prefix="nova-compute")])
"""


@pytest.mark.parametrize("use", ["true", "iptables-nft -P FORWARD DROP", "iptables-legacy -P FORWARD DROP"])
def test_two_processes_at_once_end_with_the_rules_of_both(use: str) -> None:
    run(*use.split())
    started = [subprocess.Popen([sys.executable, "-c", CONCURRENT, first]) for first in ("0", "8", "16")]
    assert [process.wait() for process in started] == [0, 0, 0]
    for number in range(24):
        assert filters.present(BridgeRules(bridge=f"br{number}", gateway=True, prefix="nova-compute"))
    assert filters.present(BridgeRules(bridge="shared", gateway=False, prefix="nova-compute"))


CAPABLE = """
import sys
from os_vif.host import filters
rules = filters.BridgeRules(bridge="br0", gateway=True, prefix="nova-compute")
undo = filters.apply([rules])
assert filters.present(rules)
undo()
"""


def with_net_admin_only(program: str) -> subprocess.CompletedProcess[str]:
    only = ["--bounding-set=-all,+net_admin", "--inh-caps=-all,+net_admin"]
    command = ["setpriv", *only, sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("use", ["true", "iptables-nft -P FORWARD DROP"])
def test_cap_net_admin_is_enough(use: str) -> None:
    run(*use.split())
    done = with_net_admin_only(CAPABLE)
    assert done.returncode == 0, done.stderr


def test_iptables_legacy_says_that_it_needs_cap_net_raw() -> None:
    run("iptables-legacy", "-P", "FORWARD", "DROP")
    done = with_net_admin_only(CAPABLE)
    assert done.returncode != 0
    assert "iptables-legacy needs CAP_NET_RAW" in done.stderr


def test_threads_of_one_process() -> None:
    names = [f"br{number}" for number in range(12)]
    here = open("/proc/thread-self/ns/net")  # noqa: SIM115  # held for the threads' sake

    def plug(name: str) -> bool:
        from tests.netns import enter

        enter(here.fileno())
        rules = BridgeRules(bridge=name, gateway=True, prefix="nova-compute")
        filters.apply([rules])
        return filters.present(rules)

    with here, ThreadPoolExecutor(4) as pool:
        assert all(pool.map(plug, names))
    assert all(
        filters.present(BridgeRules(bridge=name, gateway=True, prefix="nova-compute")) for name in names
    )
