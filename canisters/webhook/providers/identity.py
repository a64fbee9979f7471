"""Whether a payload is of the registered repository. Plain Python.

One secret may serve several repositories of a forge: the signature alone does not tell them apart.
"""

from shared.rules.names import clean_text


def _place(url: str) -> str:
    """Host and path of a repository's URL, in the one spelling that is compared."""
    place = url.split("://", 1)[-1].lower().rstrip("/")
    return place[: -len(".git")] if place.endswith(".git") else place


def problem_of(urls: "tuple[str, ...]", names: "tuple[str, ...]", clone_url: str) -> "str | None":
    """Why the payload is not of the repository with this clone URL, or None.

    `urls` and `names` are what the payload calls it, the most exact first; the first one that is
    not empty decides, a URL before a name.
    """
    wanted = _place(clone_url)
    for url in urls:
        if url:
            if _place(url) == wanted:
                return None
            return f"it is of {clean_text(url, 200)}, not of {clone_url}"
    for name in names:
        if name:
            if f"/{wanted}".endswith(f"/{name.lower()}"):
                return None
            return f"it is of {clean_text(name, 200)}, not of {clone_url}"
    return "it names no repository"
