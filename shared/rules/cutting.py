"""Text that is longer than there is room for, cut so that people see that it was. Plain Python."""


def cut(text: str, most: int) -> str:
    """The beginning of a text, at most `most` characters; `…` at its end if more followed."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"
