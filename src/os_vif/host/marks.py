"""What the marks on the host say: which links are os-vif's and for which VIF, with no memory of any plug.

The command line's `list` and `gc` look through here; an agent that sweeps will too. Only the mark (a link's
ifalias, see os_vif.host.plan) makes a link ours: what has none is never listed and never deleted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from os_vif import exception
from os_vif.host.netlink import Link, route_socket
from os_vif.host.plan import MARK_PREFIX, SHARED_MARK

if TYPE_CHECKING:
    from os_vif.host.passes import Runner


@dataclass(frozen=True, slots=True)
class MarkedLink:
    """A link that os-vif made or adopted.

    vif_id: the VIF that owns it, None if several share it; master: name of the bridge it is a port of, "" for none.
    """

    link: Link
    vif_id: str | None
    master: str

    @property
    def name(self) -> str:
        return self.link.name

    @property
    def kind(self) -> str:
        """The kernel's kind of link, a tap told from a tun."""
        return self.link.tun_mode or self.link.kind


def marked_links() -> list[MarkedLink]:
    """All links of this network namespace that carry a mark, in the kernel's order; takes no privileges."""
    links = route_socket().all_links()
    names = {link.index: link.name for link in links}
    return [
        MarkedLink(link, _vif_id(link.alias), names.get(link.master, ""))
        for link in links
        if link.alias.startswith(MARK_PREFIX)
    ]


def delete(links: Sequence[MarkedLink], runner: Runner | None = None) -> list[Exception | None]:
    """Delete links, each only if it still is of the kind and carries the mark it was seen with.

    :param runner: who has the privileges; None: this process or the daemon of [os_vif_privileged]
    :returns: for each link in order, None or why it is still there
    :raises os_vif.exception.NoPrivileges: nothing was deleted
    """
    # imported here, so that to list takes neither oslo.privsep nor the time to import it
    from os_vif.host import passes, privsep, steps

    outcomes: list[Exception | None] = [None] * len(links)
    todo: list[steps.Step] = []
    for n, marked in enumerate(links):
        step = steps.DeleteLink(scope=n, name=marked.name, kind=marked.link.kind, mark=marked.link.alias)
        try:
            todo += steps.from_wire(steps.to_wire([step]))
        except ValueError:  # the privileged side would refuse the whole pass for it
            outcomes[n] = exception.EngineError(
                f"{marked.name} carries a mark, but os-vif makes no links of kind {marked.kind or 'device'}."
                " Look at it, and delete it by hand."
            )
    if todo:
        locks = {marked.vif_id or f"link {marked.name}" for marked in links}
        outcome = passes.call(runner or privsep.run, todo, {step.scope: [step.scope] for step in todo}, locks)
        for n, error in outcome.errors.items():
            outcomes[n] = error
    return outcomes


def _vif_id(alias: str) -> str | None:
    return None if alias == SHARED_MARK else alias.removeprefix(MARK_PREFIX)
