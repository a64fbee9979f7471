"""Agreed files over HTTP: what is served, with which headers, and that each answer is certified."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

import cbor2
import pytest

from canisters.build_executor.serving import responses, urls
from canisters.build_executor.serving.urls import Place
from dcanary.client.certificate import root_hash
from dcanary.client.certified_response import Exchange, check_path, hashes_of, lookup
from shared.rules.limits import MAX_CHUNK_BYTES
from tests.canisters.build_executor.helpers.installed import OK, A, B, Installed
from tests.canisters.build_executor.helpers.specs import file, spec

MODULE = b"\0asm\1\0\0\0 and more"
LARGE = bytes(range(256)) * 9_000  # 2,304,000 bytes: three chunks
PAGE = b"<script>alert(1)</script>"
FILES = {
    "out.wasm": MODULE,
    "site/index.html": PAGE,
    "site/a b/\u00fc.txt": b"text",
    "big.bin": LARGE,
    "empty": b"",
    "odd/<*>": b"odd",
}


@pytest.fixture
def served() -> Installed:
    """A canister with a run whose files are agreed and stored."""
    installed = Installed()
    installed.enqueue(spec())
    jobs = installed.all_commit()
    files = [file(path, content) for path, content in FILES.items()]
    assert installed.decide("Agreed", files, jobs) == OK
    store(installed)
    return installed


def store(installed: Installed) -> None:
    assert installed.lease(A, "run-1/build/0") is not None
    for path, content in FILES.items():
        for index in range(0, len(content), MAX_CHUNK_BYTES):
            piece = content[index : index + MAX_CHUNK_BYTES]
            assert installed.upload(A, path, piece, index // MAX_CHUNK_BYTES) == OK
        assert installed.finish(A, path) == OK


def ask(installed: Installed, url: str, method: str = "GET", **headers: str) -> dict[str, Any]:
    """The response, whose certificate has been checked as far as there is no network."""
    installed.canister.certificate = b"the network's word"
    given = [(name.replace("_", "-"), value) for name, value in headers.items()]
    answer: dict[str, Any] = installed.canister.http_query(
        {"method": method, "url": url, "headers": given}
    )
    body = answer["body"]
    strategy = answer["streaming_strategy"]
    while strategy is not None:
        source = strategy["Callback"]
        piece = installed.canister.query(source["callback"][1], source["token"])
        body += piece["body"]
        token = piece["token"]
        strategy = token and {"Callback": {"callback": source["callback"], "token": token}}
    answer["body"] = body
    check(installed, answer, url, method)
    return answer


def check(installed: Installed, answer: dict[str, Any], url: str, method: str) -> None:
    """What `client.certified_response` does, but for the network's signature."""
    fields = dict(re.findall(r"(\w+)=:([^:]*):", header(answer, "ic-certificate")))
    assert base64.b64decode(fields["certificate"]) == b"the network's word"
    tree = cbor2.loads(base64.b64decode(fields["tree"]))
    assert root_hash(tree) == installed.canister.certified_data
    path = [part.encode() for part in cbor2.loads(base64.b64decode(fields["expr_path"]))]
    check_path(path, url, tree)
    body = hashlib.sha256(answer["body"]).digest()
    exchange = Exchange(method, url, answer["status_code"], answer["headers"], body)
    expression = header(answer, "ic-certificateexpression")
    hashed = hashes_of(exchange, expression)
    assert lookup(tree, [*path, hashlib.sha256(expression.encode()).digest(), *hashed]) == b""


def header(answer: dict[str, Any], name: str) -> str:
    (found,) = [value for key, value in answer["headers"] if key == name]
    return str(found)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("/artifacts/run-1/build/out.wasm", "out.wasm"),
        ("/artifacts/run-1/build/out.wasm?canisterId=x#y", "out.wasm"),
        ("/artifacts/run-1/build/site/index.html", "site/index.html"),
        ("/artifacts/run-1/build/site/a%20b/%C3%BC.txt", "site/a b/\u00fc.txt"),
        ("/artifacts/run-1/build/big.bin", "big.bin"),
        ("//artifacts/run-1//build/empty", "empty"),
    ],
)
def test_a_file_is_served_whole_and_certified(served: Installed, url: str, path: str) -> None:
    answer = ask(served, url)
    assert answer["status_code"] == 200
    assert answer["body"] == FILES[path]
    assert header(answer, "etag") == f'"{hashlib.sha256(FILES[path]).hexdigest()}"'
    assert header(answer, "x-content-type-options") == "nosniff"
    assert header(answer, "content-security-policy") == "default-src 'none'; sandbox"
    assert header(answer, "content-disposition").startswith("attachment; ")


def test_a_file_of_several_chunks_comes_in_pieces(served: Installed) -> None:
    answer = served.canister.http_query({"url": "/artifacts/run-1/build/big.bin"})
    assert answer["body"] == LARGE[:MAX_CHUNK_BYTES]
    callback, method = answer["streaming_strategy"]["Callback"]["callback"]
    assert (callback, method) == (served.canister.id, "stream_file")
    token = answer["streaming_strategy"]["Callback"]["token"]
    assert served.canister.query("stream_file", {**token, "index": 3}) == {
        "body": b"",
        "token": None,
    }
    assert served.canister.query("stream_file", {**token, "path": "other"}) is None


def test_who_has_the_file_gets_no_bytes(served: Installed) -> None:
    url = "/artifacts/run-1/build/out.wasm"
    tag = header(ask(served, url), "etag")
    for value in (tag, f'"other", W/{tag}', "*"):
        answer = ask(served, url, If_None_Match=value)
        assert (answer["status_code"], answer["body"]) == (304, b"")
    assert ask(served, url, If_None_Match='"other"')["status_code"] == 200
    assert ask(served, url, "HEAD", If_None_Match=tag)["status_code"] == 304


def test_head_has_the_headers_alone(served: Installed) -> None:
    answer = ask(served, "/artifacts/run-1/build/big.bin", "HEAD")
    assert (answer["status_code"], answer["body"]) == (200, b"")
    assert header(answer, "content-length") == str(len(LARGE))


def test_the_answer_to_head_cannot_pass_for_that_of_get(served: Installed) -> None:
    url = "/artifacts/run-1/build/out.wasm"
    answer = ask(served, url, "HEAD")
    with pytest.raises(AssertionError):
        check(served, answer, url, "GET")


@pytest.mark.parametrize(
    "url",
    [
        "/",
        "/artifacts",
        "/artifacts/",
        "/artifacts/run-1",
        "/artifacts/run-1/build",
        "/artifacts/run-1/build/",
        "/artifacts/run-1/build/out.wasm/",
        "/artifacts/run-1/build/out.wasm/more",
        "/artifacts/run-1/build/site",
        "/artifacts/run-1/build/site/other/file",
        "/artifacts/run-1/build/%2E%2E/secret",
        "/artifacts/run-1/build/odd/%3C*%3E",
        "/artifacts/run-1/other/out.wasm",
        "/artifacts/run-2/build/out.wasm",
        "/artifacts/a/b/c",
        "/artifacts/zzz/b/c",
        "/elsewhere/run-1/build/out.wasm",
    ],
)
def test_what_is_not_there_is_provably_not_there(served: Installed, url: str) -> None:
    answer = ask(served, url)
    assert answer["status_code"] == 404
    assert b"dcanary artifact list" in answer["body"]
    assert ask(served, url, "HEAD")["status_code"] == 404


@pytest.mark.parametrize("url", ["/a%zz", "/a%ff", "/artifacts/run-1%00/build/out.wasm", "", "x"])
def test_what_is_no_url_is_not_found(served: Installed, url: str) -> None:
    assert served.canister.http_query({"url": url})["status_code"] == 404


def test_files_are_only_read(served: Installed) -> None:
    for url in ("/artifacts/run-1/build/out.wasm", "/artifacts/run-9/build/out.wasm", "/"):
        answer = ask(served, url, "POST")
        assert answer["status_code"] == 405
        assert header(answer, "allow") == "GET, HEAD"


def test_before_the_first_run_everything_is_provably_absent() -> None:
    assert ask(Installed(), "/artifacts/run-1/build/out.wasm")["status_code"] == 404


def test_files_are_served_when_all_of_the_stage_are_stored_and_not_before() -> None:
    installed = Installed()
    installed.enqueue(spec())
    jobs = installed.all_commit()
    files = [file("out.wasm", MODULE), file("late", b"late")]
    assert installed.decide("Agreed", files, jobs) == OK
    url = "/artifacts/run-1/build/out.wasm"
    assert installed.lease(B, "run-1/build/1") is not None
    assert installed.upload(B, "out.wasm", MODULE) == OK
    assert installed.finish(B, "out.wasm") == OK
    assert ask(installed, url)["status_code"] == 404
    token = {"run": "run-1", "stage": "build", "path": "out.wasm", "index": 0}
    assert installed.canister.query("stream_file", token) is None
    assert installed.upload(B, "late", b"late") == OK
    assert installed.finish(B, "late") == OK
    assert ask(installed, url)["body"] == MODULE


@pytest.mark.parametrize("kind", ["Disagreed", "Failed", "Inconclusive"])
def test_what_was_not_agreed_on_is_never_served(kind: str) -> None:
    installed = Installed()
    installed.enqueue(spec())
    jobs = installed.all_commit()
    assert installed.decide(kind, [file("out.wasm", MODULE)], jobs) == OK
    assert ask(installed, "/artifacts/run-1/build/out.wasm")["status_code"] == 404


def test_what_is_certified_outlives_an_upgrade(served: Installed) -> None:
    before = served.canister.certified_data
    served.canister.upgrade()
    assert served.canister.certified_data == before
    assert ask(served, "/artifacts/run-1/build/out.wasm")["body"] == MODULE


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("a.wasm", "application/wasm"),
        ("a.wasm.gz", "application/gzip"),
        ("dist/INDEX.HTML", "text/html; charset=utf-8"),
        ("a.did", "text/plain; charset=utf-8"),
        ("a.exe", "application/octet-stream"),
        ("html", "text/html; charset=utf-8"),
        ("html/x", "application/octet-stream"),
    ],
)
def test_the_content_type_is_that_of_the_ending(path: str, kind: str) -> None:
    assert responses.content_type(path) == kind


def test_no_name_gets_out_of_its_header() -> None:
    headers = dict(responses.file_headers('a"; x=\r\n\u00fc.txt', "0" * 64))
    assert headers["content-disposition"] == (
        "attachment; filename=\"a___x____.txt\"; filename*=UTF-8''a%22%3B%20x%3D%0D%0A%C3%BC.txt"
    )


def test_a_url_is_read_as_verifiers_read_it() -> None:
    assert urls.parts_of("/a//b%2fc/?x=/y#z") == ["a", "b", "c", ""]
    assert urls.parts_of("/" + "a" * 2_000) is None
    assert urls.place_of(["artifacts", "r", "s", "a", "b"]) == Place("r", "s", "a/b")
    assert urls.place_of(["artifacts", "r", "s"]) is None
