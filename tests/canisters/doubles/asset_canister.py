"""A small asset canister: the interface that `deployment` calls, and bad moods on request.

Files, batches and chunks are in stable memory, so that they outlast upgrades and are in snapshots.
A mood is set by `mood`; `TRAPS` differs between versions of its module.
"""

import hashlib

from kybra import (
    Async,
    Opt,
    Principal,
    Record,
    StableBTreeMap,
    Vec,
    blob,
    ic,
    init,
    nat64,
    post_upgrade,
    query,
    text,
    update,
    void,
)
from kybra.canisters.management import management_canister

from shared.types.asset_canister import (
    BatchId,
    ChunkId,
    ChunkInBatch,
    CommitBatch,
    GrantPermission,
    ListArgs,
    ListedAsset,
    ListedEncoding,
    NoFields,
    SetAssetProperties,
    ToldProperties,
)
from shared.types.http import HttpRequest, HttpResponse

PAGE = 3
TRAPS = False
BATCH_SECONDS = 300
NOTHING = {"max_age": None, "headers": None, "allow_raw_access": None, "is_aliased": None}


class Stored(Record):
    content_type: text
    content: blob
    sha256: blob
    gzip: Opt[blob]
    properties: ToldProperties


class Chunk(Record):
    batch: nat64
    content: blob


files = StableBTreeMap[text, Stored](memory_id=0, max_key_size=300, max_value_size=4_000_000)
batches = StableBTreeMap[nat64, nat64](memory_id=1, max_key_size=16, max_value_size=16)
chunks = StableBTreeMap[nat64, Chunk](memory_id=2, max_key_size=16, max_value_size=1_100_000)
moods = StableBTreeMap[text, text](memory_id=3, max_key_size=50, max_value_size=300)
committers = StableBTreeMap[text, text](memory_id=4, max_key_size=80, max_value_size=10)
counts = StableBTreeMap[text, nat64](memory_id=5, max_key_size=50, max_value_size=16)


@init
def init_() -> void:
    committers.insert(ic.caller().to_str(), "")


@post_upgrade
def post_upgrade_() -> void:
    if TRAPS:
        ic.trap("this version cannot be upgraded to")


@update
def mood(name: text, value: text) -> void:
    """Moods, by what they spoil: `list`, `batch`, `chunk`, `commit` and `properties` refuse with
    `value`; `untold` lists no properties, as canisters of before 2026; `plain` gives files none;
    `hashes` lies about the sha256 of the file `value`; `expires` ends batches after so many
    chunks; `forgets` takes no file from commits; `silent` never answers a commit, and performs it
    unless told `before`.
    """
    moods.insert(name, value)


@update
def put(key: text, content_type: text, content: blob, max_age: Opt[nat64]) -> void:
    """Have a file that nobody sent."""
    _put(
        key,
        content_type,
        content,
        {"max_age": max_age, "headers": None, "allow_raw_access": None, "is_aliased": None},
    )


@query
def content(key: text) -> Opt[blob]:
    file = files.get(key)
    return None if file is None else file["content"]


@query
def packed(key: text) -> Opt[blob]:
    file = files.get(key)
    return None if file is None else file["gzip"]


@query
def keys() -> Vec[text]:
    return files.keys()


@query
def chunks_taken() -> nat64:
    return counts.get("chunks") or 0


@query
def http_request(request: HttpRequest) -> HttpResponse:
    path = request["url"].split("?")[0]
    file = files.get(path)
    if file is None:
        return {"status_code": 404, "headers": [], "body": b"no such file", "upgrade": None}
    properties = file["properties"]
    headers = [("Content-Type", file["content_type"]), *(properties["headers"] or [])]
    content = file["content"]
    if file["gzip"] is not None and ("accept-encoding", "gzip") in request["headers"]:
        content = file["gzip"]
        headers.append(("Content-Encoding", "gzip"))
    if properties["max_age"] is not None:
        headers.append(("Cache-Control", f"max-age={properties['max_age']}"))
    return {"status_code": 200, "headers": headers, "body": content, "upgrade": None}


@query
def get_asset_properties(key: text) -> ToldProperties:
    _refuse("properties")
    file = files.get(key)
    if file is None:
        ic.trap("asset not found")
    return _told(key, file)


def _told(key: str, file: Stored) -> ToldProperties:
    """The properties, with the cookie that asset canisters add to pages."""
    cookie = [("Set-Cookie", "ic_env=x; SameSite=Lax")] if key.endswith(".html") else []
    properties = file["properties"]
    return {
        "max_age": properties["max_age"],
        "headers": (properties["headers"] or []) + cookie or None,
        "allow_raw_access": properties["allow_raw_access"],
        "is_aliased": properties["is_aliased"],
    }


def _put(key: str, content_type: str, content: bytes, properties: ToldProperties) -> None:
    files.insert(
        key,
        {
            "content_type": content_type,
            "content": content,
            "sha256": hashlib.sha256(content).digest(),
            "gzip": None,
            "properties": properties,
        },
    )


def _refuse(name: str) -> None:
    why = moods.get(name)
    if why:
        ic.trap(why)


def _may() -> None:
    if not committers.contains_key(ic.caller().to_str()):
        ic.trap("Caller does not have Commit permission")


def _open_batch(batch: int) -> None:
    until = batches.get(batch)
    if until is None or until <= ic.time():
        ic.trap("batch not found")
    batches.insert(batch, ic.time() + BATCH_SECONDS * 1_000_000_000)


def _encoding(name: str, sha256: bytes, content: bytes) -> ListedEncoding:
    return {"content_encoding": name, "sha256": sha256, "length": len(content)}


@query
def list(args: ListArgs) -> Vec[ListedAsset]:
    _refuse("list")
    listed: Vec[ListedAsset] = []
    first = args["start"] or 0
    for key in sorted(files.keys())[first : first + PAGE]:
        file = files.get(key)
        if file is None:
            continue
        properties = _told(key, file)
        if moods.get("untold"):
            properties = NOTHING
        told = file["sha256"] if moods.get("hashes") != key else b"\x00" * 32
        encodings = [_encoding("identity", told, file["content"])]
        if file["gzip"] is not None:
            digest = hashlib.sha256(file["gzip"]).digest()
            encodings.append(_encoding("gzip", digest, file["gzip"]))
        listed.append(
            {
                "key": key,
                "content_type": file["content_type"],
                "encodings": encodings,
                "max_age": properties["max_age"],
                "headers": properties["headers"],
                "allow_raw_access": properties["allow_raw_access"],
                "is_aliased": properties["is_aliased"],
            }
        )
    return listed


@update
def grant_permission(args: GrantPermission) -> void:
    _refuse("permit")
    principal: Principal = args["to_principal"]
    committers.insert(principal.to_str(), "")


@update
def create_batch(args: NoFields) -> BatchId:
    _refuse("batch")
    _may()
    batch = (counts.get("batches") or 0) + 1
    counts.insert("batches", batch)
    batches.insert(batch, ic.time() + BATCH_SECONDS * 1_000_000_000)
    return {"batch_id": batch}


@update
def create_chunk(args: ChunkInBatch) -> ChunkId:
    _refuse("chunk")
    _may()
    _open_batch(args["batch_id"])
    chunk = (counts.get("chunks") or 0) + 1
    counts.insert("chunks", chunk)
    chunks.insert(chunk, {"batch": args["batch_id"], "content": args["content"]})
    if moods.get("expires") == str(chunk):
        batches.remove(args["batch_id"])
    return {"chunk_id": chunk}


@update
def commit_batch(args: CommitBatch) -> Async[void]:
    _refuse("commit")
    _may()
    _open_batch(args["batch_id"])
    silent = moods.get("silent")
    if silent != "before" and not moods.get("forgets"):
        _commit(args)
    if silent:
        # The tests see to it that this is never answered.
        yield management_canister.raw_rand()


def _restyle(given: SetAssetProperties) -> None:
    file = files.get(given["key"])
    if file is None:
        ic.trap("asset not found")
    properties = file["properties"]
    for field in ("max_age", "headers", "allow_raw_access", "is_aliased"):
        if given[field] is not None:
            properties[field] = given[field]
    if not moods.get("plain"):
        files.insert(given["key"], file)


def _commit(args: CommitBatch) -> None:
    types = {}
    properties = {}
    for operation in args["operations"]:
        if "DeleteAsset" in operation:
            files.remove(operation["DeleteAsset"]["key"])
        elif "CreateAsset" in operation:
            created = operation["CreateAsset"]
            if files.contains_key(created["key"]):
                ic.trap("asset already exists with different content type")
            types[created["key"]] = created["content_type"]
            properties[created["key"]] = {
                "max_age": created["max_age"],
                "headers": created["headers"],
                "allow_raw_access": created["allow_raw_access"],
                "is_aliased": created["enable_aliasing"],
            }
            if moods.get("plain"):
                properties[created["key"]] = NOTHING
        elif "SetAssetProperties" in operation:
            _restyle(operation["SetAssetProperties"])
        else:
            given = operation["SetAssetContent"]
            content = b""
            for chunk in given["chunk_ids"]:
                found = chunks.remove(chunk)
                if found is None or found["batch"] != args["batch_id"]:
                    ic.trap("chunk not found")
                content += found["content"]
            if given["sha256"] != hashlib.sha256(content).digest():
                ic.trap("sha256 mismatch")
            if given["content_encoding"] == "identity":
                _put(given["key"], types[given["key"]], content, properties[given["key"]])
            else:
                file = files.get(given["key"])
                file["gzip"] = content
                files.insert(given["key"], file)
    batches.remove(args["batch_id"])
