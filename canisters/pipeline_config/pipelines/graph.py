"""The graph that `depends_on` makes of a pipeline's stages. Plain Python."""


def find_cycle(depends_on: "dict[str, list[str]]") -> "list[str] | None":
    """A cycle as names that each depend on the next, first repeated at the end; None without one.

    Every name in a list must be a key. Does not recurse, so that depth costs no stack.
    """
    done: set[str] = set()
    for start in depends_on:
        path: list[str] = []
        on_path: set[str] = set()
        pending: list[tuple[str, bool]] = [(start, False)]
        while pending:
            name, leaving = pending.pop()
            if leaving:
                path.pop()
                on_path.discard(name)
                done.add(name)
                continue
            if name in on_path:
                return [*path[path.index(name) :], name]
            if name in done:
                continue
            path.append(name)
            on_path.add(name)
            pending.append((name, True))
            pending.extend((other, False) for other in depends_on[name])
    return None
