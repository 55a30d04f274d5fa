"""What all tests share: the `netns` fixture, the profiles of hypothesis, and a warning that is not ours."""

import hypothesis
import pytest

from tests.netns import netns

__all__ = ["netns", "pytest_configure"]

# `pytest --hypothesis-profile=full` is the long run: a thousand sequences of the stateful tests
hypothesis.settings.register_profile("ci", deadline=None, max_examples=30, stateful_step_count=20)
hypothesis.settings.register_profile("full", deadline=None, max_examples=1000, stateful_step_count=25)
hypothesis.settings.load_profile("ci")


def pytest_configure(config: pytest.Config) -> None:
    """oslo.privsep imports eventlet where it is installed, and that warns about itself."""
    config.addinivalue_line("filterwarnings", r"ignore:\s*Eventlet is deprecated:DeprecationWarning")
