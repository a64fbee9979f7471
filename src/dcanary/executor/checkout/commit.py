"""What a raw commit object says, read by us: git's own formatting stumbles over odd dates."""

import codecs
import re

from dcanary.executor.checkout.model import Commit

MAX_MESSAGE_CHARS = 1_000
MAX_AUTHOR_CHARS = 200
# The end of the year 9999: later times do not fit what tar and libraries take.
_MAX_TIME = 253_402_300_799
_PERSON = re.compile(rb"^(.*?)\s*<[^<>]*>?\s*(?:(\d{1,20})\b.*)?$", re.DOTALL)


def read_commit(raw: bytes) -> Commit:
    """Author, message and time of a commit object. Every input gives an answer, always the same."""
    head, _, message = raw.partition(b"\n\n")
    fields: dict[bytes, bytes] = {}
    for line in head.split(b"\n"):
        name, _, value = line.partition(b" ")
        # The first one counts: some histories have two authors.
        fields.setdefault(name, value)
    encoding = _encoding(fields.get(b"encoding", b"utf-8"))
    author, _ = _person(fields.get(b"author", b""))
    _, time = _person(fields.get(b"committer", b""))
    return Commit(
        author.decode(encoding, "replace").strip()[:MAX_AUTHOR_CHARS],
        message.decode(encoding, "replace").strip("\n")[:MAX_MESSAGE_CHARS],
        min(time, _MAX_TIME),
    )


def _person(value: bytes) -> tuple[bytes, int]:
    found = _PERSON.match(value)
    if found is None:
        return value, 0
    return found[1], int(found[2] or 0)


def _encoding(name: bytes) -> str:
    try:
        found = codecs.lookup(name.decode("ascii"))
    except (LookupError, ValueError):
        return "utf-8"
    # Some codecs of Python are no encodings of text (base64, zip).
    return found.name if getattr(found, "_is_text_encoding", False) else "utf-8"
