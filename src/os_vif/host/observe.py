"""What is on the host now: a snapshot of just the objects that some plans speak of.

Reading needs no privileges, except for what the engine has its privileged side look at (os_vif.host.hidden). The
engine calls `observe` before it compares and again after it changed something.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from os_vif.host import addresses
from os_vif.host.netlink import Link, RouteSocket
from os_vif.host.netlink.vf import Vf, vfs
from os_vif.host.ovs.state import OvsState
from os_vif.host.plan import (
    AddressMove,
    BridgePort,
    Hidden,
    OvsBridge,
    OvsDatabase,
    OvsPort,
    Plan,
    SriovVf,
    Vlan,
    link_names,
)


@dataclass(frozen=True, slots=True)
class Host:
    """The observed state.

    links: by name, absent ones missing; names: of links by interface index, as far as the plans' links refer to
    them; configured: for each AddressMove's source whether it still has layer-3 configuration;
    vfs: of a plan's SR-IOV NICs, by the name of the netdev, the virtual functions by number;
    hidden: what the privileged side finds wrong with what only it can see, in words, "" for nothing; what nobody has
    looked at is missing; ovs: what the plans name in Open vSwitch databases.
    """

    links: Mapping[str, Link]
    names: Mapping[int, str] = field(default_factory=dict)
    configured: Mapping[str, bool] = field(default_factory=dict)
    hidden: Mapping[Hidden, str] = field(default_factory=dict)
    ovs: Mapping[OvsDatabase, OvsState] = field(default_factory=dict)
    vfs: Mapping[str, Mapping[int, Vf]] = field(default_factory=dict)

    def master_of(self, link: Link) -> str:
        """Name of the bridge the link is a port of, "" if it is in none."""
        return self.names.get(link.master, f"interface {link.master}") if link.master else ""


def observe(
    plans: Iterable[Plan],
    socket: RouteSocket,
    *,
    leftovers: bool = False,
    known: Mapping[OvsDatabase, OvsState] | None = None,
) -> Host:
    """Read the links and the Open vSwitch rows that the plans name, and the layer-3 configuration of NICs that are to
    give theirs away; with `leftovers` also what the plans want to see gone. known: rows that have been read already.
    """
    resources = [r for plan in plans for r in ((*plan, *plan.leftovers) if leftovers else plan)]
    links = socket.links(link_names(resources))
    sources = dict.fromkeys(r.source for r in resources if isinstance(r, AddressMove))
    names = {link.index: name for name, link in links.items()}
    # whose bridge or parent is compared: other masters (a switch's) and parents (a veth's) are of no interest
    related = {
        r.port if isinstance(r, BridgePort) else r.name
        for r in resources
        if isinstance(r, (BridgePort, Vlan))
    }
    strangers = {
        i
        for name in related & links.keys()
        for i in (links[name].master, links[name].parent)
        if i and i not in names
    }
    if strangers:
        names.update({link.index: link.name for link in socket.all_links() if link.index in strangers})
    configured = {name: addresses.configured(socket, links[name].index) for name in sources if name in links}
    ovs: Mapping[OvsDatabase, OvsState] = {}
    if any(isinstance(r, (OvsBridge, OvsPort)) for r in resources):
        from os_vif.host.ovs import reading  # with TLS and JSON: only hosts with Open vSwitch pay for it

        ovs = reading.observe(resources, known, removing=leftovers)
    nics = dict.fromkeys(r.name for r in resources if isinstance(r, SriovVf))
    functions = {name: vfs(socket, name) for name in nics if name in links}
    return Host(links=links, names=names, configured=configured, ovs=ovs, vfs=functions)
