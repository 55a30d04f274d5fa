"""VIFs as Nova has them, for the programs here that are run by the interpreter of an environment with nova."""

from __future__ import annotations

from nova.network import model

PORT = "b679325f-ca89-4ee0-a8be-6db1409b69ea"
NETWORK = "437c6db5-4e6f-4b43-b64b-ed6a11ee5ba7"


def nova_vif(**fields: object) -> model.VIF:
    """A VIF as nova.network.neutron makes it of a port, with these fields instead of the usual ones.

    network_fields, meta: fields of its network, and of that one's metadata.
    """
    meta = {"mtu": 1450, **fields.pop("meta", {})}
    subnet = model.Subnet(
        cidr="10.0.0.0/24",
        gateway=model.IP("10.0.0.1"),
        ips=[model.FixedIP(address="10.0.0.5")],
        dns=[model.IP("192.0.2.53")],
    )
    of_network = {"id": NETWORK, "bridge": "br-int", "label": "private", "subnets": [subnet]}
    network = model.Network(**of_network | fields.pop("network_fields", {}) | meta)
    port = fields.get("id", PORT)
    common = {"id": port, "address": "fa:16:3e:11:22:33", "network": network, "devname": f"tap{port}"[:14]}
    return model.VIF(**common | {"ovs_interfaceid": port, "details": {}, "active": True} | fields)
