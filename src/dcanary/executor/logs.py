"""What a job prints, on its way to the chain: secrets masked, valid UTF-8, never too much."""

import codecs
import re
import threading
from collections.abc import Sequence

MASK = b"***"
TRUNCATED = b"\n[the log ends here: it is longer than what is kept]\n"


class LogBuffer:
    """Takes bytes from the thread that builds, gives chunks to the thread that sends.

    At most `max_bytes` are given out in all. The end of what was printed is held back until more
    comes or the log is closed, because a secret or a character may be cut there.
    """

    def __init__(self, secrets: Sequence[str], max_bytes: int) -> None:
        masked = {secret.encode() for secret in secrets if secret}
        self._secrets = sorted(masked, key=len, reverse=True)
        self._longest = len(self._secrets[0]) if self._secrets else 0
        # The longest first, because one secret may be the beginning of another.
        self._pattern = re.compile(b"|".join(re.escape(secret) for secret in self._secrets))
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._raw = b""
        self._ready = b""
        self._room = max_bytes - len(TRUNCATED)
        self._full = False
        self._closed = False
        self._lock = threading.Lock()

    def write(self, chunk: bytes) -> None:
        """Add what was printed. Ignored once the log is full or closed."""
        with self._lock:
            if not self._full and not self._closed:
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
        if self._full:
            return
        text = self._decoder.decode(self._masked(final), final).encode()
        if len(text) > self._room:
            text = text[: self._room].decode("utf-8", "ignore").encode() + TRUNCATED
            self._full, self._raw = True, b""
        self._room -= len(text)
        self._ready += text

    def _masked(self, final: bool) -> bytes:
        """Take from what is held back all that cannot belong to a secret still to come."""
        passed, position = b"", 0
        while True:
            limit = len(self._raw) if final else self._begun_secret(position)
            found = self._pattern.search(self._raw, position) if self._secrets else None
            if found is None or found.start() >= limit:
                break
            passed += self._raw[position : found.start()] + MASK
            position = found.end()
        passed += self._raw[position:limit]
        self._raw = self._raw[limit:]
        return passed

    def _begun_secret(self, position: int) -> int:
        """Where the first secret begins, from `position`, that more output could complete."""
        first = max(position, len(self._raw) - self._longest + 1)
        for start in range(first, len(self._raw)):
            tail = self._raw[start:]
            if any(secret.startswith(tail) and secret != tail for secret in self._secrets):
                return start
        return len(self._raw)
