"""Bounds of how large values are in a Candid message. Plain Python."""

_FIXED_BYTES = 40


def candid_bound(value: object) -> int:
    """At most so many bytes does `value` take in a Candid message (its type table aside)."""
    if isinstance(value, str):
        return len(value.encode("utf-8", "replace")) + 5
    if isinstance(value, bytes):
        return len(value) + 5
    if isinstance(value, dict):
        return 5 + sum(candid_bound(inner) for inner in value.values())
    if isinstance(value, (list, tuple)):
        return 5 + sum(candid_bound(inner) for inner in value)
    if value is None or isinstance(value, bool):
        return 2
    if isinstance(value, int):
        return max(10, value.bit_length() // 7 + 1)
    return _FIXED_BYTES
