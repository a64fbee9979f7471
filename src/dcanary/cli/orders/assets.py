"""The files of an order: checked against its digest, compared with those of the last release."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from dcanary.candid import Codec, parse_types, record_without, vec_of
from dcanary.cli.display import quoted_if_needed
from dcanary.cli.orders.served import Served
from dcanary.client.actor import interface_text
from dcanary.client.errors import ClientError

if TYPE_CHECKING:
    from dcanary.client.system import System
    from dcanary.client.types.verification import Asset, AssetProperties, Order

MARKS = {"added": "+", "changed": "~", "removed": "-"}


@dataclass(frozen=True)
class FileChange:
    """`word` is added, changed, removed or same; `before` is the sha256 of what it replaces, and
    `served_before` how that is served."""

    word: str
    file: Asset
    before: str | None = None
    served_before: AssetProperties | None = None


@cache
def _codec(*without: str) -> Codec:
    node = parse_types(interface_text("verification.did"))["Asset"]
    return Codec([vec_of(record_without(node, *without))])


def assets_digest(files: list[Asset]) -> str:
    """sha256 of the list's canonical encoding (its Candid message), in hexadecimal.

    A list without properties is encoded without the later fields, see `shared/rules/assets.py`.
    """
    is_plain = all(one["properties"] is None for one in files)
    codec = _codec("properties", "encodings") if is_plain else _codec()
    return hashlib.sha256(codec.encode([files])).hexdigest()


def checked_assets(system: System, approval: str, order: Order) -> list[Asset]:
    """The files that the order binds. Raises ClientError when the canister tells others."""
    bound = order["assets"]
    if bound is None:
        return []
    files = system.verification.get_assets(approval)
    computed = assets_digest(files)
    if computed != bound["digest"]:
        raise ClientError(
            f"{approval}: the files that are shown have the digest {computed}, but the order "
            f"binds {bound['digest']}",
            "do not approve it: canister and command line are of different versions, or one lies",
        )
    return files


def files_before(system: System, target: str) -> list[Asset] | None:
    """The files of the target's last release; None when that is not known."""
    try:
        name = system.deployment.get_target(target)["last_release"]
        if name is None:
            return []
        release = system.deployment.get_release(name)["order"]
        order = release["order"]
        return [] if order is None else checked_assets(system, release["approval"], order)
    except ClientError:
        return None


def compared(files: list[Asset], before: list[Asset]) -> list[FileChange]:
    """What becomes of each file, by key."""
    old = {one["key"]: one for one in before}
    found = []
    for file in files:
        earlier = old.pop(file["key"], None)
        if earlier is None:
            found.append(FileChange("added", file))
        elif earlier == file:
            found.append(FileChange("same", file, served_before=earlier["properties"]))
        else:
            found.append(FileChange("changed", file, earlier["sha256"], earlier["properties"]))
    found += [FileChange("removed", file) for file in old.values()]
    return sorted(found, key=lambda one: one.file["key"])


def counted(found: list[FileChange], word: str) -> int:
    return sum(1 for one in found if one.word == word)


def lines_of(files: list[Asset], before: list[Asset] | None) -> list[str]:
    """The files for people, by folder: what differs is counted, then told, all of it.

    An earlier version stopped after 40: what is approved could stand behind them.
    """
    found = compared(files, before or [])
    counts = ", ".join(f"{counted(found, word)} {word}" for word in (*MARKS, "same"))
    than = "the last release" if before is not None else "none: the last release's are not known"
    lines = [f"files: {counts}, compared with {than}; any others that it has are removed"]
    served = Served(found)
    folder = None
    told = [one for one in found if one.word in MARKS]
    for one in sorted(told, key=lambda one: one.file["key"].rpartition("/")):
        above, _, name = one.file["key"].rpartition("/")
        if above != folder:
            folder = above
            lines.append(f"  {quoted_if_needed(above + '/')}")
        lines += _told(one, name, served)
    return lines + served.lines()


def _told(one: FileChange, name: str, served: Served) -> list[str]:
    """All that an order says of a file; of one that is removed there is nothing to say."""
    file = one.file
    line = f"    {MARKS[one.word]} {quoted_if_needed(name)}"
    if one.word == "removed":
        return [line]
    encoding = "" if file["content_encoding"] == "identity" else f", {file['content_encoding']}"
    return [
        f"{line} {file['size']:,} bytes, {file['content_type']}{encoding}{served.mark(one)}",
        f"      sha256 {file['sha256']}",
        *(
            line
            for one in file["encodings"] or []
            for line in (
                f"      {one['content_encoding']} {one['size']:,} bytes",
                f"      sha256 {one['sha256']}",
            )
        ),
    ]


def as_json(files: list[Asset], before: list[Asset] | None) -> list[dict[str, object]]:
    """All files, each with what becomes of it."""
    return [
        {
            "change": one.word,
            **one.file,
            "before": one.before,
            "properties_before": one.served_before,
        }
        for one in compared(files, before or [])
    ]
