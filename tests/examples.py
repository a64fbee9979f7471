"""How many examples a property is tried on."""

from hypothesis import settings

USUAL = 100
"""Those of the profile `quick`."""


def examples(number: int) -> int:
    """`number` of them, or more in a profile that tries more (see tests/conftest.py)."""
    return max(1, number * settings.default.max_examples // USUAL)
