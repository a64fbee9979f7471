"""Finding headers. Plain Python; names are given in lower case."""


def values_of(headers: "list[tuple[str, str]]", name: str) -> "list[str]":
    """All values of header `name`, however its name is written."""
    return [value for key, value in headers if key.lower() == name]


def only_header(headers: "list[tuple[str, str]]", name: str) -> "str | None":
    """The value of header `name`; None unless it is there exactly once."""
    values = values_of(headers, name)
    return values[0].strip() if len(values) == 1 else None


def first_header(headers: "list[tuple[str, str]]", names: "tuple[str, ...]") -> "str | None":
    """The value of the first of `names` that is there; None when that one is there twice."""
    for name in names:
        if values_of(headers, name):
            return only_header(headers, name)
    return None
