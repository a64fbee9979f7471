"""The URLs of files: /artifacts/<run>/<stage>/<path>. Plain Python."""

from typing import NamedTuple

MAX_URL_CHARS = 2_000
FOLDER = "artifacts"


class Place(NamedTuple):
    """A file that a URL names."""

    run: str
    stage: str
    path: str


def parts_of(url: str) -> "list[str] | None":
    """The segments of the path; the last is empty when it ends in `/`. None: it is no URL of ours.

    As verifiers see them: percent-decoded, without the empty segments between two `/`.
    """
    path = url.partition("#")[0].partition("?")[0]
    if len(url) > MAX_URL_CHARS or not path.startswith("/"):
        return None
    decoded = _decoded(path)
    if decoded is None or any(letter < " " for letter in decoded):
        return None
    parts = [part for part in decoded.split("/") if part]
    return [*parts, ""] if decoded.endswith("/") else parts


def place_of(parts: "list[str]") -> "Place | None":
    """The file that the segments may name."""
    if len(parts) < 4 or parts[0] != FOLDER or parts[-1] == "":
        return None
    return Place(parts[1], parts[2], "/".join(parts[3:]))


def _decoded(text: str) -> "str | None":
    pieces = text.split("%")
    found = bytearray(pieces[0].encode("utf-8", "surrogatepass"))
    for piece in pieces[1:]:
        digits = piece[:2]
        if len(digits) < 2 or any(digit not in "0123456789abcdefABCDEF" for digit in digits):
            return None
        found.append(int(digits, 16))
        found += piece[2:].encode("utf-8", "surrogatepass")
    try:
        return found.decode()
    except UnicodeDecodeError:
        return None
