"""Ordinary HTTP requests answered by canisters."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from ic.candid import decode

from dcanary.candid import principal
from dcanary.replica.api import Reject, Reply
from dcanary.replica.certification.keys import SubnetKeys
from dcanary.replica.gateway import anonymous
from dcanary.replica.http.app import create_app
from dcanary.replica.node import Node
from tests.replica.helpers import http_canister
from tests.replica.helpers.memory_engine import MemoryCanister, MemoryEngine, canister_id
from tests.replica.helpers.running import serving

A = canister_id(0)
NAME = principal.to_text(A)


@dataclass
class Site:
    url: str
    engine: MemoryEngine
    canister: MemoryCanister
    seen: list[dict[str, Any]] = field(default_factory=list)
    answer: bytes = b""
    update_answer: bytes = b""

    def get(self, path: str = "/", **more: Any) -> httpx.Response:
        headers = {"host": f"{NAME}.localhost:{httpx.URL(self.url).port}", **more}
        return httpx.get(self.url + path, headers=headers)


@pytest.fixture
def site() -> Iterator[Site]:
    engine, canister = MemoryEngine(time.time_ns()), MemoryCanister()
    engine.canisters[A] = canister
    node = Node(engine, SubnetKeys(bytes(32)), live=True, subnet_type="application")
    try:
        with serving(create_app(node, "0")) as url:
            site = Site(url, engine, canister)

            def query(sender: bytes, arg: bytes) -> Reply | Reject:
                assert sender == b"\x04"
                site.seen.append(http_canister.decode_request(arg))
                return Reply(site.answer)

            def update(sender: bytes, arg: bytes) -> Reply | Reject:
                site.seen.append({**http_canister.decode_request(arg), "update": True})
                return Reply(site.update_answer)

            canister.queries["http_request"] = query
            canister.updates["http_request_update"] = update
            site.answer = http_canister.response(200, b"hello")
            yield site
    finally:
        node.stop()


def test_every_way_of_naming_a_canister_works(site: Site) -> None:
    port = httpx.URL(site.url).port
    attempts: list[tuple[str, dict[str, str]]] = [
        ("/", {"host": f"{NAME}.localhost:{port}"}),
        ("/", {"host": f"{NAME}.raw.localhost"}),
        (f"/?canisterId={NAME}", {}),
        ("/style.css", {"referer": f"{site.url}/?canisterId={NAME}"}),
        ("/style.css", {"referer": f"http://{NAME}.localhost:{port}/page"}),
    ]
    for path, headers in attempts:
        response = httpx.get(site.url + path, headers=headers)
        assert (response.status_code, response.content) == (200, b"hello"), (path, headers)


def test_a_request_that_names_no_canister_is_told_how(site: Site) -> None:
    response = httpx.get(site.url + "/")
    assert response.status_code == 400
    assert "canisterId" in response.text
    for headers in ({"host": "nothing.localhost"}, {"referer": "http://[bad"}):
        assert httpx.get(site.url + "/", headers=headers).status_code == 400
    assert httpx.get(site.url + "/?canisterId=zzz").status_code == 400


def test_method_url_headers_and_body_arrive_exactly(site: Site) -> None:
    body = bytes(range(256)) * 3
    site.answer = http_canister.response(202, b"ok")
    response = httpx.post(
        f"{site.url}/webhook/github/a%2Fb/?canisterId={NAME}&x=%20y",
        content=body,
        headers={"X-Hub-Signature-256": "sha256=ab", "X-GitHub-Event": "push"},
    )
    assert response.status_code == 202
    seen = site.seen[0]
    assert seen["method"] == "POST"
    assert seen["url"] == f"/webhook/github/a%2Fb/?canisterId={NAME}&x=%20y"
    assert bytes(seen["body"]) == body
    headers = dict(seen["headers"])
    assert headers["x-hub-signature-256"] == "sha256=ab"
    assert headers["x-github-event"] == "push"


def test_a_body_sent_in_chunks_or_compressed_is_passed_as_it_is(site: Site) -> None:
    def parts() -> Iterator[bytes]:
        yield b"\x1f\x8b not really gzip "
        yield b"second"

    httpx.post(
        f"{site.url}/?canisterId={NAME}", content=parts(), headers={"content-encoding": "gzip"}
    )
    assert bytes(site.seen[0]["body"]) == b"\x1f\x8b not really gzip second"


@pytest.mark.parametrize("status", [200, 201, 204, 301, 304, 400, 401, 404, 413, 418, 500, 503])
def test_status_and_headers_of_the_canister_reach_the_client(site: Site, status: int) -> None:
    headers = [("X-One", "1"), ("x-two", "2"), ("X-Two", "3"), ("Connection", "close")]
    site.answer = http_canister.response(status, b"" if status in (204, 304) else b"x", headers)
    response = site.get()
    assert response.status_code == status
    assert response.headers["x-one"] == "1"
    assert response.headers.get_list("x-two") == ["2", "3"]
    assert "connection" not in response.headers


def test_head_has_the_headers_of_get_and_no_body(site: Site) -> None:
    response = httpx.head(f"{site.url}/?canisterId={NAME}")
    assert response.status_code == 200
    assert response.headers["content-length"] == "5"
    assert response.content == b""


def test_an_upgraded_request_is_answered_by_the_update(site: Site) -> None:
    site.answer = http_canister.response(200, b"not this", upgrade=True)
    site.update_answer = http_canister.response(401, b"bad signature", [("x-run", "7")])
    body = b'{"a": "\xc3\xa9"}'
    response = httpx.post(f"{site.url}/hook?canisterId={NAME}", content=body)
    assert (response.status_code, response.content) == (401, b"bad signature")
    assert response.headers["x-run"] == "7"
    assert [bytes(seen["body"]) for seen in site.seen] == [body, body]
    assert "update" in site.seen[1]


def test_a_streamed_body_is_complete(site: Site) -> None:
    def token(index: int) -> dict[str, Any]:
        return {"key": "file", "index": index, "tags": [[index]]}

    def more(sender: bytes, arg: bytes) -> Reply | Reject:
        index = decode(arg, http_canister.TOKEN)[0]["value"]["index"]
        following = token(index + 1) if index < 3 else None
        return Reply(http_canister.streamed(f"-{index}".encode(), following))

    site.canister.queries["more"] = more
    callback = {"callback": [NAME, "more"], "token": token(1)}
    site.answer = http_canister.response(200, b"0", streaming={"Callback": callback})
    assert site.get().content == b"0-1-2-3"


def test_a_body_above_the_limit_is_refused_before_the_canister_sees_it(site: Site) -> None:
    response = httpx.post(f"{site.url}/?canisterId={NAME}", content=bytes(2 * 1024 * 1024))
    assert response.status_code == 413
    assert site.seen == []


def test_failures_say_what_happened(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    assert httpx.get(f"{site.url}/?canisterId=aaaaa-aa").status_code == 404
    unborn = principal.to_text(canister_id(5))
    response = httpx.get(f"{site.url}/?canisterId={unborn}")
    assert (response.status_code, "does not exist" in response.text) == (404, True)

    site.answer = b"DIDL\x00\x00"
    assert "answered no HTTP response" in site.get().text
    assert site.get().status_code == 502
    site.answer = http_canister.response(99)
    assert site.get().status_code == 502
    site.answer = http_canister.response(200, headers=[("a", "b\r\nset-cookie: x")])
    assert site.get().status_code == 502

    site.answer = http_canister.response(200, upgrade=True)
    site.canister.updates["http_request_update"] = lambda s, a: Reject(5, "boom", "IC0503")
    response = site.get()
    assert (response.status_code, "boom" in response.text) == (502, True)

    site.canister.queries["http_request"] = lambda s, a: Reject(5, "is stopped", "IC0508")
    assert site.get().status_code == 503
    del site.canister.queries["http_request"]
    response = site.get()
    assert (response.status_code, "does not serve HTTP" in response.text) == (404, True)


def test_a_canister_that_does_not_answer_in_time_is_a_gateway_timeout(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(anonymous, "UPDATE_SECONDS", 0.2)
    site.answer = http_canister.response(200, upgrade=True)
    monkeypatch.setattr(site.engine, "has_work", lambda time_ns: False)
    assert site.get().status_code == 504
