"""What a job prints, on its way to the chain: secrets masked, valid UTF-8, never too much."""

import codecs
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
        self._hold = max((len(secret) for secret in self._secrets), default=1) - 1
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
        for secret in self._secrets:
            self._raw = self._raw.replace(secret, MASK)
        keep = 0 if final else self._begun_secret()
        passed, self._raw = (self._raw[:-keep], self._raw[-keep:]) if keep else (self._raw, b"")
        text = self._decoder.decode(passed, final).encode()
        if len(text) > self._room:
            text = text[: self._room].decode("utf-8", "ignore").encode() + TRUNCATED
            self._full, self._raw = True, b""
        self._room -= len(text)
        self._ready += text

    def _begun_secret(self) -> int:
        """How many of the last bytes may be the beginning of a secret."""
        for length in range(min(self._hold, len(self._raw)), 0, -1):
            tail = self._raw[-length:]
            if any(secret.startswith(tail) for secret in self._secrets):
                return length
        return 0
