"""Whatever a peer sends, the answer is a VIF that can be written, or an InvalidPort that names a key."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.openstack.sentports import SENT, Sent, primitive

from os_vif import exception, objects
from os_vif.openstack import neutron

# as with Nova: VIFPortProfileOVSRepresentor warns whenever one is made
pytestmark = pytest.mark.filterwarnings("ignore:Using class:PendingDeprecationWarning")

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**4000, -1, 2**63])
    | st.floats()
    | st.text()
    | st.sampled_from(["", "true", "0x", "normal", "direct", "ovs", "fa:16:3e:00:00:01", "10.0.0.1", "0000:01:00.0"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
KEYS = sorted(
    {key for sent in SENT for key in sent.port}
    | {key for sent in SENT for value in sent.port.values() if isinstance(value, dict) for key in value}
    | {"os_vif", "plug_script", "qbg_params", "vhostuser_fp_plug", "vhostuser_vrouter_plug", "network_id"}
)


@st.composite
def spoiled(draw: st.DrawFn, value: object) -> object:
    """`value`, in which keys have been taken away, emptied, added, or given a value of any type, at any depth."""
    match draw(st.integers(0, 11)):
        case 0:
            return None
        case 1:
            return draw(JSON)
    if isinstance(value, dict):
        kept = {key: draw(spoiled(inner)) for key, inner in value.items() if draw(st.integers(0, 15))}
        return kept | draw(st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=8), JSON, max_size=2))
    if isinstance(value, list):
        return [draw(spoiled(inner)) for inner in value]
    return value


def answer(port: object, network: object, subnets: object) -> None:
    try:
        vif = neutron.to_vif(port, network, subnets)  # type: ignore[arg-type]  # wrong types are the test
    except exception.InvalidPort as error:
        refused: exception.InvalidPort | None = error
    else:
        refused, written = None, primitive(vif)
        assert primitive(objects.from_primitive(written)) == written
    assert refused is None or (refused.kwargs["field"] and str(refused).startswith("Port "))


@given(data=st.data(), sent=st.sampled_from(SENT))
def test_a_port_that_is_spoiled_somewhere(data: st.DataObject, sent: Sent) -> None:
    port, network, subnets = copy.deepcopy((sent.port, sent.network, sent.subnets))
    port |= data.draw(st.fixed_dictionaries({}, optional=dict.fromkeys(KEYS, JSON)))  # type: ignore[arg-type]
    answer(*(data.draw(spoiled(value)) for value in (port, network, subnets)))


@given(data=st.data(), sent=st.sampled_from(SENT))
def test_details_that_are_spoiled_somewhere(data: st.DataObject, sent: Sent) -> None:
    """The rest of the port is right, so that every type reads its own keys."""
    port = copy.deepcopy(sent.port)
    for key in ("binding:vif_details", "binding:profile"):
        port[key] = data.draw(spoiled(port[key]))
    answer(port, sent.network, sent.subnets)


@given(JSON, JSON, JSON)
def test_anything_at_all(port: object, network: object, subnets: object) -> None:
    answer(port, network, subnets)
