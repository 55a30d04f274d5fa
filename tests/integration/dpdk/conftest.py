"""What the tests with DPDK share."""

from tests.dpdk import dpdk

__all__ = ["dpdk"]
