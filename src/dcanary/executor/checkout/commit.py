"""What a raw commit object says, read by us: git's own formatting stumbles over odd dates."""

import re

from dcanary.executor.checkout.model import Commit

MAX_MESSAGE_CHARS = 1_000
MAX_AUTHOR_CHARS = 200
# The end of the year 9999: later times do not fit what tar and libraries take.
_MAX_TIME = 253_402_300_799
_PERSON = re.compile(rb"^(.*?)\s*<[^<>]*>?\s*(?:(\d{1,20})\b.*)?$", re.DOTALL)
# The expression looks at a line of blanks once for each of them; nobody's name is longer.
_MAX_PERSON_BYTES = 1_024
# Encodings of text that git's users set `i18n.commitEncoding` to. A commit names what it likes, and
# Python's list of codecs is not one of encodings of text: some give lone surrogates (utf-7,
# unicode_escape), some ignore "replace" (idna, punycode, undefined), some are no text (zip).
_ENCODINGS = {
    *("utf-8", "us-ascii", "iso-2022-jp", "iso-2022-kr", "euc-jp", "euc-kr", "shift_jis", "cp932"),
    *("big5", "big5hkscs", "gb2312", "gbk", "gb18030", "cp949", "johab", "koi8-r", "koi8-u"),
    *("cp437", "cp850", "cp852", "cp866", "tis-620", "macintosh", "windows-874"),
    *(f"iso-8859-{part}" for part in range(1, 17) if part != 12),
    *(f"windows-{number}" for number in range(1250, 1259)),
}
_OTHER_NAMES = {
    **{"utf8": "utf-8", "ascii": "us-ascii", "latin1": "iso-8859-1", "latin-1": "iso-8859-1"},
    **{"sjis": "shift_jis", "shift-jis": "shift_jis", "eucjp": "euc-jp", "euckr": "euc-kr"},
    **{f"cp{number}": f"windows-{number}" for number in (874, *range(1250, 1259))},
    **{f"iso8859-{part}": f"iso-8859-{part}" for part in range(1, 17) if part != 12},
}
# What Python calls them, where it does not know the name.
_PYTHON_NAMES = {"windows-874": "cp874"}


def read_commit(raw: bytes) -> Commit:
    """Author, message and time of a commit object. Every input gives an answer, always the same.

    Both texts can be encoded: no lone surrogates are in them.
    """
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
        _text(author, encoding).strip()[:MAX_AUTHOR_CHARS],
        _text(message, encoding).strip("\n")[:MAX_MESSAGE_CHARS],
        min(time, _MAX_TIME),
    )


def _person(value: bytes) -> tuple[bytes, int]:
    value = value[:_MAX_PERSON_BYTES]
    found = _PERSON.match(value)
    if found is None:
        return value, 0
    return found[1], int(found[2] or 0)


def _text(raw: bytes, encoding: str) -> str:
    # None of the encodings gives a surrogate today; what is signed must not depend on that.
    return raw.decode(encoding, "replace").encode("utf-8", "replace").decode()


def _encoding(name: bytes) -> str:
    """Python's name of an encoding, UTF-8 for what is none of ours."""
    given = name.decode("latin-1").strip().lower()
    known = _OTHER_NAMES.get(given, given)
    return _PYTHON_NAMES.get(known, known) if known in _ENCODINGS else "utf-8"
