"""Which CBOR is decoded at all: plain items only, so that few bytes cannot mean much work.

Tags may let an item stand for many others (shared values, string references) or for a number of
any size, and what is decoded is hashed before anything is known of its sender. No field of a
request needs one. Source: RFC 8949, section 3; interface specification, "HTTPS interface".
"""

from __future__ import annotations

from .errors import bad_request

MAX_ITEMS = 200_000
"""Items of a request: more than 1000 paths of 127 labels and all delegations take."""
_BYTES, _TEXT, _TAG = 2, 3, 6
_INDEFINITE = 31
_BREAK = 0xFF


def check_plain(data: bytes) -> None:
    """Raises RequestRefused (400) for tags and for more than MAX_ITEMS items.

    Bytes that are no CBOR at all are left to the decoder to complain of.
    """
    position, items = 0, 0
    size = len(data)
    while position < size:
        first = data[position]
        position += 1
        if first == _BREAK:
            continue
        major, info = first >> 5, first & 31
        items += 1
        if items > MAX_ITEMS:
            raise bad_request(f"the request has more than {MAX_ITEMS} CBOR items")
        if major == _TAG:
            raise bad_request("the request holds a CBOR tag: only plain values are read")
        argument = info
        if 24 <= info <= 27:
            width = 1 << (info - 24)
            argument = int.from_bytes(data[position : position + width], "big")
            position += width
        if major in (_BYTES, _TEXT) and info != _INDEFINITE:
            position += argument
