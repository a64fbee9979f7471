"""The forms in which a secret gets out by accident, and where they stand in bytes.

Commands print what they are given: as it is, in base64 (a header, a Docker login), in hexadecimal,
and each of these escaped as in a URL, in JSON or a shell, or in XML. Line breaks are passed over,
because tools wrap base64 and hexadecimal. What a stage does on purpose (reverses it, encrypts it,
prints one letter a line with a blank) is found by nobody.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator, Sequence

from dcanary.secrets.unescaped import LONGEST_FOR_A_BYTE, View, views

MIN_FORM_BYTES = 8
"""Shorter pieces would be found in harmless text."""
_BREAKS = b"\r\n"


def forms_of(value: bytes, *, lines: bool = False) -> set[bytes]:
    """All forms of a value, without line breaks; with `lines` also each of its lines.

    The value itself is one however short it is.
    """
    found = _encoded(value)
    if lines and len(value.splitlines()) > 1:
        found.update(line.strip() for line in value.splitlines())
    bare = {form.translate(None, _BREAKS) for form in found}
    itself = value.translate(None, _BREAKS)
    return {form for form in bare if len(form) >= MIN_FORM_BYTES} | ({itself} if itself else set())


def _encoded(value: bytes) -> set[bytes]:
    found = {value.hex().encode(), value.hex().upper().encode()}
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        found.update(_alignments(encode, value))
    return found


def _alignments(encode: Callable[[bytes], bytes], value: bytes) -> Iterator[bytes]:
    """Base64 of a value that begins at any byte of what is encoded: three ways to cut it.

    The characters that hold bits of what stands before or after are left out.
    """
    for before in range(3):
        encoded = encode(bytes(before) + value)
        start = (0, 2, 3)[before]
        end = (0, 3, 2)[(before + len(value)) % 3]
        yield encoded[start : len(encoded) - end]


class Finder:
    """Finds forms of values in bytes that may be broken into lines. `lines` as for `forms_of`."""

    def __init__(self, values: Iterable[bytes], *, lines: bool = False) -> None:
        values = list(values)
        found = {form for value in values for form in forms_of(value, lines=lines)}
        self._forms: Sequence[bytes] = sorted(found)
        encoded = {form for value in values for form in _encoded(value)}
        # No tool escapes letters and digits of base64 and of hexadecimal.
        self._escaped = [form for form in self._forms if form not in encoded or not form.isalnum()]
        self.longest = max((len(form) for form in found), default=0) * LONGEST_FOR_A_BYTE
        """Bytes that the longest form may take, escaped."""
        # Where line breaks without end follow the beginning of a form, nothing else would bound
        # what is held back, and each further write reads all of it again.
        self._held = 2 * self.longest
        self._beginnings = {
            form[:size] for form in found for size in range(1, min(len(form), MIN_FORM_BYTES))
        }

    def __bool__(self) -> bool:
        return bool(self._forms)

    def spans(self, raw: bytes) -> list[tuple[int, int]]:
        """Where forms stand, as (start, end), in order and apart from each other."""
        if not self._forms:
            return []
        return joined(span for view in views(raw) for span in self._spans_in(view))

    def is_in(self, read: Iterable[View]) -> bool:
        """Whether a form stands in one of the views of a text."""
        return any(form in view.data for view in read for form in self._forms_in(view))

    def _forms_in(self, view: View) -> Sequence[bytes]:
        return self._escaped if view.unescaped else self._forms

    def _spans_in(self, view: View) -> Iterator[tuple[int, int]]:
        for form in self._forms_in(view):
            at = view.data.find(form)
            while at >= 0:
                yield view.start(at), view.stop(at + len(form))
                at = view.data.find(form, at + 1)

    def begun(self, raw: bytes) -> int:
        """Where the first form begins that more bytes could complete; the length of `raw` when none
        does. A form with more line breaks in it than one after each byte is not waited for."""
        if not self._forms:
            return len(raw)
        first = len(raw)
        for view in views(raw, more=True):
            at = self._begun_in(view.data, self._forms_in(view))
            first = min(first, view.end if at == len(view.data) else view.start(at))
        return max(first, len(raw) - self._held)

    def _begun_in(self, bare: bytes, forms: Sequence[bytes]) -> int:
        first = len(bare)
        for form in forms:
            if len(form) <= MIN_FORM_BYTES:
                continue
            head = form[:MIN_FORM_BYTES]
            at = bare.find(head, max(0, len(bare) - len(form) + 1))
            while 0 <= at < first:
                if form.startswith(bare[at:]):
                    first = at
                    break
                at = bare.find(head, at + 1)
        for at in range(max(0, len(bare) - MIN_FORM_BYTES + 1), first):
            if bare[at:] in self._beginnings:
                return at
        return first


def joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same spans in order, those that overlap made one."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if found and start < found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found
