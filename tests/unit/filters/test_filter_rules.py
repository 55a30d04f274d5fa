"""The rules a bridge gets, row by row of the linux_bridge contract, and what is refused before it reaches a tool."""

import pytest

from os_vif.host import filters
from os_vif.host.filters.rules import BridgeRules, FilterError, Rule, forward_rules
from os_vif.host.plan import FilterRules


def rules(**fields: object) -> BridgeRules:
    return BridgeRules(**{"bridge": "br0", "gateway": True, "prefix": "nova-compute"} | fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param(
            {"forward_interfaces": ("all",)},
            [Rule("br0", None, "ACCEPT"), Rule(None, "br0", "ACCEPT"), Rule(None, "br0", "DROP")],
            id="gateway to all",
        ),
        pytest.param(
            {"forward_interfaces": ("eth0", "", "eth1")},
            [
                Rule("br0", "eth0", "ACCEPT"),
                Rule("eth0", "br0", "ACCEPT"),
                Rule("br0", "eth1", "ACCEPT"),
                Rule("eth1", "br0", "ACCEPT"),
                Rule("br0", "br0", "ACCEPT"),
                Rule("br0", None, "DROP"),
                Rule(None, "br0", "DROP"),
                Rule(None, "br0", "DROP"),
            ],
            id="gateway to some interfaces, an empty name is skipped",
        ),
        pytest.param(
            {"forward_interfaces": ()},
            [
                Rule("br0", "br0", "ACCEPT"),
                Rule("br0", None, "DROP"),
                Rule(None, "br0", "DROP"),
                Rule(None, "br0", "DROP"),
            ],
            id="gateway to no interface",
        ),
        pytest.param(
            {"forward_interfaces": ("eth0", "all")},
            [Rule("br0", None, "ACCEPT"), Rule(None, "br0", "ACCEPT"), Rule(None, "br0", "DROP")],
            id="all among others",
        ),
        pytest.param(
            {"gateway": False, "drop_action": "REJECT"},
            [Rule("br0", None, "REJECT"), Rule(None, "br0", "REJECT")],
            id="no gateway, other drop action",
        ),
    ],
)
def test_rules_of_the_contract(fields: dict[str, object], expected: list[Rule]) -> None:
    assert list(forward_rules(rules(**fields))) == expected


def test_prefix_is_cut_to_sixteen_characters() -> None:
    assert rules(prefix="nova-compute-with-a-long-name").prefix == "nova-compute-wit"


@pytest.mark.parametrize(
    "fields",
    [
        {"bridge": "br 0"},
        {"bridge": "br0\n-A INPUT -j ACCEPT"},
        {"bridge": "eth+"},
        {"bridge": "@set"},
        {"bridge": "a-name-of-sixteen"},
        {"forward_interfaces": ("eth0", "!eth1")},
        {"forward_interfaces": ("eth*",)},
        {"drop_action": "DROP -m comment"},
        {"drop_action": "DROP\n"},
        {"drop_action": ""},
        {"drop_action": "x" * 29},
        {"prefix": "nova;compute"},
        {"prefix": "-A"},
        {"prefix": ""},
        {"top_regex": "("},
        {"bottom_regex": "["},
    ],
    ids=str,
)
def test_what_would_be_misread_is_refused_by_name(fields: dict[str, object]) -> None:
    with pytest.raises(FilterError, match=next(iter(fields))):
        rules(**fields)


def test_a_plans_resource_is_taken_and_checked() -> None:
    planned = FilterRules(bridge="br0", gateway=True, prefix="nova-compute", forward_interfaces=("e;0",))
    with pytest.raises(FilterError, match="forward_interfaces 'e;0'"):
        filters.describe(planned)


def test_describe_says_the_rules_in_words() -> None:
    assert filters.describe(rules(forward_interfaces=("eth0",), ipv6=True)) == [
        "IPv4 and IPv6 forwarded from br0 to eth0: ACCEPT",
        "IPv4 and IPv6 forwarded from eth0 to br0: ACCEPT",
        "IPv4 and IPv6 forwarded from br0 to br0: ACCEPT",
        "IPv4 and IPv6 forwarded from br0 to any interface: DROP",
        "IPv4 and IPv6 forwarded from any interface to br0: DROP",
        "IPv4 and IPv6 forwarded from any interface to br0: DROP",
    ]
    assert filters.describe(rules(gateway=False))[0] == "IPv4 forwarded from br0 to any interface: DROP"
