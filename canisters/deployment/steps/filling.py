"""Performs the steps that put files into an asset canister: the only place that calls one."""

import hashlib
from collections.abc import Callable

from kybra import Async, CallResult, Principal, ic, void

from canisters.deployment import store
from canisters.deployment.records import AssetWorkRecord
from canisters.deployment.steps import assets
from canisters.deployment.steps.answer import Answer, rejected
from canisters.deployment.steps.assets import Filling
from canisters.deployment.steps.reading import read_artifact
from canisters.deployment.steps.served import Content
from canisters.deployment.steps.task import Task
from canisters.deployment.steps.unpacked import Unpacked
from shared.base.calls import bounded
from shared.rules.asset_settings import GZIP
from shared.rules.assets import joined, path_of, split
from shared.rules.limits import CALL_WAIT_SECONDS, INSTALL_WAIT_SECONDS
from shared.types.approval import Asset
from shared.types.asset_canister import (
    AssetCanisterService,
    BatchId,
    ChunkId,
    ListedAsset,
    ToldProperties,
)

PAGE_FILES = 100


class Hashed:
    """What was sent of a file: its sha256, and that of what it unpacks to, when it is in gzip.
    `place` says which chunk comes next.

    Not kept over an upgrade, for hashlib's state cannot be stored: the file is sent again then.
    """

    __slots__ = ("hasher", "place", "unpacked")

    def __init__(self, place: "tuple[int, int, int]", content: Content) -> None:
        self.place = place
        self.hasher = hashlib.sha256()
        self.unpacked = Unpacked(content) if content.encoding == GZIP else None

    def take(self, chunk: bytes) -> None:
        self.hasher.update(chunk)
        if self.unpacked is not None:
            self.unpacked.take(chunk)

    def problem(self, content: Content) -> "str | None":
        """Why all that was sent is not the approved file, or None."""
        digest = self.hasher.hexdigest()
        if digest != content.sha256:
            return f"have sha256 {digest}, approved is {content.sha256}"
        if self.unpacked is not None and not self.unpacked.is_whole():
            return f"do not unpack to those of {content.key}"
        return None


_hashed: "dict[int, Hashed]" = {}


def keep(number: int, filling: Filling) -> None:
    """Write down what a step did to the files of a release's target."""
    store.asset_work.insert(number, filling.work)
    if filling.gone is not None:
        store.asset_gone.insert(number, {"version": 1, "keys": filling.gone})


def keep_assets(number: int, approved: "list[Asset]") -> bool:
    """Write down the files that a release puts into its target; whether they have properties."""
    parts = split(approved)
    if parts is None:
        store.assets.insert(number, {"version": 1, "assets": approved})
        return False
    bare, properties, of = parts
    store.assets.insert(number, {"version": 1, "assets": bare})
    store.asset_properties.insert(number, {"version": 1, "properties": properties, "of": of})
    return True


def drop(number: int) -> None:
    """Forget the files of a release that has ended."""
    store.assets.remove(number)
    store.asset_properties.remove(number)
    store.asset_work.remove(number)
    store.asset_gone.remove(number)
    _hashed.pop(number, None)


def _assets(task: Task) -> "list[Asset]":
    stored = store.assets.get(task.number)
    return [] if stored is None else stored["assets"]


def _whole(task: Task) -> "list[Asset]":
    """The files with their properties."""
    files = _assets(task)
    stored = store.asset_properties.get(task.number)
    return files if stored is None else joined(files, stored["properties"], stored["of"])


def _work(task: Task) -> AssetWorkRecord:
    return store.asset_work.get(task.number) or assets.fresh()


def _gone(task: Task) -> "list[str]":
    stored = store.asset_gone.get(task.number)
    return [] if stored is None else stored["keys"]


def _survey(canister: Principal, task: Task) -> "Async[Answer]":
    work = _work(task)
    if task.progress["sent_ns"] > 0:
        # The answer of a commit was lost: look at all of it.
        work["listed"] = 0
        work["asking"] = False
    if work["asking"]:
        asked = yield from _ask(canister, task, work)
        return asked
    reply: CallResult[list[ListedAsset]] = yield bounded(
        AssetCanisterService(canister).list({"start": work["listed"], "length": PAGE_FILES}),
        CALL_WAIT_SECONDS,
    )
    if reply.Err is not None:
        return rejected(reply.Err)
    target = store.targets.get(task.order["target"])
    serves = target is not None and target["serves"] is True
    filling = assets.after_page(work, _gone(task), _whole(task), reply.Ok, serves)
    if isinstance(filling, str):
        return Answer(error=filling, final=True)
    return Answer(filling=filling)


def _ask(canister: Principal, task: Task, work: AssetWorkRecord) -> "Async[Answer]":
    """Ask for the properties of one file that the canister lists without them."""
    files = _whole(task)
    asset = files[(work["untold"] or [0])[0]]
    reply: CallResult[ToldProperties] = yield bounded(
        AssetCanisterService(canister).get_asset_properties(asset["key"]), CALL_WAIT_SECONDS
    )
    if reply.Err is not None:
        answer = rejected(reply.Err)
        answer.error = f"asked for the properties of {asset['key']!r}: {answer.error}"
        return answer
    return Answer(filling=assets.after_properties(work, _gone(task), files, reply.Ok))


def _permit(canister: Principal, task: Task) -> "Async[Answer]":
    """Let this canister commit: a controller may say so, and need not be the one that installed."""
    reply: CallResult[void] = yield bounded(
        AssetCanisterService(canister).grant_permission(
            {"to_principal": ic.id(), "permission": {"Commit": None}}
        ),
        CALL_WAIT_SECONDS,
    )
    return Answer() if reply.Err is None else rejected(reply.Err)


def _batch(canister: Principal, task: Task) -> "Async[Answer]":
    reply: CallResult[BatchId] = yield bounded(
        AssetCanisterService(canister).create_batch({}), CALL_WAIT_SECONDS
    )
    if reply.Err is not None:
        return rejected(reply.Err)
    batch = reply.Ok["batch_id"]
    if batch >= assets.MAX_ID:
        return Answer(error="its batch ids have more than 64 bits", final=True)
    return Answer(filling=assets.with_batch(_work(task), batch, len(_assets(task))))


def _chunk(canister: Principal, task: Task) -> "Async[Answer]":
    files = _assets(task)
    work = _work(task)
    content = assets.contents(work, files)[work["at"]]
    index = work["chunk"]
    place = (work["begun"], work["at"], index)
    hashed = Hashed(place, content)
    if index > 0:
        known = _hashed.get(task.number)
        if known is None or known.place != place:
            return Answer(filling=assets.from_first_chunk(work))
        hashed = known
    bound = None if task.approved is None else task.approved["assets"]
    path = path_of("" if bound is None else bound["folder"], content.path)
    order = task.order
    read = yield from read_artifact(order["run"], order["stage"], path, content.size, index)
    if read.error is not None:
        return read
    chunk = read.value or b""
    reply: CallResult[ChunkId] = yield bounded(
        AssetCanisterService(canister).create_chunk({"batch_id": work["batch"], "content": chunk}),
        CALL_WAIT_SECONDS,
    )
    if reply.Err is not None:
        return rejected(reply.Err)
    if reply.Ok["chunk_id"] >= assets.MAX_ID:
        return Answer(error="its chunk ids have more than 64 bits", final=True)
    known = _hashed.get(task.number)
    if index > 0 and (known is None or known.place != place):
        # An attempt that was given up was answered after all, and has hashed the chunk.
        return Answer(filling=assets.from_first_chunk(work))
    hashed.take(chunk)
    problem = hashed.problem(content) if index + 1 == assets.chunks_of(content) else None
    if problem is not None:
        return Answer(error=f"the bytes of {path} {problem}", final=True)
    hashed.place = (work["begun"], work["at"], index + 1)
    _hashed[task.number] = hashed
    return Answer(filling=assets.with_chunk(work, reply.Ok["chunk_id"], files))


def _commit(canister: Principal, task: Task) -> "Async[Answer]":
    work = _work(task)
    made = assets.operations(work, _gone(task), _whole(task))
    reply: CallResult[void] = yield bounded(
        AssetCanisterService(canister).commit_batch(
            {"batch_id": work["batch"], "operations": made}
        ),
        INSTALL_WAIT_SECONDS,
    )
    if reply.Err is not None:
        return rejected(reply.Err)
    work["committed"] = True
    return Answer(filling=Filling(work))


FILLING: "dict[str, Callable[[Principal, Task], Async[Answer]]]" = {
    "survey": _survey,
    "permit": _permit,
    "batch": _batch,
    "chunk": _chunk,
    "commit": _commit,
}
