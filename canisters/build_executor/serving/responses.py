"""The HTTP responses that are certified, and their hashes. Plain Python.

Source: HTTP gateway protocol specification, "Response verification", version 2. A file's response
is certified by its sha256 alone: its bytes are not read.
"""

from typing import TYPE_CHECKING

from canisters.build_executor.serving import hashtree
from canisters.build_executor.serving.hashtree import Tree, sha256

if TYPE_CHECKING:
    from canisters.build_executor.records import FileRow

EXACT, WILDCARD = b"<$>", b"<*>"
TEXT = "text/plain; charset=utf-8"
NOT_FOUND = (
    b"There is no such file. The agreed files of runs are at /artifacts/<run>/<stage>/<path>; "
    b"`dcanary artifact list <run>` names them.\n"
)
NOT_ALLOWED = b"Files are read with GET or HEAD.\n"
CERTIFIED_HEADERS = (
    "cache-control",
    "content-disposition",
    "content-security-policy",
    "content-type",
    "etag",
    "x-content-type-options",
)
_HEADER_LIST = ",".join(f'"{name}"' for name in CERTIFIED_HEADERS)
_RESPONSE = (
    "response_certification:ResponseCertification{certified_response_headers:"
    f"ResponseHeaderList{{headers:[{_HEADER_LIST}]}}}}"
)
ANY_REQUEST = (
    "default_certification(ValidationArgs{certification:Certification{"
    f"no_request_certification:Empty{{}},{_RESPONSE}}}}})"
)
# The answer to HEAD has no body: were it certified for any request, it could pass for that of GET.
ONE_METHOD = (
    "default_certification(ValidationArgs{certification:Certification{"
    "request_certification:RequestCertification{certified_request_headers:[],"
    f"certified_query_parameters:[]}},{_RESPONSE}}}}})"
)
# A file that somebody built must not run as a page of this canister's origin.
POLICY = "default-src 'none'; sandbox"
_TYPES = {
    "css": "text/css; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "did": TEXT,
    "gif": "image/gif",
    "gz": "application/gzip",
    "htm": "text/html; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "ico": "image/vnd.microsoft.icon",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "log": TEXT,
    "map": "application/json",
    "md": "text/markdown; charset=utf-8",
    "mjs": "text/javascript; charset=utf-8",
    "most": TEXT,
    "pdf": "application/pdf",
    "png": "image/png",
    "svg": "image/svg+xml",
    "tar": "application/x-tar",
    "tgz": "application/gzip",
    "toml": TEXT,
    "ts": TEXT,
    "txt": TEXT,
    "wasm": "application/wasm",
    "wat": TEXT,
    "webp": "image/webp",
    "woff": "font/woff",
    "woff2": "font/woff2",
    "xml": "application/xml",
    "yaml": "application/yaml",
    "yml": "application/yaml",
    "zip": "application/zip",
}
_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")

Headers = list[tuple[str, str]]


def content_type(path: str) -> str:
    """By the ending of the name; bytes whose kind is not known are a download."""
    name = path.rpartition("/")[2].lower()
    return _TYPES.get(name.rpartition(".")[2], "application/octet-stream")


def etag(digest: str) -> str:
    """The entity tag of a file: its sha256."""
    return f'"{digest}"'


def _disposition(path: str) -> str:
    """Always a download. The exact name is percent-encoded UTF-8 (RFC 6266, RFC 8187)."""
    name = path.rpartition("/")[2]
    plain = "".join(letter if letter in _NAME else "_" for letter in name)
    exact = "".join(
        letter if letter in _NAME else "".join(f"%{byte:02X}" for byte in letter.encode())
        for letter in name
    )
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{exact}"


def _plain_headers() -> Headers:
    return [
        ("content-type", TEXT),
        ("cache-control", "no-store"),
        ("content-security-policy", POLICY),
        ("x-content-type-options", "nosniff"),
    ]


def file_headers(path: str, digest: str) -> Headers:
    """Those of a file, which never changes: a run's agreed files are final."""
    return [
        ("content-type", content_type(path)),
        ("content-disposition", _disposition(path)),
        ("cache-control", "public, max-age=31536000, immutable"),
        ("content-security-policy", POLICY),
        ("etag", etag(digest)),
        ("x-content-type-options", "nosniff"),
    ]


def refusal_headers(status: int) -> Headers:
    """Those of the fixed answers 404 and 405; `allow` is not certified."""
    return [*_plain_headers(), ("allow", "GET, HEAD")] if status == 405 else _plain_headers()


def _leb128(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def _map_hash(fields: "list[tuple[str, bytes]]") -> bytes:
    """The representation-independent hash of a map."""
    return sha256(b"".join(sorted(sha256(key.encode()) + sha256(value) for key, value in fields)))


def response_hash(status: int, headers: Headers, body_sha256: bytes, expression: str) -> bytes:
    """What certifies a response under `expression`, one of those of this module."""
    fields = [(name, value.encode()) for name, value in headers if name in CERTIFIED_HEADERS]
    fields.append(("ic-certificateexpression", expression.encode()))
    fields.append((":ic-cert-status", _leb128(status)))
    return sha256(_map_hash(fields) + body_sha256)


def request_hash(method: str) -> bytes:
    """That of a request without a query and without a body, under ONE_METHOD."""
    return sha256(_map_hash([(":ic-cert-method", method.encode())]) + sha256(b""))


EMPTY_SHA256 = sha256(b"")
HEAD_HASH = request_hash("HEAD")
_EXPRESSION_HASHES = {each: sha256(each.encode()) for each in (ANY_REQUEST, ONE_METHOD)}


def expression_of(method: str) -> str:
    """The expression under which a response to a method is certified."""
    return ONE_METHOD if method == "HEAD" else ANY_REQUEST


def _certified(method: str, status: int, headers: Headers, body_sha256: bytes) -> "list[bytes]":
    """Where a response stands in the tree, below the path that it is about."""
    expression = expression_of(method)
    request = HEAD_HASH if method == "HEAD" else b""
    body = EMPTY_SHA256 if method == "HEAD" else body_sha256
    hashed = response_hash(status, headers, body, expression)
    return [_EXPRESSION_HASHES[expression], request, hashed]


NOT_FOUND_GET = _certified("GET", 404, refusal_headers(404), sha256(NOT_FOUND))
NOT_FOUND_HEAD = _certified("HEAD", 404, refusal_headers(404), EMPTY_SHA256)
NOT_ALLOWED_ANY = _certified("POST", 405, refusal_headers(405), sha256(NOT_ALLOWED))


def refusal_response(method: str) -> "list[bytes]":
    """The answer to a request for what is not certified."""
    if method == "HEAD":
        return NOT_FOUND_HEAD
    return NOT_FOUND_GET if method == "GET" else NOT_ALLOWED_ANY


def file_response(row: "FileRow", method: str, status: int) -> "list[bytes]":
    """One of the answers that a file has."""
    if status == 405:
        return NOT_ALLOWED_ANY
    headers = file_headers(row["path"], row["sha256"])
    body = bytes.fromhex(row["sha256"]) if status == 200 else EMPTY_SHA256
    return _certified(method, status, headers, body)


def is_served(path: str) -> bool:
    """Whether a file can have an address: the words of the protocol are no names."""
    return not {"<$>", "<*>"} & set(path.split("/"))


def stage_tree(files: "list[FileRow]") -> Tree:
    """The certified answers of a stage's files, by their paths."""
    tree: Tree = {}
    for row in files:
        if is_served(row["path"]):
            place = [part.encode() for part in row["path"].split("/")]
            for method in ("GET", "HEAD"):
                for status in (200, 304):
                    answer = file_response(row, method, status)
                    hashtree.grow(tree, [*place, EXACT, *answer])
            hashtree.grow(tree, [*place, EXACT, *NOT_ALLOWED_ANY])
    return tree


def refusal_tree() -> Tree:
    """The certified answers to requests for what is not certified."""
    tree: Tree = {}
    for answer in (NOT_FOUND_GET, NOT_FOUND_HEAD, NOT_ALLOWED_ANY):
        hashtree.grow(tree, answer)
    return tree
