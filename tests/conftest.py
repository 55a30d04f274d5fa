"""What all tests share: the `netns` fixture and the profiles of hypothesis."""

import hypothesis
from tests.netns import netns

__all__ = ["netns"]

# `pytest --hypothesis-profile=full` is the long run: a thousand sequences of the stateful tests
hypothesis.settings.register_profile("ci", deadline=None, max_examples=30, stateful_step_count=20)
hypothesis.settings.register_profile("full", deadline=None, max_examples=1000, stateful_step_count=25)
hypothesis.settings.load_profile("ci")
