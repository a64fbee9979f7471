"""Whether files hold secrets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dcanary.secrets.forms import Finder
from dcanary.secrets.unescaped import views

_PIECE_BYTES = 1 << 20


class LeakFinder:
    """Looks for secrets in files, one after the other. `values` are their bytes by name."""

    def __init__(self, values: Mapping[str, bytes]) -> None:
        self._finders = {name: Finder([values[name]]) for name in sorted(values)}

    def leak(self, path: Path) -> str | None:
        """The first secret, by name, that a file holds in one of its forms; None when it has none.

        Compressed content is not looked into. Raises OSError.
        """
        longest = max((finder.longest for finder in self._finders.values()), default=0)
        rest = b""
        with path.open("rb") as file:
            while piece := file.read(_PIECE_BYTES):
                rest = (rest + piece).translate(None, b"\r\n")
                found = self.leak_in(rest)
                if found is not None:
                    return found
                # What may begin a form whose end comes with the next piece.
                rest = rest[max(0, len(rest) - longest + 1) :]
        return None

    def leak_in(self, text: bytes) -> str | None:
        """The first secret that a text holds."""
        read = list(views(text))
        return next((name for name, each in self._finders.items() if each.is_in(read)), None)
