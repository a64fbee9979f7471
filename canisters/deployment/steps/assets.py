"""How a release puts files into an asset canister. Pure rules; no call is made here.

    survey… [permit batch chunk… commit survey…] check

A survey compares what the canister lists with what was approved. Where both are the same, the files
are done. Otherwise a batch is begun, and what differs is sent and committed at once; a batch that
was refused or whose commit was not answered is followed by another survey, and by another batch if
need be. What a survey finds after a commit that was answered is final.
"""

from typing import TYPE_CHECKING

from canisters.deployment.steps.answer import Answer
from canisters.deployment.steps.machine import Goal, chunk_count, enter
from canisters.deployment.steps.phases import BATCH, CHECK, CHUNK, COMMIT, PERMIT, SURVEY
from canisters.deployment.steps.served import (
    contents_of,
    created,
    kind_of,
    properties_kind,
    restyled,
)
from canisters.deployment.steps.undo import take_back
from shared.rules.limits import MAX_ASSET_BATCHES, MAX_ASSETS, MAX_LISTED_ASSETS

if TYPE_CHECKING:
    from canisters.deployment.records import AssetWorkRecord, ProgressRecord
    from canisters.deployment.steps.served import Content
    from shared.types.approval import Asset
    from shared.types.asset_canister import BatchOperation, ListedAsset, ToldProperties

MAX_GONE_BYTES = 500_000
# Larger numbers than any canister counts to; what is stored of them is bounded.
MAX_ID = 1 << 64
SHOWN_CHARS = 80


class Filling:
    """What a step did to the files: the work as it is now, and what follows.

    `more`: the same step goes on. `gone` are the keys to take out; None when the step did not look.
    `difference`: how the canister's files differ from the approved ones; None when they do not.
    """

    __slots__ = ("difference", "gone", "more", "work")

    def __init__(
        self,
        work: "AssetWorkRecord",
        more: bool = False,
        gone: "list[str] | None" = None,
        difference: "str | None" = None,
    ) -> None:
        self.work = work
        self.more = more
        self.gone = gone
        self.difference = difference


def fresh() -> "AssetWorkRecord":
    """The work of a release that has not looked at its target's files."""
    return {
        "version": 1,
        "listed": 0,
        "same": [],
        "other": [],
        "begun": 0,
        "committed": False,
        "batch": 0,
        "at": 0,
        "chunk": 0,
        "chunk_ids": [],
        "restyled": [],
        "untold": [],
        "asking": False,
    }


def after_page(
    work: "AssetWorkRecord",
    gone: "list[str]",
    assets: "list[Asset]",
    page: "list[ListedAsset]",
    serves: bool,
) -> "Filling | str":
    """Take the next files that the canister lists; a sentence when it lists too many.

    `serves`: an earlier release may have given its files properties.
    A page with nothing new is the last: canisters that know no pages list all of it each time.
    """
    if work["listed"] == 0:
        work["same"], work["other"], gone = [], [], []
        work["restyled"], work["untold"], work["asking"] = [], [], False
    positions = {asset["key"]: position for position, asset in enumerate(assets)}
    lists = lists_of(work)
    known = {position for name in lists for position in lists[name]}
    unknown = set(gone)
    before = work["listed"]
    for listed in page:
        position = positions.get(listed["key"])
        if position is None:
            if listed["key"] in unknown:
                continue
            unknown.add(listed["key"])
            gone.append(listed["key"])
        elif position in known:
            continue
        else:
            known.add(position)
            lists[kind_of(assets[position], listed, serves)].append(position)
        work["listed"] += 1
    if work["listed"] > MAX_LISTED_ASSETS + MAX_ASSETS:
        return f"the canister lists more than {MAX_LISTED_ASSETS} files (MAX_LISTED_ASSETS)"
    if sum(len(key.encode()) for key in gone) > MAX_GONE_BYTES:
        return f"the keys of the canister's other files have more than {MAX_GONE_BYTES} bytes"
    if work["listed"] > before:
        return Filling(work, more=True, gone=gone)
    work["listed"] = 0
    return _looked(work, gone, assets)


def _looked(work: "AssetWorkRecord", gone: "list[str]", assets: "list[Asset]") -> Filling:
    """What follows from the whole list: the canister is asked for what it does not list first."""
    work["asking"] = bool(work["untold"])
    if work["asking"]:
        return Filling(work, more=True, gone=gone)
    return Filling(work, gone=gone, difference=_difference(work, gone, assets))


def after_properties(
    work: "AssetWorkRecord", gone: "list[str]", assets: "list[Asset]", told: "ToldProperties"
) -> Filling:
    """Take the properties of the first file that the canister lists without them."""
    lists = lists_of(work)
    position = lists["untold"].pop(0)
    lists[properties_kind(assets[position]["properties"], told)].append(position)
    return _looked(work, gone, assets)


def lists_of(work: "AssetWorkRecord") -> "dict[str, list[int]]":
    """The positions by how the files are there. Releases begun before 0.2 had two of the lists."""
    work["restyled"] = restyled = work["restyled"] or []
    work["untold"] = untold = work["untold"] or []
    return {
        "same": work["same"],
        "other": work["other"],
        "restyled": restyled,
        "untold": untold,
    }


def _difference(work: "AssetWorkRecord", gone: "list[str]", assets: "list[Asset]") -> "str | None":
    for position in work["other"]:
        return f"{_shown(assets[position]['key'])} is not as approved"
    for position in work["restyled"] or []:
        return f"{_shown(assets[position]['key'])} has other properties than those approved"
    same = set(work["same"])
    for position, asset in enumerate(assets):
        if position not in same:
            return f"{_shown(asset['key'])} is missing"
    for key in gone:
        return f"{_shown(key)} is there, and not among the approved files"
    return None


def _shown(key: str) -> str:
    return repr(key[:SHOWN_CHARS])


def to_send(work: "AssetWorkRecord", count: int) -> "list[int]":
    """Positions of the files whose content the canister lacks, of `count` in all."""
    same = {*work["same"], *(work["restyled"] or [])}
    return [position for position in range(count) if position not in same]


def contents(work: "AssetWorkRecord", assets: "list[Asset]") -> "list[Content]":
    """All that is sent, in order."""
    return [one for at in to_send(work, len(assets)) for one in contents_of(assets[at])]


def chunks_of(content: "Content") -> int:
    """An empty file has one empty chunk."""
    return max(1, chunk_count(content.size))


def with_batch(work: "AssetWorkRecord", batch: int, count: int) -> Filling:
    """Begin to send the files of a new batch."""
    work["batch"] = batch
    work["begun"] += 1
    work["committed"] = False
    work["at"] = 0
    work["chunk"] = 0
    work["chunk_ids"] = []
    return Filling(work, more=bool(to_send(work, count)))


def with_chunk(work: "AssetWorkRecord", chunk_id: int, assets: "list[Asset]") -> Filling:
    """Go on to the next chunk, or file."""
    sent = contents(work, assets)
    work["chunk_ids"].append(chunk_id)
    work["chunk"] += 1
    if work["chunk"] >= chunks_of(sent[work["at"]]):
        work["chunk"] = 0
        work["at"] += 1
    return Filling(work, more=work["at"] < len(sent))


def from_first_chunk(work: "AssetWorkRecord") -> Filling:
    """Send the file that was being sent again, from its start."""
    whole = len(work["chunk_ids"]) - work["chunk"]
    work["chunk_ids"] = work["chunk_ids"][:whole]
    work["chunk"] = 0
    return Filling(work, more=True)


def operations(
    work: "AssetWorkRecord", gone: "list[str]", assets: "list[Asset]"
) -> "list[BatchOperation]":
    """What the commit does: each differing file anew, other properties for those that differ in
    them alone, and away with those that are gone."""
    made: list[BatchOperation] = []
    other = set(work["other"])
    first = 0
    for position in to_send(work, len(assets)):
        asset = assets[position]
        key = asset["key"]
        if position in other:
            made.append({"DeleteAsset": {"key": key}})
        made.append({"CreateAsset": created(asset)})
        for content in contents_of(asset):
            after = first + chunks_of(content)
            made.append(
                {
                    "SetAssetContent": {
                        "key": key,
                        "content_encoding": content.encoding,
                        "chunk_ids": work["chunk_ids"][first:after],
                        "sha256": bytes.fromhex(content.sha256),
                    }
                }
            )
            first = after
    for position in work["restyled"] or []:
        approved = assets[position]["properties"]
        if approved is not None:
            made.append({"SetAssetProperties": restyled(assets[position]["key"], approved)})
    for key in gone:
        made.append({"DeleteAsset": {"key": key}})
    return made


def surveyed(progress: "ProgressRecord", answer: Answer, goal: Goal) -> None:
    filling = answer.filling
    if filling is None or filling.more:
        enter(progress, SURVEY)
    elif filling.difference is None:
        progress["failure"] = None
        enter(progress, CHECK)
    elif filling.work["committed"]:
        take_back(progress, f"{filling.difference}, though the canister took the files")
    elif filling.work["begun"] >= MAX_ASSET_BATCHES:
        take_back(progress, progress["failure"] or filling.difference)
    else:
        enter(progress, PERMIT)


def permitted(progress: "ProgressRecord", answer: Answer, goal: Goal) -> None:
    enter(progress, BATCH)


def not_permitted(progress: "ProgressRecord", reason: str) -> None:
    # Earlier asset canisters have no such method; whoever installed one may use it.
    enter(progress, BATCH)


def batched(progress: "ProgressRecord", answer: Answer, goal: Goal) -> None:
    filling = answer.filling
    enter(progress, CHUNK if filling is not None and filling.more else COMMIT)


def sent(progress: "ProgressRecord", answer: Answer, goal: Goal) -> None:
    filling = answer.filling
    if filling is not None and not filling.more:
        enter(progress, COMMIT)


def committed(progress: "ProgressRecord", answer: Answer, goal: Goal) -> None:
    enter(progress, SURVEY)


def refused_survey(progress: "ProgressRecord", reason: str) -> None:
    take_back(progress, f"the module does not list its files as an asset canister does: {reason}")


def refused_batch(progress: "ProgressRecord", reason: str) -> None:
    take_back(progress, f"the canister takes no files: {reason}")


def begin_again(progress: "ProgressRecord", reason: str) -> None:
    """Look at the files anew: the batch may have expired, or may have been committed after all."""
    progress["failure"] = reason
    enter(progress, SURVEY)
