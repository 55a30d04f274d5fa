"""Medians, spreads and ratios of noisy samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spread:
    """The median, and the tenth and ninetieth percentile around it."""

    low: float
    median: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    return Spread(percentile(values, 10), percentile(values, 50), percentile(values, 90))


def ratios(values: Sequence[float], base: Sequence[float]) -> list[float]:
    """Round by round: neighbours in time share the machine's noise, so it cancels.

    Who is not in all rounds is in the first ones.
    """
    return [value / other for value, other in zip(values, base, strict=False)]


def percentile(values: Sequence[float], percent: float) -> float:
    """Linear interpolation between the two nearest ranks."""
    ordered = sorted(values)
    position = (len(ordered) - 1) * percent / 100
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)
