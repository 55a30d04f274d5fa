"""Which bridges OVN looks after, by what an operator or a deployment tool has written for ovn-controller."""

from __future__ import annotations

import pytest

from os_vif.host.ovs import ovn

REMOTE = {"ovn-remote": "ssl:192.0.2.1:6642"}
ONE = {"system-id": "one"}


@pytest.mark.parametrize(
    ("external_ids", "expected"),
    [
        ({}, set()),
        ({"system-id": "one", "ovn-bridge": "br-int", "ovn-bridge-mappings": "physnet1:br-ex"}, set()),
        ({"ovn-remote": ""}, set()),
        (REMOTE, {"br-int"}),
        ({**REMOTE, **ONE, "ovn-bridge": "br-ovn"}, {"br-ovn"}),
        ({**REMOTE, **ONE, "ovn-bridge": "br-ovn", "ovn-bridge-one": "br-one"}, {"br-one"}),
        ({**REMOTE, **ONE, "ovn-bridge-two": "br-two"}, {"br-int", "br-two"}),
        ({**ONE, "ovn-remote-one": "tcp:192.0.2.1:6642"}, {"br-int"}),
        (
            {**ONE, "ovn-remote-two": "tcp:192.0.2.1:6642", "ovn-bridge-two": "br-two", "ovn-bridge": "br-x"},
            {"br-two"},
        ),
        (
            {
                **REMOTE,
                **ONE,
                "ovn-bridge-mappings": "physnet1:br-ex",
                "ovn-bridge-mappings-one": "physnet1:br-ex",
                "ovn-bridge-datapath-type": "netdev",
                "ovn-bridge-remote": "unix:/run/br-int.mgmt",
                "ovn-remote-probe-interval": "60000",
            },
            {"br-int"},
        ),
    ],
)
def test_bridges(external_ids: dict[str, str], expected: set[str]) -> None:
    assert ovn.bridges(external_ids) == expected
