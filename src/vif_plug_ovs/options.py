"""The options of the ovs plugin: the section [os_vif_ovs]."""

from __future__ import annotations

from oslo_config import cfg

OPTIONS = (
    cfg.IntOpt(
        "network_device_mtu",
        default=1500,
        min=0,
        max=65535,
        help="MTU, in bytes, of what is made for networks that do not say theirs.",
        deprecated_group="DEFAULT",
    ),
    cfg.IntOpt(
        "ovs_vsctl_timeout",
        default=120,
        min=0,
        help="Seconds an Open vSwitch operation may take, until ovs-vswitchd has acted on it. 0: no limit.",
        deprecated_group="DEFAULT",
    ),
    cfg.StrOpt(
        "ovsdb_connection",
        default="tcp:127.0.0.1:6640",
        help="The Open vSwitch database: unix:PATH, tcp:HOST:PORT or ssl:HOST:PORT; IPv6 in brackets.",
    ),
    cfg.StrOpt(
        "ovsdb_interface",
        choices=["vsctl", "native"],
        default="native",
        help="Has no effect: the database is always spoken to directly, never through ovs-vsctl.",
        deprecated_for_removal=True,
        deprecated_since="2.2.0",
        deprecated_reason="There is one way to speak to the database.",
    ),
    cfg.StrOpt("ssl_key_file", help="The private key for an ssl: database, in PEM format."),
    cfg.StrOpt("ssl_cert_file", help="The certificate for an ssl: database, in PEM format."),
    cfg.StrOpt(
        "ssl_ca_cert_file",
        help="The certificate of the authority that signed the ssl: database's, in PEM format.",
    ),
    cfg.BoolOpt(
        "isolate_vif",
        default=False,
        help="Keep new ports in the dead VLAN until the network's controller has wired them. Only with a "
        "controller that does so: Neutron's ml2/ovs.",
    ),
    cfg.BoolOpt(
        "per_port_bridge",
        default=False,
        help="Experimental: give each VIFOpenVSwitch an Open vSwitch bridge of its own, patched to the "
        "integration bridge. Not for SmartNICs.",
    ),
    cfg.StrOpt(
        "default_qos_type",
        choices=["linux-htb", "linux-hfsc", "linux-sfq", "linux-codel", "linux-fq_codel", "linux-noop"],
        default="linux-noop",
        help="Traffic shaping of new ports of the kernel's datapath, until the network's controller sets its "
        "own. linux-noop: none, and what others have set with tc stays.",
    ),
)
