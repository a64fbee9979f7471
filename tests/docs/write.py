"""`python -m tests.docs.write`: bring the generated parts of the pages up to date."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from tests.docs import canisters, commands, failures, not_yet
from tests.docs.pages import DOCS, with_generated

GENERATED: dict[str, dict[str, Callable[[], str]]] = {
    "reference/cli.md": {"commands": commands.render},
    "reference/errors-and-exit-codes.md": {"errors": failures.render},
    "reference/not-yet.md": {
        "not-yet": not_yet.render,
        "management methods": not_yet.render_methods,
    },
    "reference/canisters.md": {
        name: partial(canisters.render, name) for name in ("common", *canisters.NAMES)
    },
}
"""Page below docs/ -> its generated parts."""


def main() -> None:
    """Rewrite every page whose generated parts have changed."""
    for name, parts in GENERATED.items():
        path = DOCS / name
        before = text = path.read_text(encoding="utf-8")
        for part, render in parts.items():
            text = with_generated(text, part, render())
        if text != before:
            path.write_text(text, encoding="utf-8")
            print(f"{name} is up to date now")


if __name__ == "__main__":
    main()
