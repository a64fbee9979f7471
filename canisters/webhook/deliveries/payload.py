"""JSON from outside, parsed within bounds, so that no body can make the canister trap."""

import json

from shared.rules.limits import MAX_JSON_CONTAINERS, MAX_JSON_DEPTH

MAX_NUMBER_CHARS = 64

_NOT_BRACKETS = bytes(code for code in range(256) if code not in b"[]{}")


class PayloadError(ValueError):
    """The body is not JSON that can be read here; the text says why, for the forge's log."""


def _nesting_problem(body: bytes) -> "str | None":
    """Why the brackets outside strings are too many or nest too deep, or None.

    Runs before the parser, whose recursion and work it bounds. A backslash outside a string stops
    the parser at once, so it does not matter that it is taken for an escape here.
    """
    unescaped = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    outside_strings = b"".join(unescaped.split(b'"')[::2])
    brackets = outside_strings.translate(None, _NOT_BRACKETS)
    if len(brackets) > 2 * MAX_JSON_CONTAINERS:
        return f"the body has over {MAX_JSON_CONTAINERS} objects and arrays (MAX_JSON_CONTAINERS)"
    depth = 0
    for byte in brackets:
        if byte in b"[{":
            depth += 1
            if depth > MAX_JSON_DEPTH:
                return f"the body nests deeper than {MAX_JSON_DEPTH} (MAX_JSON_DEPTH)"
        else:
            depth -= 1
    return None


def _bounded_int(digits: str) -> int:
    if len(digits) > MAX_NUMBER_CHARS:
        raise PayloadError(f"a number has more than {MAX_NUMBER_CHARS} digits")
    return int(digits)


def _bounded_float(digits: str) -> float:
    if len(digits) > MAX_NUMBER_CHARS:
        raise PayloadError(f"a number has more than {MAX_NUMBER_CHARS} digits")
    return float(digits)


def _no_constant(name: str) -> object:
    raise PayloadError(f"{name} is not a JSON value")


def _object(pairs: "list[tuple[str, object]]") -> "dict[str, object]":
    """Two readers may take different ones of two equal keys: such a body is refused."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise PayloadError("an object names a key twice")
    return made


def parse_object(body: bytes) -> "dict[str, object]":
    """The JSON object in `body`; raises PayloadError for anything else."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PayloadError(f"the body is not UTF-8 (byte {error.start})") from None
    problem = _nesting_problem(body)
    if problem is not None:
        raise PayloadError(problem)
    try:
        value = json.loads(
            text,
            parse_int=_bounded_int,
            parse_float=_bounded_float,
            parse_constant=_no_constant,
            object_pairs_hook=_object,
        )
    except PayloadError:
        raise
    except (ValueError, RecursionError) as error:
        raise PayloadError(f"the body is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise PayloadError("the body is JSON, but not an object")
    return value


def text_at(value: object, *path: str) -> str:
    """The text at `path` inside nested objects; "" when it is missing or not text."""
    for key in path:
        if not isinstance(value, dict):
            return ""
        value = value.get(key)
    return value if isinstance(value, str) else ""
