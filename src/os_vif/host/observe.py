"""What is on the host now: a snapshot of just the objects that some plans speak of.

Reading needs no privileges, except for filter rules, which the engine has its privileged side read. The engine
calls `observe` before it compares and again after it changed something.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from os_vif.host import addresses
from os_vif.host.netlink import Link, RouteSocket
from os_vif.host.plan import AddressMove, FilterRules, Plan


@dataclass(frozen=True, slots=True)
class Host:
    """The observed state.

    links: by name, absent ones missing; names: of links by interface index, as far as the plans' links refer to
    them; configured: for each AddressMove's source whether it still has layer-3 configuration;
    filters: whether a bridge's rules are there, None as long as nobody with privileges looked.
    """

    links: Mapping[str, Link]
    names: Mapping[int, str] = field(default_factory=dict)
    configured: Mapping[str, bool] = field(default_factory=dict)
    filters: Mapping[FilterRules, bool] | None = None

    def master_of(self, link: Link) -> str:
        """Name of the bridge the link is a port of, "" if it is in none."""
        return self.names.get(link.master, f"interface {link.master}") if link.master else ""


def observe(plans: Iterable[Plan], socket: RouteSocket) -> Host:
    """Read the links the plans name, and the layer-3 configuration of NICs that are to give theirs away."""
    wanted: dict[str, None] = {}
    sources: dict[str, None] = {}
    for plan in plans:
        wanted.update(dict.fromkeys(plan.links()))
        for resource in plan:
            if isinstance(resource, AddressMove):
                sources[resource.source] = None
    links = socket.links(list(wanted))
    names = {link.index: name for name, link in links.items()}
    strangers = {i for link in links.values() for i in (link.master, link.parent) if i and i not in names}
    if strangers:
        names.update({link.index: link.name for link in socket.all_links() if link.index in strangers})
    configured = {name: addresses.configured(socket, links[name].index) for name in sources if name in links}
    return Host(links=links, names=names, configured=configured)
