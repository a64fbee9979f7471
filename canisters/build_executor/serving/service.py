"""Serving agreed files over HTTP, with proofs that this canister, and not one node, answers.

Every response is certified: the files, 404 for what is absent (provably), 405. A stage's files are
certified when it succeeds: bytes that were not agreed on, or not stored, are never served.
"""

from binascii import b2a_base64

from canisters.build_executor.artifacts import places
from canisters.build_executor.book import Book
from canisters.build_executor.keys import stage_key
from canisters.build_executor.records import FileRow, StageRecord
from canisters.build_executor.serving import hashtree, responses, urls
from canisters.build_executor.serving.hashtree import Node
from canisters.build_executor.serving.urls import Place
from shared.types.http import HttpRequest
from shared.types.streaming import FileResponse, StreamPiece, StreamToken

TOP = b"http_expr"
FOLDER = urls.FOLDER.encode()


def _root(runs: "Node | None", refusals: "list[list[bytes]]") -> Node:
    """The whole tree: `http_expr`, with the refusals and the runs."""
    below = hashtree.witness(responses.refusal_tree(), refusals)
    shown: Node = (2, responses.WILDCARD, below)
    if runs is not None:
        shown = (1, shown, (2, FOLDER, runs))
    return (2, TOP, shown)


def certified_data(book: Book) -> bytes:
    """What the network certifies of this canister: the digest of the whole tree."""
    root = book.shelf.root()
    return hashtree.node_digest(_root(None if root is None else (4, root), []))


def certify(book: Book, stage: StageRecord) -> None:
    """Let the files of a stage that has succeeded be served, certified."""
    if stage["files"]:
        digest = hashtree.digest(responses.stage_tree(stage["files"]))
        book.shelf.put(stage["run"], stage["name"], digest)
        book.publish(certified_data(book))


def _row(stage: StageRecord, path: str) -> "FileRow | None":
    for row in stage["files"]:
        if row["path"] == path and responses.is_served(path):
            return row
    return None


def _certified_stage(book: Book, place: Place) -> "StageRecord | None":
    """The stage of a place, when its files may be served."""
    names = [each["name"] for each in book.shelf.stages_of(place.run)]
    return book.stage(stage_key(place.run, place.stage)) if place.stage in names else None


def answer(book: Book, request: HttpRequest, canister: object, certificate: bytes) -> FileResponse:
    """The response to a request. `certificate` proves `certified_data` of this canister."""
    method = request["method"]
    parts = urls.parts_of(request["url"])
    place = None if parts is None else urls.place_of(parts)
    stage = None if place is None else _certified_stage(book, place)
    row = None if stage is None or place is None else _row(stage, place.path)
    if method not in ("GET", "HEAD"):
        status, body = 405, responses.NOT_ALLOWED
    elif row is None:
        status, body = 404, responses.NOT_FOUND
    else:
        status, body = (304, b"") if _is_known(request, row) else (200, b"")
    headers = responses.refusal_headers(status)
    if row is not None and status < 400:
        headers = responses.file_headers(row["path"], row["sha256"])
    headers.append(("ic-certificateexpression", responses.expression_of(method)))
    response: FileResponse = {
        "status_code": status,
        "headers": headers,
        "body": b"" if method == "HEAD" else body,
        "streaming_strategy": None,
    }
    if row is None or stage is None or place is None:
        words = ["http_expr", "<*>"]
        _prove(response, _absence(book, parts or [], method), words, certificate)
        return response
    if method == "HEAD":
        response["headers"].append(("content-length", str(row["size"])))
    elif status == 200:
        _fill(book, response, place, row, canister)
    words = ["http_expr", urls.FOLDER, place.run, place.stage, *place.path.split("/"), "<$>"]
    shown = _presence(book, place, stage, responses.file_response(row, method, status))
    _prove(response, shown, words, certificate)
    return response


def _is_known(request: HttpRequest, row: FileRow) -> bool:
    """Whether the client has the file already (If-None-Match, compared weakly)."""
    for name, value in request["headers"]:
        if name.lower() == "if-none-match":
            tags = [tag.strip() for tag in value.split(",")]
            tags = [tag[2:] if tag.startswith("W/") else tag for tag in tags]
            return "*" in tags or responses.etag(row["sha256"]) in tags
    return False


def _fill(book: Book, response: FileResponse, place: Place, row: FileRow, canister: object) -> None:
    """Put the first chunk in, and say where the others come from."""
    token: StreamToken = {"run": place.run, "stage": place.stage, "path": place.path, "index": 0}
    piece = stream(book, token)
    if piece is None:
        return
    response["body"] = piece["body"]
    if piece["token"] is not None:
        response["streaming_strategy"] = {
            "Callback": {"callback": (canister, "stream_file"), "token": piece["token"]}
        }


def stream(book: Book, token: StreamToken) -> "StreamPiece | None":
    """A chunk of a file that is served, with the token of the next one."""
    place = Place(token["run"], token["stage"], token["path"])
    stage = _certified_stage(book, place)
    row = None if stage is None else _row(stage, place.path)
    stored = None if row is None else book.contents.get(row["sha256"])
    if row is None or stored is None:
        return None
    index = token["index"]
    count = places.chunk_count(row["size"])
    if index >= count:
        return {"body": b"", "token": None}
    chunk = book.chunks.get(places.chunk_key(stored["location"], index))
    following: StreamToken = {
        "run": place.run,
        "stage": place.stage,
        "path": place.path,
        "index": index + 1,
    }
    return {"body": chunk or b"", "token": following if index + 1 < count else None}


def _presence(book: Book, place: Place, stage: StageRecord, response: "list[bytes]") -> Node:
    """The proof of a response of a file."""
    path = [part.encode() for part in place.path.split("/")]
    tree = responses.stage_tree(stage["files"])
    shown = hashtree.witness(tree, [[*path, responses.EXACT, *response]])
    name = place.stage.encode()
    return _root(book.shelf.witness([place.run.encode()], [name], {name: shown}), [])


def _absence(book: Book, parts: "list[str]", method: str) -> Node:
    """The proof that nothing more exact than the refusal is certified for a request."""
    refused = [responses.refusal_response(method)]
    root = book.shelf.root()
    if root is None:
        return _root(None, refused)
    labels = [part.encode() for part in parts]
    if labels[:1] != [FOLDER]:
        return _root((4, root), refused)
    # What must be absent: the path itself, and a pattern for each of its beginnings.
    more = [responses.WILDCARD, responses.EXACT]
    shown: dict[bytes, Node] = {}
    stage = _certified_stage(book, Place(parts[1], parts[2], "")) if len(parts) > 2 else None
    if stage is not None:
        path = labels[3:]
        wanted = [[*path[:end], responses.WILDCARD] for end in range(len(path) + 1)]
        tree = responses.stage_tree(stage["files"])
        shown[labels[2]] = hashtree.witness(tree, [*wanted, [*path, responses.EXACT]])
    return _root(book.shelf.witness([*labels[1:2], *more], [*labels[2:3], *more], shown), refused)


def _prove(response: FileResponse, tree: Node, words: "list[str]", certificate: bytes) -> None:
    """Add the headers by which anyone can verify the response."""
    proof = hashtree.SELF_DESCRIBED + hashtree.encode(tree)
    path = hashtree.SELF_DESCRIBED + hashtree.encode_texts(words)
    fields = [("certificate", certificate), ("tree", proof), ("expr_path", path)]
    shown = [f"{name}=:{_base64(content)}:" for name, content in fields]
    response["headers"].append(("ic-certificate", ", ".join([*shown, "version=2"])))


def _base64(content: bytes) -> str:
    return b2a_base64(content, newline=False).decode()
