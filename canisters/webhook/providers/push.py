"""A push as every kind of forge tells it."""


class Push:
    """One ref that moved. `kind` is `branch` or `tag`, `name` the ref without its prefix.

    `skipped`: the commit message asks to start nothing.
    """

    __slots__ = ("author", "deleted", "kind", "message", "name", "ref", "sha", "skipped")

    def __init__(self, ref: str, kind: str, name: str) -> None:
        self.ref = ref
        self.kind = kind
        self.name = name
        self.sha = ""
        self.deleted = False
        self.message = ""
        self.author = ""
        self.skipped = False
