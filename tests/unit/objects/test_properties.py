"""Whatever is built survives the wire; whatever is received, only the two documented errors come of it."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oslo_versionedobjects import exception as ovo_exception
from tests.unit.objects import samples, strategies

from os_vif import exception, objects
from os_vif.objects import base

# VIFPortProfileOVSRepresentor warns whenever one is made, also from received data.
pytestmark = pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")

MODEST = settings(max_examples=150, deadline=None)


@st.composite
def objects_with_versions(draw: st.DrawFn) -> tuple[base.VersionedObject, str]:
    obj = draw(strategies.objects())
    return obj, draw(st.sampled_from(strategies.versions(type(obj))))


def _without_defaults(received: object, sent: object) -> object:
    """Drop what constructors add to what was sent: a Network's mtu (even at 1.0), an object list's list."""
    if isinstance(received, dict) and isinstance(sent, dict):
        return {
            name: _without_defaults(value, sent.get(name))
            for name, value in received.items()
            if name in sent or name not in ("mtu", "objects")
        }
    if isinstance(received, list) and isinstance(sent, list):
        return [_without_defaults(*pair) for pair in zip(received, sent, strict=True)]
    return received


@MODEST
@given(objects_with_versions())
def test_there_and_back_at_any_version(drawn: tuple[base.VersionedObject, str]) -> None:
    obj, version = drawn
    text = objects.to_json(obj, target_version=version)
    received = objects.from_json(text)
    assert type(received) is type(obj)
    assert version == received.VERSION
    assert _without_defaults(json.loads(objects.to_json(received)), json.loads(text)) == json.loads(text)


@MODEST
@given(strategies.objects())
def test_nothing_is_lost_at_the_present_version(obj: base.VersionedObject) -> None:
    received = objects.from_primitive(obj.obj_to_primitive())
    assert objects.to_json(received) == objects.to_json(obj)
    assert received.obj_what_changed() == obj.obj_what_changed()
    assert received.VERSION == obj.VERSION


@MODEST
@given(strategies.objects())
def test_oslo_reads_the_same(obj: base.VersionedObject) -> None:
    theirs = type(obj).obj_from_primitive(obj.obj_to_primitive())
    assert objects.to_json(theirs) == objects.to_json(objects.from_primitive(obj.obj_to_primitive()))


JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=10),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
    st.sampled_from(["1.0", "1.9", "2.0", "nova", "os_vif", "Network", "VIFBridge", "HostInfo"]),
    st.builds(lambda: samples.full(strategies.CLASSES["VIFBridge"]).obj_to_primitive()),
)


def _containers(value: object) -> list[dict[str, object] | list[object]]:
    found: list[dict[str, object] | list[object]] = []
    if isinstance(value, dict | list):
        found.append(value)
        for item in value.values() if isinstance(value, dict) else value:
            found.extend(_containers(item))
    return found


def _mutate(draw: st.DrawFn, primitive: object) -> None:
    container = draw(st.sampled_from(_containers(primitive)))
    if not container:
        return
    if isinstance(container, dict):
        key = draw(st.sampled_from(sorted(container)))
        if draw(st.booleans()):
            del container[key]
        else:
            container[key] = draw(JUNK)
    else:
        container[draw(st.integers(0, len(container) - 1))] = draw(JUNK)


@st.composite
def mutated(draw: st.DrawFn) -> object:
    primitive = json.loads(objects.to_json(draw(strategies.objects(full=draw(st.booleans())))))
    for _ in range(draw(st.integers(1, 3))):
        _mutate(draw, primitive)
    return primitive


@settings(MODEST, max_examples=400)
@given(mutated(), st.booleans())
def test_mutated_primitives_fail_in_two_ways_only(primitive: dict[str, object], tolerant: bool) -> None:
    try:
        received = objects.from_primitive(primitive, tolerant=tolerant)
    except (exception.InvalidObject, ovo_exception.IncompatibleObjectVersion):
        return
    # What was accepted can be passed on.
    assert objects.to_json(objects.from_json(objects.to_json(received))) == objects.to_json(received)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@MODEST
@given(st.text() | st.binary() | JSON.map(json.dumps))
def test_what_is_no_object_is_invalid(text: str | bytes) -> None:
    with pytest.raises(exception.InvalidObject):
        objects.from_json(text)
