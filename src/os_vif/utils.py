"""Bit masks, kept for plugins of other projects that import them from here."""


def set_mask(data: int, mask: int) -> int:
    """Return `data` with the bits of `mask` set."""
    return data | mask


def unset_mask(data: int, mask: int, bit_size: int = 32) -> int:
    """Return `data` with the bits of `mask` cleared; only the lowest `bit_size` bits of `data` are kept."""
    return data & ~mask & ((1 << bit_size) - 1)
