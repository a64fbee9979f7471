"""HTTP outcalls: which are refused, and how answers come back."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from ic.candid import Types, decode

from dcanary.replica.api import HttpOutcall, Reject, Reply
from dcanary.replica.certification.keys import SubnetKeys
from dcanary.replica.network.outcalls import MAX_RESPONSE, Outcalls, check
from dcanary.replica.node import Node
from tests.replica.helpers.memory_engine import MemoryEngine
from tests.replica.helpers.proxies import PROXIES, set_proxies

RESULT = Types.Record(
    {
        "status": Types.Nat,
        "headers": Types.Vec(Types.Record({"name": Types.Text, "value": Types.Text})),
        "body": Types.Vec(Types.Nat8),
    }
)


class _Site(http.server.BaseHTTPRequestHandler):
    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("X-Method", self.command)
        self.send_header("X-Seen", self.headers.get("x-ask", ""))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self) -> None:
        if self.path == "/redirect":
            self.send_response(302)
            self.send_header("Location", "/")
            self.end_headers()
            return
        self._answer(200, b"x" * 5000)

    do_HEAD = do_GET

    def do_POST(self) -> None:
        self._answer(201, self.rfile.read(int(self.headers["content-length"])))

    def log_message(self, format: str, *args: Any) -> None:
        return


@pytest.fixture
def site() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Site)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def outcall(url: str, method: str = "GET", **more: Any) -> HttpOutcall:
    fields = {"headers": [("x-ask", "yes")], "body": b"", "max_response_bytes": None, **more}
    return HttpOutcall(1, method, url, **fields)


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (outcall("http://example.org/"), "https"),
        (outcall("ftp://example.org/"), "https"),
        (outcall("https:///path"), "https"),
        (outcall("https://[bad/"), "malformed"),
        (outcall("https://localhost/"), "not allowed"),
        (outcall("https://127.0.0.1/"), "not allowed"),
        (outcall("https://[::1]/"), "not allowed"),
        (outcall("http://127.0.0.1/"), "https"),
        (outcall("https://a/" + "x" * 9000), "longer"),
        (outcall("https://a/", "PUT"), "not supported yet"),
        (outcall("https://a/", headers=[("a", "b")] * 65), "headers"),
        (outcall("https://a/", headers=[("a", "b" * 9000)]), "headers"),
        (outcall("https://a/", max_response_bytes=MAX_RESPONSE + 1), "max_response_bytes"),
    ],
)
def test_outcalls_against_the_rules_are_refused(call: HttpOutcall, why: str) -> None:
    refusal = check(call, allow_http_loopback=False)
    assert refusal is not None
    assert why in refusal.message


def test_outcalls_within_the_rules_are_allowed() -> None:
    assert check(outcall("https://example.org/x?y"), allow_http_loopback=False) is None
    assert check(outcall("http://localhost:1/"), allow_http_loopback=True) is None
    assert check(outcall("http://example.org/"), allow_http_loopback=True) is not None


def answer_to(call: HttpOutcall) -> Reply | Reject:
    engine = MemoryEngine(time.time_ns())
    engine.outcalls[call.request_id] = call
    node = Node(engine, SubnetKeys(bytes(32)), live=True, subnet_type="application")
    outcalls = Outcalls(node, allow_http_loopback=True)
    try:
        outcalls.take([call])
        outcalls.take([call])
        for _ in range(500):
            if call.request_id in engine.answers:
                return engine.answers[call.request_id]
            time.sleep(0.01)
        raise AssertionError("no answer")
    finally:
        outcalls.close()
        node.stop()


def reply_to(call: HttpOutcall) -> dict[str, Any]:
    answer = answer_to(call)
    assert isinstance(answer, Reply), answer
    value: dict[str, Any] = decode(answer.data, RESULT)[0]["value"]
    value["headers"] = {item["name"].lower(): item["value"] for item in value["headers"]}
    return value


def test_get_post_and_head_are_performed(site: str) -> None:
    got = reply_to(outcall(site + "/"))
    assert (got["status"], bytes(got["body"])) == (200, b"x" * 5000)
    assert (got["headers"]["x-method"], got["headers"]["x-seen"]) == ("GET", "yes")
    posted = reply_to(outcall(site + "/", "POST", body=b"data\x00"))
    assert (posted["status"], bytes(posted["body"])) == (201, b"data\x00")
    head = reply_to(outcall(site + "/", "HEAD"))
    assert (head["headers"]["x-method"], head["body"]) == ("HEAD", [])


def test_a_redirect_is_not_followed(site: str) -> None:
    reply = reply_to(outcall(site + "/redirect"))
    assert (reply["status"], reply["headers"]["location"]) == (302, "/")


def test_an_answer_above_the_limit_is_a_rejection(site: str) -> None:
    answer = answer_to(outcall(site + "/", max_response_bytes=1000))
    assert isinstance(answer, Reject)
    assert "exceeds size limit of 1000 bytes" in answer.message


def test_a_site_that_cannot_be_reached_is_a_transient_rejection() -> None:
    answer = answer_to(outcall("http://127.0.0.1:9/"))
    assert isinstance(answer, Reject)
    assert answer.code == 2


@pytest.mark.parametrize("settings", PROXIES.values(), ids=PROXIES)
def test_this_machine_is_reached_without_the_proxy(
    site: str, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]
) -> None:
    set_proxies(monkeypatch, settings)
    assert reply_to(outcall(site + "/"))["status"] == 200


def test_a_proxy_that_cannot_be_used_rejects_the_outcall_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_proxies(monkeypatch, PROXIES["socks"])
    answer = answer_to(outcall("https://example.invalid/"))
    assert isinstance(answer, Reject)
    assert answer.code == 2
    assert "all_proxy" in answer.message.lower()
