"""Debian's control files: paragraphs of `Name: value`, continued by indented lines."""

from __future__ import annotations

from collections.abc import Iterator


def parse_paragraphs(text: str) -> Iterator[dict[str, str]]:
    """The paragraphs of a control file. Lines of one value are joined by line ends.

    Raises ValueError for a line that belongs to no field.
    """
    fields: dict[str, str] = {}
    name = ""
    for line in text.split("\n"):
        if not line.strip():
            if fields:
                yield fields
            fields, name = {}, ""
        elif line[0] in " \t":
            if not name:
                raise ValueError(f"{line!r} continues nothing")
            fields[name] += f"\n{line.strip()}"
        else:
            name, colon, value = line.partition(":")
            if not colon:
                raise ValueError(f"{line!r} is no field")
            fields[name] = value.strip()
    if fields:
        yield fields
