"""The rules in nftables, on a host that does not use iptables; nft shows what is there."""

import subprocess

import pytest

from os_vif.host import filters
from os_vif.host.filters import BridgeRules, FilterError

pytestmark = pytest.mark.usefixtures("netns")

FOREIGN = """
table inet firewall {
    chain forward { type filter hook forward priority 10; policy drop; ct state established counter accept; }
}
"""


def rules(bridge: str, **fields: object) -> BridgeRules:
    return BridgeRules(**{"bridge": bridge, "gateway": True, "prefix": "nova-compute"} | fields)  # type: ignore[arg-type]


def nft(*arguments: str) -> str:
    return subprocess.run(["nft", *arguments], capture_output=True, text=True, check=True).stdout


def listed() -> list[str]:
    """The rules of our chain as nft prints them, without counters."""
    lines = nft("-s", "list", "chain", "inet", "os_vif", "forward").splitlines()
    return [line.strip().replace(" counter ", " ") for line in lines if "comment" in line]


def test_each_rule_of_the_contract() -> None:
    filters.apply(
        [
            rules("br0"),
            rules("br1", forward_interfaces=("eth0",), ipv6=True),
            rules("br2", gateway=False, drop_action="REJECT"),
        ]
    )
    assert listed() == [
        'meta nfproto ipv4 iifname "br0" accept comment "os-vif:br0"',
        'meta nfproto ipv4 oifname "br0" accept comment "os-vif:br0"',
        'meta nfproto ipv4 oifname "br0" drop comment "os-vif:br0"',
        'iifname "br1" oifname "eth0" accept comment "os-vif:br1"',
        'iifname "eth0" oifname "br1" accept comment "os-vif:br1"',
        'iifname "br1" oifname "br1" accept comment "os-vif:br1"',
        'iifname "br1" drop comment "os-vif:br1"',
        'oifname "br1" drop comment "os-vif:br1"',
        'oifname "br1" drop comment "os-vif:br1"',
        'meta nfproto ipv4 iifname "br2" reject with icmp port-unreachable comment "os-vif:br2"',
        'meta nfproto ipv4 oifname "br2" reject with icmp port-unreachable comment "os-vif:br2"',
    ]


def test_present_sees_what_is_missing_different_or_in_another_order() -> None:
    assert not filters.present(rules("br0"))
    filters.apply([rules("br0"), rules("br1", gateway=False)])
    assert filters.present(rules("br0"))
    assert not filters.present(rules("br0", forward_interfaces=("eth0",)))
    assert not filters.present(rules("br0", ipv6=True))
    assert not filters.present(rules("br2"))
    nft('insert rule inet os_vif forward meta nfproto ipv4 iifname br1 counter drop comment "os-vif:br1"')
    assert not filters.present(rules("br1", gateway=False))
    filters.apply([rules("br1", gateway=False)])
    assert filters.present(rules("br1", gateway=False))
    nft("flush", "chain", "inet", "os_vif", "forward")
    assert not filters.present(rules("br0"))


def test_what_is_right_is_not_written_again() -> None:
    filters.apply([rules("br0"), rules("br1")])
    before = nft("-a", "list", "ruleset")
    filters.apply([rules("br1"), rules("br0")])
    assert nft("-a", "list", "ruleset") == before
    filters.apply([rules("br0"), rules("br1"), rules("br2")])
    assert nft("-a", "list", "ruleset").startswith(before.rstrip("}\n \t"))


def test_undo_restores_what_was_there() -> None:
    nft(FOREIGN)
    empty = nft("-s", "list", "ruleset")
    undo_first = filters.apply([rules("br0"), rules("br1")])
    before = nft("-s", "list", "ruleset")
    undo = filters.apply(
        [rules("br0", forward_interfaces=("eth0",)), rules("br2"), rules("br1", gateway=False)]
    )
    assert nft("-s", "list", "ruleset") != before
    undo()
    assert nft("-s", "list", "ruleset") == before
    undo_first()
    assert nft("-s", "list", "ruleset") == empty


def test_undo_leaves_what_others_did_meanwhile() -> None:
    undo = filters.apply([rules("br0")])
    filters.apply([rules("br1")])
    undo()
    assert not filters.present(rules("br0"))
    assert filters.present(rules("br1"))


def test_remove_leaves_other_bridges_and_foreign_rules() -> None:
    nft(FOREIGN)
    filters.apply([rules("br0"), rules("br1")])
    nft("add rule inet os_vif forward tcp dport 25 drop")
    filters.remove([rules("br0")])
    assert [line.rpartition(" ")[2] for line in listed()] == ['"os-vif:br1"'] * 3
    filters.remove([rules("br1")])
    assert "tcp dport 25 drop" in nft("list", "table", "inet", "os_vif")
    nft("flush", "chain", "inet", "os_vif", "forward")
    filters.apply([rules("br1")])
    filters.remove([rules("br1"), rules("br0")])
    assert nft("list", "tables") == "table inet firewall\n"


def test_counters_of_other_bridges_go_on() -> None:
    filters.apply([rules("br0", gateway=False)])
    nft('add rule inet os_vif forward counter packets 7 bytes 70 accept comment "os-vif:br1"')
    filters.apply([rules("br0"), rules("br2")])
    assert "counter packets 7 bytes 70" in nft("list", "ruleset")


def test_a_native_table_with_the_name_of_iptables_is_not_iptables() -> None:
    nft("table ip filter { chain forward { type filter hook forward priority 0; policy drop; }; }")
    filters.apply([rules("br0")])
    assert len(listed()) == 3


def test_errors_say_what_to_do() -> None:
    with pytest.raises(
        FilterError, match=r"drop action 'LOGDROP' of bridge br0: nftables knows DROP and REJECT"
    ):
        filters.apply([rules("br0", gateway=False, drop_action="LOGDROP")])
    assert nft("list", "ruleset") == ""
    nft("table inet os_vif { chain forward { } ; }")
    with pytest.raises(FilterError, match="does not hook into forward; rename or remove it"):
        filters.apply([rules("br0")])
