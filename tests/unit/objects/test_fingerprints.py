"""The objects are what peers of every age take them for: the fingerprints of this and of older versions.

A fingerprint is the hash of the names and types of an object's fields. One that changes means that the same
version is two different things in the same cloud.
"""

import pytest
from oslo_versionedobjects import base as ovo_base
from oslo_versionedobjects import fields as ovo_fields
from oslo_versionedobjects import fixture
from tests.unit.objects import samples, strategies

from os_vif import objects
from os_vif.objects import base

CURRENT = {
    "DatapathOffloadBase": "1.0-77509ea1ea0dd750d5864b9bd87d3f9d",
    "DatapathOffloadRepresentor": "1.0-802a5dff22f73046df3742c815c51421",
    "FixedIP": "1.0-d1a0ec7e7b6ce021a784c54d44cce009",
    "FixedIPList": "1.0-15ecf022a68ddbb8c2a6739cfc9f8f5e",
    "HostInfo": "1.0-4dba5ce236ea2dc559de8764995dd247",
    "HostPluginInfo": "1.0-5204e579864981c9891ecb5d1c9329f2",
    "HostPortProfileInfo": "1.0-e0bc9228c1456b220830d67b05bc4bf2",
    "HostVIFInfo": "1.1-00fdbeba3f9bb3bd2a723c17023ba182",
    "InstanceInfo": "1.0-84104d3435046b1a282ac8265ec2a976",
    "Network": "1.1-27a8a3e236d1d239121668a590130154",
    "Route": "1.0-5ca049cb82c4d4ec5edb1b839c1429c7",
    "RouteList": "1.0-15ecf022a68ddbb8c2a6739cfc9f8f5e",
    "Subnet": "1.0-6a8c192ef7492120d1a5e0fd08e44272",
    "SubnetList": "1.0-15ecf022a68ddbb8c2a6739cfc9f8f5e",
    "VIFBase": "1.0-4a5a8881dc999752cb050dd443458b6a",
    "VIFBridge": "1.0-e78d355f3505361fafbf0797ffad484a",
    "VIFDirect": "1.0-05c939280f4025fd1f7efb921a835c57",
    "VIFGeneric": "1.0-c72e637ed620f0135ea50a9409a3f389",
    "VIFHostDevice": "1.0-bb090f1869c3b4df36efda216ab97a61",
    "VIFNestedDPDK": "1.0-fdbaf6b20afd116529929b21aa7158dc",
    "VIFOpenVSwitch": "1.0-e78d355f3505361fafbf0797ffad484a",
    "VIFPortProfile8021Qbg": "1.1-b3011621809dca9216b50579ce9d6b19",
    "VIFPortProfile8021Qbh": "1.1-226b61b2e76ba452f7b31530cff80ac9",
    "VIFPortProfileBase": "1.1-4982d1621df12ebd1f3b07948f3d0e5f",
    "VIFPortProfileFPBridge": "1.1-49f1952bf50bab7a95112c908534751f",
    "VIFPortProfileFPOpenVSwitch": "1.4-20904c1dcdac0641cabf7b02525973bd",
    "VIFPortProfileFPTap": "1.1-fd178229477604dfb65de5ce929488e5",
    "VIFPortProfileK8sDPDK": "1.1-e2a2abd112b14e0239e76b99d9b252ae",
    "VIFPortProfileOVSRepresentor": "1.4-82b7292ee4cd6f808b724d2f5648932b",
    "VIFPortProfileOpenVSwitch": "1.4-54fb321f2b70c37d392fadc226c889e7",
    "VIFVHostUser": "1.1-1f95b43be1f884f090ca1f4d79adfd35",
    # This project's own.
    "VIFDVS": "1.0-4f47d77caf8f23a293910081cf1d9838",
    "VIFPortProfileHWVEB": "1.0-410e368b5a0ed388f3a71a8297568298",
    "VIFPortProfileLinuxBridge": "1.0-9e86dcef474b697329ad698a0ff7f99a",
    "VIFPortProfileScript": "1.0-7fb0f5d5004812b7f2fef659a0f603c5",
    "VIFPortProfileTap": "1.0-af1083efb0a154cdf0b150e4578859b5",
    "VIFVDPA": "1.0-9cd88ab45065bad3162d07d17e15851e",
}

EARLIER = [
    ("VIFPortProfileOpenVSwitch", "1.1-70d36e09c8d800345ce71177265212df"),
    ("VIFPortProfileOpenVSwitch", "1.2-25aec86b7ec9fcb3434f896f694818de"),
    ("VIFPortProfileOpenVSwitch", "1.3-1ad9a350a9cae19c977d21fcce7c8c7f"),
    ("VIFPortProfileFPOpenVSwitch", "1.1-74e77f46aa5806930df6f37a0b76ff8b"),
    ("VIFPortProfileFPOpenVSwitch", "1.2-4a4f230d89a5ea0e43011f678b626dd9"),
    ("VIFPortProfileFPOpenVSwitch", "1.3-06c425743430e7702ef112e09b987346"),
    ("VIFPortProfileOVSRepresentor", "1.1-30e555981003a109b133da5b43ded5df"),
    ("VIFPortProfileOVSRepresentor", "1.2-d0609e93ea884ef7b4949177e9fcdc39"),
    ("VIFPortProfileOVSRepresentor", "1.3-f625e17143473b93d6c7f97ded9f785a"),
    ("VIFPortProfile8021Qbg", "1.0-167f305f6e982b9368cc38763815d429"),
    ("VIFPortProfile8021Qbh", "1.0-4b945f07d2666ab00a48d1dc225669b1"),
    ("VIFPortProfileBase", "1.0-77509ea1ea0dd750d5864b9bd87d3f9d"),
    ("VIFPortProfileFPBridge", "1.0-d50872b3cddd245ffebef6053dfbe27a"),
    ("VIFPortProfileFPTap", "1.0-11670d8dbabd772ff0da26961adadc5a"),
]


def fingerprint(known: type[ovo_base.VersionedObject]) -> str:
    checker = fixture.ObjectVersionChecker({known.obj_name(): [known]})
    return str(checker.get_hashes()[known.obj_name()])


def test_every_class_has_its_published_fingerprint() -> None:
    assert {name: fingerprint(known) for name, known in strategies.CLASSES.items()} == CURRENT


@pytest.mark.parametrize(("name", "expected"), EARLIER)
def test_what_is_left_at_an_older_version_is_that_version(name: str, expected: str) -> None:
    version = expected.split("-")[0]
    known = strategies.CLASSES[name]
    primitive = samples.full(known).obj_to_primitive(target_version=version)
    left: dict[str, ovo_fields.Field[object]] = {
        field: known.fields[field] for field in primitive["versioned_object.data"]
    }
    older = type(name, (base.VersionedObject,), {"VERSION": version, "fields": left})
    assert fingerprint(ovo_base.VersionedObjectRegistry.objectify(older)) == expected


@pytest.mark.parametrize("known", strategies.CLASSES.values())
def test_annotations_name_the_fields(known: type[base.VersionedObject]) -> None:
    # They are what type checkers see; the fields are what is sent.
    own = {name for name in known.__annotations__ if name != "objects"}
    assert own <= set(known.fields)
    inherited = {name for parent in known.mro()[1:] for name in getattr(parent, "fields", {})}
    assert set(known.fields) - inherited - {"objects"} <= own


@pytest.mark.parametrize("known", strategies.CLASSES.values())
def test_tables_speak_of_fields_and_versions_there_are(known: type[base.VersionedObject]) -> None:
    assert set(known.obj_fields_added) <= set(strategies.versions(known))
    assert {name for names in known.obj_fields_added.values() for name in names} <= set(known.fields)
    assert known.obj_fields_optional <= set(known.fields)
    holding = {
        name
        for name, field in known.fields.items()
        if isinstance(field, ovo_fields.ObjectField | ovo_fields.ListOfObjectsField)
    }
    assert set(known.obj_relationships) >= holding


def test_classes_are_reached_through_their_modules() -> None:
    assert not hasattr(objects, "VIFBridge")
    assert objects.vif.VIFBridge is strategies.CLASSES["VIFBridge"]
