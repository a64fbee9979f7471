"""The forms in which a secret gets out by accident, and where they stand in bytes.

Commands print what they are given: as it is, in base64 (a header, a Docker login), in hexadecimal,
in a URL, in JSON. Line breaks are passed over, because tools wrap base64 and hexadecimal. What a
stage does on purpose (reverses it, encrypts it, prints one letter a line with a blank) is found by
nobody.
"""

from __future__ import annotations

import base64
import json
import re
import sys
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from urllib.parse import quote, quote_plus

MIN_FORM_BYTES = 8
"""Shorter pieces would be found in harmless text."""
_BREAKS = b"\r\n"
_BREAK = re.compile(rb"[\r\n]+")


def forms_of(value: bytes, *, lines: bool = False) -> set[bytes]:
    """All forms of a value, without line breaks; with `lines` also each of its lines.

    The value itself is one however short it is.
    """
    found = {value.hex().encode(), value.hex().upper().encode()}
    text = value.decode(errors="replace")
    if lines and len(value.splitlines()) > 1:
        found.update(line.strip() for line in value.splitlines())
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        found.update(_alignments(encode, value))
    for safe in ("", "/"):
        found.update(
            (*_url_forms(quote(text, safe=safe)), *_url_forms(quote_plus(text, safe=safe)))
        )
    for ascii_only in (True, False):
        quoted = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        found.update((quoted.encode(), quoted.replace("/", "\\/").encode()))
    bare = {form.translate(None, _BREAKS) for form in found}
    itself = value.translate(None, _BREAKS)
    return {form for form in bare if len(form) >= MIN_FORM_BYTES} | ({itself} if itself else set())


def _alignments(encode: Callable[[bytes], bytes], value: bytes) -> Iterator[bytes]:
    """Base64 of a value that begins at any byte of what is encoded: three ways to cut it.

    The characters that hold bits of what stands before or after are left out.
    """
    for before in range(3):
        encoded = encode(bytes(before) + value)
        start = (0, 2, 3)[before]
        end = (0, 3, 2)[(before + len(value)) % 3]
        yield encoded[start : len(encoded) - end]


def _url_forms(quoted: str) -> tuple[bytes, bytes]:
    """Percent-encoding as it is, and with lower-case digits."""
    parts = quoted.split("%")
    lower = "%".join([parts[0], *(part[:2].lower() + part[2:] for part in parts[1:])])
    return quoted.encode(), lower.encode()


class Finder:
    """Finds forms of values in bytes that may be broken into lines. `lines` as for `forms_of`."""

    def __init__(self, values: Iterable[bytes], *, lines: bool = False) -> None:
        found = {form for value in values for form in forms_of(value, lines=lines)}
        self._forms: Sequence[bytes] = sorted(found)
        self.longest = max((len(form) for form in found), default=0)
        self._beginnings = {
            form[:size] for form in found for size in range(1, min(len(form), MIN_FORM_BYTES))
        }

    def __bool__(self) -> bool:
        return bool(self._forms)

    def spans(self, raw: bytes) -> list[tuple[int, int]]:
        """Where forms stand, as (start, end), in order and apart from each other."""
        if not self._forms:
            return []
        bare, places = _without_breaks(raw)
        found: list[tuple[int, int]] = []
        for form in self._forms:
            at = bare.find(form)
            while at >= 0:
                found.append((at, at + len(form)))
                at = bare.find(form, at + 1)
        return [
            (_raw_place(places, start), _raw_place(places, end - 1) + 1)
            for start, end in joined(found)
        ]

    def begun(self, raw: bytes) -> int:
        """Where the first form begins that more bytes could complete; the length of `raw` when none
        does."""
        bare, places = _without_breaks(raw)
        first = len(bare)
        for form in self._forms:
            if len(form) <= MIN_FORM_BYTES:
                continue
            at = bare.find(form[:MIN_FORM_BYTES], max(0, len(bare) - len(form) + 1), first)
            while at >= 0:
                if form.startswith(bare[at:]):
                    first = at
                    break
                at = bare.find(form[:MIN_FORM_BYTES], at + 1, first)
        for at in range(max(0, len(bare) - MIN_FORM_BYTES + 1), first):
            if bare[at:] in self._beginnings:
                first = at
                break
        return _raw_place(places, first) if first < len(bare) else len(raw)


def joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same spans in order, those that overlap made one."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if found and start < found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def _without_breaks(raw: bytes) -> tuple[bytes, list[tuple[int, int]]]:
    """The bytes without line breaks, and (place there, place in `raw`) of what follows each."""
    places, taken = [(0, 0)], 0
    for each in _BREAK.finditer(raw):
        taken += len(each[0])
        places.append((each.end() - taken, each.end()))
    return raw.translate(None, _BREAKS), places


def _raw_place(places: list[tuple[int, int]], bare: int) -> int:
    start, raw = places[bisect_right(places, (bare, sys.maxsize)) - 1]
    return raw + bare - start
