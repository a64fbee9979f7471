"""How the files of an order are served: their properties, beside those of the last release."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcanary.cli.display import harmless, in_order

if TYPE_CHECKING:
    from dcanary.cli.orders.assets import FileChange
    from dcanary.client.types.verification import AssetProperties

ALIASES = {None: "as the canister does", True: "yes", False: "no"}


class Served:
    """The different ways in which files are served, numbered in the order of the files.

    Files are served alike when they have the same properties, and had the same before.
    """

    def __init__(self, found: list[FileChange]) -> None:
        self._files: list[list[FileChange]] = []
        self._numbers: dict[str, int] = {}
        for one in found:
            if one.word != "removed":
                number = self._numbers.setdefault(_key(one), len(self._files))
                if number == len(self._files):
                    self._files.append([])
                self._files[number].append(one)
        is_told = any(properties_of(one) or one.served_before for one in found)
        self._is_told = is_told and bool(self._files)

    def mark(self, one: FileChange) -> str:
        """What the line of a file says of it; empty where no file of the order has properties."""
        return f", [{self._numbers[_key(one)] + 1}]" if self._is_told else ""

    def lines(self) -> list[str]:
        """Each way with all its properties: + is new, - goes, and what has no mark stays."""
        if not self._is_told:
            return []
        told = ["how they are served:"]
        for number, files in enumerate(self._files, start=1):
            before, after = files[0].served_before, properties_of(files[0])
            count = f"{len(files)} file{'' if len(files) == 1 else 's'}"
            told.append(f"  [{number}] {count}{', as before' if before == after else ''}")
            old, new = _properties(before), _properties(after)
            told += [f"    - {line}" for line in old if line not in new]
            told += [f"    {' ' if line in old else '+'} {line}" for line in new]
        return told


def _key(one: FileChange) -> str:
    return repr((one.served_before, properties_of(one)))


def properties_of(one: FileChange) -> AssetProperties | None:
    """What the order says of how the file is served."""
    return one.file["properties"]


def _properties(properties: AssetProperties | None) -> list[str]:
    if properties is None:
        return []
    age = properties["max_age"]
    return [
        f"max-age: {'none' if age is None else f'{age:,} seconds'}",
        f"raw access: {'yes' if properties['allow_raw_access'] else 'no'}",
        f"aliases: {ALIASES[properties['enable_aliasing']]}",
        *(in_order(f"{one['name']}: {harmless(one['value'])}") for one in properties["headers"]),
    ]
