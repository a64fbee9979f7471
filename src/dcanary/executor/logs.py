"""What a job prints, on its way to the chain: secrets masked, valid UTF-8, never too much.

Of a long log the beginning and the end are passed on; the whole goes to a file, where there is one.
"""

import codecs
import threading
from collections.abc import Iterable
from typing import Protocol

from dcanary.secrets.forms import MIN_FORM_BYTES, Finder, joined

MASK = b"***"
_TAIL_SHARE = 8
"""An eighth of the room is for the end of the log."""


class Sink(Protocol):
    """What takes the whole log."""

    def write(self, text: bytes, /) -> None: ...


class LogBuffer:
    """Takes bytes from the thread that builds, gives chunks to the thread that sends.

    At most `max_bytes` are given out in all: the beginning at once, the end when the log is closed,
    and between them a line that says how much is left out. `whole` gets everything. The end of what
    was printed is held back until more comes or the log is closed, because a secret or a character
    may be cut there. Secrets are found in the forms of `dcanary.secrets.forms`.
    """

    def __init__(self, secrets: Iterable[str], max_bytes: int, whole: Sink | None = None) -> None:
        self._secrets = {secret.encode() for secret in secrets if secret}
        self._finder = Finder(self._secrets, lines=True)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._raw = b""
        # So many bytes at the beginning of `_raw` belong to a mask that was passed on already.
        self._covered = 0
        self._ready = b""
        self._tail_bytes = max_bytes // _TAIL_SHARE
        self._room = max(0, max_bytes - self._tail_bytes - _OMITTED_BYTES)
        self._tail, self._beyond = b"", 0
        self._whole = whole
        self._closed = False
        self._lock = threading.Lock()

    def add_secrets(self, values: Iterable[bytes]) -> None:
        """Mask these too, from here on. Call it before anything can print them."""
        with self._lock:
            self._secrets.update(values)
            self._finder = Finder(self._secrets, lines=True)

    def masked(self, text: str) -> str:
        """A text for people, such as the reason of a failure, without secrets.

        Also without the beginning of one at its end, where the text may have been cut.
        """
        with self._lock:
            finder = self._finder
        raw = text.encode(errors="backslashreplace")
        spans, begun = finder.spans(raw), finder.begun(raw)
        if len(raw) - begun >= MIN_FORM_BYTES:
            spans = joined([*spans, (begun, len(raw))])
        return _mask(raw, spans, len(raw)).decode(errors="replace")

    def write(self, chunk: bytes) -> None:
        """Add what was printed. Ignored once the log is closed."""
        with self._lock:
            if not self._closed:
                self._raw += chunk
                self._pass_on(final=False)

    def close(self) -> None:
        """Nothing more will come."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._pass_on(final=True)

    def peek(self, max_bytes: int) -> bytes:
        """The next bytes to send; the same ones until `sent`."""
        with self._lock:
            return self._ready[:max_bytes]

    def sent(self, count: int) -> None:
        """The first `count` bytes have arrived."""
        with self._lock:
            self._ready = self._ready[count:]

    def _pass_on(self, final: bool) -> None:
        text = self._decoder.decode(self._take(final), final).encode()
        if self._whole is not None:
            self._whole.write(text)
        head = b""
        if not self._beyond:
            head = text if len(text) <= self._room else _whole_characters(text[: self._room])
            self._room -= len(head)
            self._ready += head
        rest = text[len(head) :]
        self._beyond += len(rest)
        self._tail = (self._tail + rest)[-self._tail_bytes :] if self._tail_bytes else b""
        if final and self._beyond:
            self._ready += self._end()

    def _end(self) -> bytes:
        """The end of a log of which not all was passed on."""
        if self._beyond == len(self._tail):
            return self._tail
        # From the first whole line, or at least the first whole character.
        _, found, lines = self._tail.partition(b"\n")
        tail = lines if found and lines else self._tail.decode("utf-8", "ignore").encode()
        return omitted(self._beyond - len(tail)) + tail

    def _take(self, final: bool) -> bytes:
        """Take from what is held back all that cannot belong to a secret still to come."""
        if not self._finder:
            taken, self._raw = self._raw, b""
            return taken
        limit = len(self._raw) if final else self._finder.begun(self._raw)
        found = self._finder.spans(self._raw)
        spans = joined([*found, (0, self._covered)] if self._covered else found)
        taken = _mask(self._raw, spans, limit, begun=bool(self._covered))
        self._covered = max(
            (end - limit for start, end in spans if start < limit < end),
            default=max(0, self._covered - limit),
        )
        self._raw = self._raw[limit:]
        return taken


def omitted(count: int) -> bytes:
    """The line in the place of `count` bytes."""
    return f"\n[{count:,} bytes of the log are left out here]\n".encode()


_OMITTED_BYTES = len(omitted(10**15))


def _whole_characters(text: bytes) -> bytes:
    """UTF-8 that was cut, without what is left of its last character."""
    return text.decode("utf-8", "ignore").encode()


def _mask(
    raw: bytes, spans: Iterable[tuple[int, int]], limit: int, *, begun: bool = False
) -> bytes:
    """The first `limit` bytes with a mask in place of each span that begins among them.

    `begun`: the mask of the first span has been given before.
    """
    passed, position = b"", 0
    for start, end in spans:
        if start < limit:
            passed += raw[position:start] + (b"" if begun else MASK)
            position, begun = end, False
    return passed + raw[position:limit]
