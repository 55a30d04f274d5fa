"""Waiting until the host has changed, wherever a plan's objects are: in the kernel or in Open vSwitch databases.

The engine's wait_ready does it; nothing here asks again and again.
"""

from __future__ import annotations

import contextlib
import selectors
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from os_vif.host.netlink import LinkMonitor
from os_vif.host.plan import OvsBridge, OvsPort, Plan

if TYPE_CHECKING:
    from os_vif.host.ovs.watching import DatabaseMonitor


class HostMonitor:
    """Tells when something about a plan's objects may have changed; a context manager, for one thread.

    deadline: of time.monotonic().

    :raises DatabaseLostError: a database of the plan does not answer by then
    """

    def __init__(self, plan: Plan, deadline: float) -> None:
        self._deadline = deadline
        self._switch = [r for r in plan if isinstance(r, (OvsBridge, OvsPort))]
        self._databases: list[DatabaseMonitor] | None = None
        if self._switch:
            from os_vif.host.ovs import watching  # with TLS and JSON: only hosts with Open vSwitch pay for it

            watching.reach(self._switch, deadline)
        self._stack = contextlib.ExitStack()
        self._links = self._stack.enter_context(LinkMonitor())

    def wait(self, at_most: float | None = None) -> None:
        """Return when something may have changed since the last look, at the deadline, or after `at_most` seconds.

        The first call subscribes to the databases and returns at once: what is right already, which is most of
        what is waited for, costs no connection for it.

        :raises DatabaseLostError: the connection to a database broke and is not back by then
        """
        if self._databases is None:
            self._databases = []
            if self._switch:
                from os_vif.host.ovs.watching import monitors

                self._databases = [
                    self._stack.enter_context(m) for m in monitors(self._switch, self._deadline)
                ]
                return
        # all are asked each time: one whose connection broke has another descriptor afterwards
        while True:
            changed = [monitor.changed(self._deadline) for monitor in self._databases]
            if any(changed):
                return
            left = self._deadline - time.monotonic()
            left = left if at_most is None else min(left, at_most)
            with selectors.DefaultSelector() as selector:
                links = selector.register(self._links, selectors.EVENT_READ)
                for monitor in self._databases:
                    selector.register(monitor, selectors.EVENT_READ)
                ready = [key for key, _ in selector.select(max(0.0, left))]
            if links in ready:
                self._links.wait(0)
            if links in ready or not ready:
                return

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
