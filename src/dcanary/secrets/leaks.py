"""Whether files hold secrets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dcanary.secrets.forms import Finder

_PIECE_BYTES = 1 << 20


class LeakFinder:
    """Looks for secrets in files, one after the other. `values` are their bytes by name."""

    def __init__(self, values: Mapping[str, bytes]) -> None:
        self._finders = {name: Finder([values[name]]) for name in sorted(values)}

    def leak(self, path: Path) -> str | None:
        """The first secret, by name, that a file holds in one of its forms; None when it has none.

        Compressed content is not looked into. Raises OSError.
        """
        for name, finder in self._finders.items():
            if _holds(path, finder):
                return name
        return None

    def leak_in(self, text: bytes) -> str | None:
        """The first secret that a text holds."""
        for name, finder in self._finders.items():
            if finder.spans(text):
                return name
        return None


def _holds(path: Path, finder: Finder) -> bool:
    rest = b""
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            rest = (rest + piece).translate(None, b"\r\n")
            if finder.spans(rest):
                return True
            # What may begin a form whose end comes with the next piece.
            rest = rest[max(0, len(rest) - finder.longest + 1) :]
    return False
