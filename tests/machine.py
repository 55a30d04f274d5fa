"""What the stateful tests share: any sequence of plugs, unplugs and damage in a network namespace of its own.

A Machine is hypothesis' RuleBasedStateMachine with a fresh namespace for each sequence. `--hypothesis-profile=full`
runs 1,000 sequences of each.
"""

from __future__ import annotations

import os

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine
from tests.netns import enter, ip, new_namespace

from os_vif.host import engine

STEPS = st.integers(1, 25)  # at which operation something fails, or the process dies


class Machine(RuleBasedStateMachine):
    """The thread is in a new namespace, with lo up, until `teardown`."""

    def __init__(self) -> None:
        super().__init__()
        self._home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        new_namespace()
        ip("link", "set", "lo", "up")

    def teardown(self) -> None:
        enter(self._home)
        os.close(self._home)


def remove_with_shared(job: engine.Job) -> None:
    """Take away what the VIF owns, and what it shares once nobody uses it."""
    (error,) = engine.remove([job], shared=True)
    if error is not None:
        raise error
