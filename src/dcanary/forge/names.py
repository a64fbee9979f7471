"""Names of repositories: safe as folder names and in URLs, and the same that DCanary takes."""

from __future__ import annotations

import re

from dcanary.forge.errors import ForgeError

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def is_repository_name(name: str) -> bool:
    """a-z, 0-9, `.`, `_`, `-`, 1 to 64 characters, starting with a letter or digit.

    `..` and endings that Git gives a meaning (`.git`, `.lock`) are out.
    """
    return (
        _NAME.fullmatch(name) is not None
        and ".." not in name
        and not name.endswith((".git", ".lock", "."))
    )


def name_text(written: bytes) -> str:
    """Text with names of refs in it, as git wrote it.

    Bytes that are no UTF-8 become `\\xff`: two names stay two, as none has a backslash of its own.
    """
    return written.decode("utf-8", "backslashreplace")


def check_repository_name(name: str) -> str:
    """The name itself; raises ForgeError when it is none."""
    if not is_repository_name(name):
        raise ForgeError(
            f"{name[:80]!r} is no repository name: use 1 to 64 of a-z, 0-9, `.`, `_`, `-`, "
            "starting with a letter or a digit, without `..` and not ending in `.git` or `.lock`"
        )
    return name
