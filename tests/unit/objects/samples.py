"""Plain objects for tests: `full` sets every field of a class, `vif_open_vswitch` is one as Nova makes it."""

import warnings

from oslo_versionedobjects import fields as ovo_fields
from tests.unit.objects import strategies

from os_vif.objects import base, fixed_ip, network, route, subnet, vif
from os_vif.objects import fields as os_vif_fields

PORT_ID = "b679325f-ca89-4ee0-a8be-6db1409b69ea"
NETWORK_ID = "437c6db5-4e6f-4b43-b64b-ed6a11ee5ba7"


def full(known: type[base.VersionedObject]) -> base.VersionedObject:
    """Return an object of class `known` in which every field is set, and in them every field of theirs."""
    with warnings.catch_warnings():
        # VIFPortProfileOVSRepresentor warns whenever one is made.
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        return known(**{name: _value(field) for name, field in known.fields.items()})


def _value(field: ovo_fields.Field[object]) -> object:
    match field:
        case ovo_fields.UUIDField():
            return PORT_ID
        case ovo_fields.MACAddressField():
            return "fa:16:3e:11:22:33"
        case ovo_fields.PCIAddressField():
            return "0000:03:00.1"
        case ovo_fields.IPAddressField():
            return "10.0.0.5"
        case ovo_fields.IPNetworkField():
            return "10.0.0.0/24"
        case os_vif_fields.ListOfIPAddressField():
            return ["8.8.8.8", "2001:db8::8"]
        case ovo_fields.BooleanField():
            return True
        case ovo_fields.IntegerField():
            return 1450
        case ovo_fields.BaseEnumField():
            return next(iter(field.valid_values))
        case ovo_fields.StringField():
            return "text"
        case ovo_fields.DictOfStringsField():
            return {"key": "value"}
        case ovo_fields.ObjectField(objname="VIFPortProfileBase"):
            return full(vif.VIFPortProfileOpenVSwitch)
        case ovo_fields.ObjectField():
            return full(strategies.CLASSES[field.objname])
        case ovo_fields.ListOfObjectsField():
            return [full(strategies.CLASSES[field.objname])]
    raise NotImplementedError(f"no value for {field!r}")


def vif_open_vswitch() -> vif.VIFOpenVSwitch:
    """Return the VIF whose primitive is in golden/vif_open_vswitch.json."""
    return vif.VIFOpenVSwitch(
        id=PORT_ID,
        address="FA-16-3E-11-22-33",
        network=network.Network(
            id=NETWORK_ID,
            bridge="br-int",
            label="private",
            bridge_interface=None,
            mtu=1450,
            subnets=subnet.SubnetList(
                objects=[
                    subnet.Subnet(
                        cidr="10.0.0.0/24",
                        dns=["8.8.8.8"],
                        gateway="10.0.0.1",
                        ips=fixed_ip.FixedIPList(
                            objects=[fixed_ip.FixedIP(address="10.0.0.5", floating_ips=[])]
                        ),
                        routes=route.RouteList(objects=[route.Route(cidr="0.0.0.0/0", gateway="10.0.0.1")]),
                    )
                ]
            ),
        ),
        plugin="ovs",
        active=False,
        preserve_on_delete=False,
        has_traffic_filtering=True,
        port_profile=vif.VIFPortProfileOpenVSwitch(
            interface_id=PORT_ID, datapath_type="system", create_port=True, create_tap=False
        ),
        vif_name="tapb679325f-ca",
        bridge_name="br-int",
    )
