"""The rules in iptables, both variants, on a host that uses it; iptables-save shows what is there."""

import subprocess
from collections.abc import Iterator

import pytest

from os_vif.host import filters
from os_vif.host.filters import BridgeRules, FilterError

pytestmark = pytest.mark.usefixtures("netns")

# what Docker or an operator has there: a policy, a chain, counters that must survive
FOREIGN = """\
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:DOCKER-USER - [0:0]
[5:500] -A FORWARD -j DOCKER-USER
[6:600] -A FORWARD -s 192.0.2.1/32 -m comment --comment "say \\"no\\"" -j REJECT
[7:700] -A DOCKER-USER -p icmp -j RETURN
COMMIT
"""


def rules(bridge: str, **fields: object) -> BridgeRules:
    return BridgeRules(**{"bridge": bridge, "gateway": True, "prefix": "nova-compute"} | fields)  # type: ignore[arg-type]


class Tool:
    """One variant of iptables in the test's network namespace."""

    def __init__(self, variant: str) -> None:
        self.variant = variant

    def run(self, program: str, *arguments: str, text: str | None = None, family: str = "") -> str:
        name = f"ip{family}tables-{self.variant}{program}"
        return subprocess.run(
            [name, *arguments], input=text, capture_output=True, text=True, check=True
        ).stdout

    def saved(self, *arguments: str, family: str = "") -> list[str]:
        return [x for x in self.run("-save", *arguments, family=family).splitlines() if not x.startswith("#")]


@pytest.fixture(params=["nft", "legacy"])
def tool(request: pytest.FixtureRequest, netns: None) -> Iterator[Tool]:
    tool = Tool(request.param)
    tool.run("-restore", "--counters", text=FOREIGN)
    yield tool
    nftables = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=True).stdout
    assert "os_vif" not in nftables  # the rules are in one place


def test_each_rule_of_the_contract_and_what_was_there(tool: Tool) -> None:
    filters.apply(
        [
            rules("br0"),
            rules("br1", forward_interfaces=("eth0",)),
            rules("br2", gateway=False, drop_action="REJECT"),
        ]
    )
    assert tool.saved("-c", "-t", "filter") == [
        "*filter",
        ":INPUT ACCEPT [0:0]",
        ":FORWARD DROP [0:0]",
        ":OUTPUT ACCEPT [0:0]",
        ":DOCKER-USER - [0:0]",
        ":nova-compute-FORWARD - [0:0]",
        ":nova-compute-INPUT - [0:0]",
        ":nova-compute-OUTPUT - [0:0]",
        ":nova-compute-local - [0:0]",
        ":nova-filter-top - [0:0]",
        "[0:0] -A INPUT -j nova-compute-INPUT",
        "[0:0] -A FORWARD -j nova-filter-top",
        "[0:0] -A FORWARD -j nova-compute-FORWARD",
        "[5:500] -A FORWARD -j DOCKER-USER",
        '[6:600] -A FORWARD -s 192.0.2.1/32 -m comment --comment "say \\"no\\"" -j REJECT'
        " --reject-with icmp-port-unreachable",
        "[0:0] -A OUTPUT -j nova-filter-top",
        "[0:0] -A OUTPUT -j nova-compute-OUTPUT",
        "[7:700] -A DOCKER-USER -p icmp -j RETURN",
        "[0:0] -A nova-compute-FORWARD -i br0 -j ACCEPT",
        "[0:0] -A nova-compute-FORWARD -o br0 -j ACCEPT",
        "[0:0] -A nova-compute-FORWARD -o br0 -j DROP",
        "[0:0] -A nova-compute-FORWARD -i br1 -o eth0 -j ACCEPT",
        "[0:0] -A nova-compute-FORWARD -i eth0 -o br1 -j ACCEPT",
        "[0:0] -A nova-compute-FORWARD -i br1 -o br1 -j ACCEPT",
        "[0:0] -A nova-compute-FORWARD -i br1 -j DROP",
        "[0:0] -A nova-compute-FORWARD -o br1 -j DROP",
        "[0:0] -A nova-compute-FORWARD -o br1 -j DROP",
        "[0:0] -A nova-compute-FORWARD -i br2 -j REJECT --reject-with icmp-port-unreachable",
        "[0:0] -A nova-compute-FORWARD -o br2 -j REJECT --reject-with icmp-port-unreachable",
        "[0:0] -A nova-filter-top -j nova-compute-local",
        "COMMIT",
    ]
    assert not any(line.startswith("-A") for line in tool.saved(family="6"))  # untouched without ipv6


def test_ipv6_has_its_own_tables(tool: Tool) -> None:
    undo = filters.apply([rules("br0", ipv6=True, gateway=False, drop_action="REJECT"), rules("br1")])
    assert [line for line in tool.saved(family="6") if "-A nova-compute-FORWARD" in line] == [
        "-A nova-compute-FORWARD -i br0 -j REJECT --reject-with icmp6-port-unreachable",
        "-A nova-compute-FORWARD -o br0 -j REJECT --reject-with icmp6-port-unreachable",
    ]
    assert filters.present(rules("br0", ipv6=True, gateway=False, drop_action="REJECT"))
    assert not filters.present(rules("br1", ipv6=True))
    undo()
    assert not any("nova" in line for line in tool.saved(family="6"))


def test_what_is_right_is_not_written_again(tool: Tool) -> None:
    filters.apply([rules("br0"), rules("br1")])
    assert filters.present(rules("br0"))
    before = tool.saved("-c"), handles()
    filters.apply([rules("br1"), rules("br0")])
    assert (tool.saved("-c"), handles()) == before
    assert not filters.present(rules("br2"))


def test_undo_restores_what_was_there(tool: Tool) -> None:
    empty = tool.saved("-c"), nft("-s")
    undo_first = filters.apply([rules("br0"), rules("br1")])
    before = tool.saved("-c"), nft("-s")
    top = rules("br0", forward_interfaces=("eth0",), top_regex="192.0.2.1")
    undo = filters.apply([top, rules("br2"), rules("br1", gateway=False)])
    forward = [line for line in tool.saved("-c") if "-A FORWARD" in line]
    assert forward[0].startswith("[6:600] -A FORWARD -s 192.0.2.1/32")
    assert filters.present(top)
    undo()
    assert (tool.saved("-c"), nft("-s")) == before
    undo_first()
    assert (tool.saved("-c"), nft("-s")) == empty


def test_undo_leaves_what_others_did_meanwhile(tool: Tool) -> None:
    undo = filters.apply([rules("br0")])
    filters.apply([rules("br1")])
    tool.run("", "-I", "FORWARD", "-p", "udp", "-j", "ACCEPT")
    undo()
    assert not any("br0" in line for line in tool.saved())
    assert "-A FORWARD -p udp -j ACCEPT" in tool.saved()
    assert not filters.present(rules("br1"))  # the operator's rule now decides before it
    filters.apply([rules("br1")])
    assert filters.present(rules("br1"))


def test_remove_leaves_other_bridges_and_foreign_rules(tool: Tool) -> None:
    before = tool.saved("-c")
    filters.apply([rules("br0", ipv6=True), rules("br1")])
    filters.remove([rules("br0")])
    assert filters.present(rules("br1"))
    assert not any("br0" in line for line in tool.saved() + tool.saved(family="6"))
    filters.remove([rules("br1")])
    assert tool.saved("-c") == before
    filters.remove([rules("br1")])


def test_an_operators_chain_can_be_the_drop_action(tool: Tool) -> None:
    tool.run("", "-N", "LOGDROP")
    logged = rules("br0", gateway=False, drop_action="LOGDROP")
    filters.apply([logged])
    assert "-A nova-compute-FORWARD -i br0 -j LOGDROP" in tool.saved()
    assert filters.present(logged)


def test_a_failure_changes_nothing_and_shows_the_tools_words(tool: Tool) -> None:
    before = tool.saved("-c")
    with pytest.raises(FilterError, match="NOSUCH") as caught:
        filters.apply([rules("br0"), rules("br1", gateway=False, drop_action="NOSUCH")])
    assert "restore" in str(caught.value)
    assert "that line: " in str(caught.value)
    assert tool.saved("-c") == before


def nft(*arguments: str) -> str:
    return subprocess.run(
        ["nft", *arguments, "list", "ruleset"], capture_output=True, text=True, check=True
    ).stdout


def handles() -> str:
    return nft("-a")


def test_rules_that_another_program_placed_are_the_same_rules(tool: Tool) -> None:
    filters.apply([rules("br0", prefix="nova-compute")])
    before = tool.saved()
    assert filters.present(rules("br0", prefix="os-vif"))
    filters.apply([rules("br0", prefix="os-vif")])
    assert tool.saved() == before
    filters.remove([rules("br0", prefix="os-vif")])
    assert not filters.present(rules("br0", prefix="nova-compute"))
