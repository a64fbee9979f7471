"""Plans a release before people are asked: what the target runs, and what its bytes say."""

import zlib

from kybra import Async, ic

from canisters.deployment import store
from canisters.deployment.books import look_taken
from canisters.deployment.releases.gates import check_kind, check_memory
from canisters.deployment.releases.place import refuse_done_by
from canisters.deployment.settings import network
from canisters.deployment.spending import why_too_much
from canisters.deployment.steps.affording import shortage
from canisters.deployment.steps.answer import Look
from canisters.deployment.steps.looking import look_at
from canisters.deployment.steps.machine import chunk_count
from canisters.deployment.steps.reading import read_artifact
from canisters.deployment.targets import rules as target_rules
from shared.rules.cycles import advised, cycles_to_create
from shared.rules.limits import (
    MAX_CHUNK_BYTES,
    MAX_MODULE_BYTES,
    MAX_NAME_CHARS,
    MAX_TARGETS_PER_PIPELINE,
    MIB,
)
from shared.rules.refused import conflict, not_found, unavailable
from shared.rules.wasm import GZIP_MAGIC, SectionWalk
from shared.types.approval import Creation, GateResult
from shared.types.pipeline import Mode
from shared.types.release import Plan, PlanRequest
from shared.types.target import TargetCanister

MAX_REFERENCES = 2 * MAX_TARGETS_PER_PIPELINE


def plan_release(request: PlanRequest) -> "Async[Plan]":
    """Read what the target runs now, resolve mode Auto, and check the artifact's bytes."""
    name = request["target"]
    target = target_rules.of_repository(store.targets.get(name), name, request["repository"])
    target_rules.refuse_network(name, target["network"], network())
    canister = target["canister"]
    replaces = None
    look = None
    if canister is not None:
        seen_after = target["last_change"]
        answer = yield from look_at(canister)
        if answer.look is None:
            raise unavailable(
                f"the status of target {name} ({canister.to_str()}) could not be read: "
                f"{answer.error}: the deployment canister must be one of its controllers"
            )
        look = answer.look
        replaces = look.module_hash
        target = target_rules.of_repository(store.targets.get(name), name, request["repository"])
        if target_rules.text_of(target["canister"]) != canister.to_str():
            raise unavailable(f"target {name} is another canister by now: ask again")
        if target["last_change"] == seen_after:
            # A release may have changed the canister after this look at it: the books know better.
            look_taken(target, look)
            store.targets.insert(name, target)
    if request["release"] is not None:
        refuse_done_by(request["release"], name, request["run"], look)
    mode = resolve_mode(request["mode"], replaces is not None)
    if isinstance(mode, str):
        raise conflict(f"{name}: {mode}")
    walk = SectionWalk()
    gates = yield from _gates(request, mode, walk)
    if isinstance(gates, str):
        raise unavailable(f"the artifact could not be read: {gates}")
    creates = None
    if canister is None:
        # Read again: a release may have created it, or an admin changed it, meanwhile.
        target = target_rules.of_repository(store.targets.get(name), name, request["repository"])
        if target["canister"] is not None:
            raise unavailable(f"target {name} has a canister by now: ask again")
        creates = target_rules.creation_of(target, ic.id())
        if walk.problem is None:
            refuse_poor(name, request, creates, walk)
    elif look is not None and walk.problem is None:
        refuse_poor_canister(name, request, look, walk)
    return {
        "canister": canister,
        "canisters": _canisters(name, request["references"] or []),
        "network": target["network"],
        "mode": mode,
        "replaces": replaces,
        "gates": gates,
        "creates": creates,
    }


def _canisters(name: str, references: "list[str]") -> "list[TargetCanister]":
    """The canisters of targets that an argument of the target `name` refers to.

    They may be of other repositories: a canister's id is no secret.
    """
    found: list[TargetCanister] = []
    for reference in references[:MAX_REFERENCES]:
        target = store.targets.get(reference)
        told = f"an argument of target {name} refers to target {reference[:MAX_NAME_CHARS]}"
        if target is None:
            raise not_found(
                f"{told}, which is not registered: an admin adds it with register_target"
            )
        if target["canister"] is None:
            raise conflict(f"{told}, which has no canister yet: release to it first")
        found.append({"target": reference, "canister": target["canister"]})
    return found


def resolve_mode(asked: Mode, has_module: bool) -> "Mode | str":
    """The mode that people are asked about, or why it cannot be."""
    if "Auto" in asked:
        return {"Upgrade": None} if has_module else {"Install": None}
    if not has_module and "Install" not in asked:
        return "the target has no module to upgrade or reinstall: use mode Auto or Install"
    if has_module and "Install" in asked:
        return "the target has a module already: use mode Auto, Upgrade or Reinstall"
    return asked


def refuse_poor(name: str, request: PlanRequest, creates: Creation, walk: SectionWalk) -> None:
    """Refuse to create a canister that could not pay for its install, or that this one cannot pay:
    nobody is asked about it."""
    least = cycles_to_create(request["size"], walk.wide, walk.memory_bytes)
    retry = f"then `dcanary run retry {request['run']}`"
    if creates["cycles"] < least:
        raise conflict(
            f"the canister of target {name} would be created with {creates['cycles']:,} cycles; "
            f"creating it and installing this module need about {least:,}: `dcanary target update "
            f"{name} --cycles {least}` or more, {retry}"
        )
    why = why_too_much(f"creating the canister of target {name}", creates["cycles"])
    if why is not None:
        raise conflict(
            f"{why}, or lower what it gets: `dcanary target update {name} --cycles N`; {retry}"
        )


def refuse_poor_canister(name: str, request: PlanRequest, look: Look, walk: SectionWalk) -> None:
    """Refuse a release that the target's canister could not pay: nobody is asked about it."""
    wide = walk.wide or "Keep" in request["memory"]
    more = max(0, walk.memory_bytes - look.memory_bytes)
    lacking = shortage(look, request["size"], more, wide)
    if lacking is None:
        return
    sentence, missing = lacking
    raise conflict(
        f"target {name}: {sentence}: `dcanary target top-up {name} --cycles {advised(missing)}`, "
        f"then `dcanary run retry {request['run']}`"
    )


def _gates(request: PlanRequest, mode: Mode, walk: SectionWalk) -> "Async[list[GateResult] | str]":
    """Results of the built-in gates, or why the artifact could not be read. Feeds `walk`."""
    unpacked: Unpacked | None = None
    size = request["size"]
    index = 0
    while index < chunk_count(size) and walk.problem is None:
        answer = yield from read_artifact(
            request["run"], request["stage"], request["artifact"], size, index
        )
        if answer.error is not None:
            return answer.error
        content = answer.value or b""
        if index == 0 and content[:2] == GZIP_MAGIC:
            unpacked = Unpacked(walk)
        if unpacked is not None:
            unpacked.feed(content)
            index += 1
        else:
            walk.feed(index * MAX_CHUNK_BYTES, content)
            # Sections of a plain module are skipped without being read.
            index = max(index + 1, walk.wanted // MAX_CHUNK_BYTES)
    if unpacked is None:
        walk.finish(size)
    else:
        unpacked.finish()
    kind = check_kind(walk, request["artifact"], unpacked is not None)
    if not kind["passed"]:
        return [kind]
    return [kind, check_memory(walk, mode, request["memory"])]


class Unpacked:
    """Feeds the content of a gzip stream to a walk, at most MIB at a time."""

    def __init__(self, walk: SectionWalk) -> None:
        self._walk = walk
        self._stream = zlib.decompressobj(31)
        self._size = 0

    def feed(self, packed: bytes) -> None:
        """Take the next bytes of the stream."""
        while packed and self._walk.problem is None:
            try:
                content = self._stream.decompress(packed, MIB)
            except zlib.error as error:
                self._walk.problem = f"its gzip stream is damaged: {error}"
                return
            packed = self._stream.unconsumed_tail
            self._take(content)

    def _take(self, content: bytes) -> None:
        self._walk.feed(self._size, content)
        self._size += len(content)
        if self._size > MAX_MODULE_BYTES:
            self._walk.problem = (
                f"it unpacks to more than {MAX_MODULE_BYTES} bytes (MAX_MODULE_BYTES)"
            )

    def finish(self) -> None:
        """Take the end of the stream."""
        if self._walk.problem is not None:
            return
        # The stream may have read all, and still hold a little of what it read.
        self._take(self._stream.flush())
        if not self._stream.eof:
            self._walk.problem = "its gzip stream is cut off"
        elif self._stream.unused_data:
            extra = len(self._stream.unused_data)
            self._walk.problem = f"{extra} bytes follow the end of its gzip stream"
        else:
            self._walk.finish(self._size)
