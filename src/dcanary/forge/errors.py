"""What the forge refuses, in sentences for its user."""

from __future__ import annotations


class ForgeError(Exception):
    """The forge cannot do what was asked; the text says why and what to do."""


class TooMuchWork(ForgeError):
    """A git process reached its bound of time, memory or output: it will again, most likely."""
