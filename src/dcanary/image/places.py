"""Where in the text of a lock file each hash stands, for messages."""

from __future__ import annotations

import json
from typing import Any

LISTS = ("debian", "npm", "pypi")


def places(content: bytes, file: str) -> dict[str, str]:
    """sha256 of each package to its place: `ci/own.lock line 12, debian[3].sha256 (hello 2.10)`.

    `content` is a lock file that can be read; of a hash that is there twice the first counts.
    """
    text = content.decode()
    lines = text.splitlines()
    value: dict[str, Any] = json.loads(text)
    found: dict[str, str] = {}
    numbers: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        # One package a line is how locks are written; in another layout the first line counts.
        for piece in line.split('"'):
            if len(piece) == 64:
                numbers.setdefault(piece, number)
    for key in LISTS:
        for index, package in enumerate(value.get(key, [])):
            sha256 = package["sha256"]
            what = f"{package['name']} {package['version']}"
            at = numbers.get(sha256, 1)
            found.setdefault(sha256, f"{file} line {at}, {key}[{index}].sha256 ({what})")
    return found
