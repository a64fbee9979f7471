"""What a commit shows is read whole, from the forge alone, and no post outlasts the lease."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from dcanary.reporter.forges import bitbucket
from dcanary.reporter.places import Tokens, place_of
from dcanary.reporter.posting import MAX_PAGES, Poster
from dcanary.reporter.statuses import Status
from tests.reporter.conftest import World

SHA = "a" * 40
STATUS = Status(SHA, "refs/heads/main", "dcanary/main", "success", "run-1 has succeeded", "")
PLACE = place_of("Bitbucket", "https://bitbucket.org/w/r.git")
LIST = bitbucket.list_url(PLACE, SHA)


class Forge:
    """Answers requests by a function, and keeps them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
        self.requests: list[httpx.Request] = []

        def handle(request: httpx.Request) -> httpx.Response:
            self.requests.append(request)
            made: httpx.Response = answer(request)
            return made

        transport = httpx.MockTransport(handle)
        monkeypatch.setattr(
            "dcanary.reporter.posting.client",
            lambda url, timeout, **headers: httpx.Client(transport=transport),
        )
        tokens = Tokens()
        tokens.add("bitbucket.org", "a-token")
        self.poster = Poster(tokens, lambda: 0.0)

    def post(self, until: float = 60.0) -> str:
        return self.poster.post(PLACE, STATUS, until).kind

    def urls(self, method: str) -> list[str]:
        return [str(each.url) for each in self.requests if each.method == method]


def page(*items: Any, after: str = "") -> httpx.Response:
    values = [{"key": key, "state": state, "description": text} for key, state, text in items]
    return httpx.Response(200, json={"values": values, "next": after})


def test_a_status_on_a_later_page_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if "page=2" in str(request.url):
            return page(("dcanary/main", "SUCCESSFUL", STATUS.description))
        return page(("other", "FAILED", ""), after=f"{LIST}&page=2")

    forge = Forge(monkeypatch, answer)
    assert forge.post() == "posted"
    assert (len(forge.urls("GET")), forge.urls("POST")) == (2, [])


def test_a_next_page_elsewhere_does_not_get_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    forge = Forge(monkeypatch, lambda request: page(after="https://evil.example/statuses"))
    forge.post()
    assert all(url.startswith("https://api.bitbucket.org/") for url in forge.urls("GET"))
    assert {each.headers["authorization"] for each in forge.requests} == {"Bearer a-token"}


def test_pages_without_an_end_are_left_at_last(monkeypatch: pytest.MonkeyPatch) -> None:
    forge = Forge(monkeypatch, lambda request: page(after=LIST))
    assert forge.post() == "posted"
    assert len(forge.urls("GET")) == MAX_PAGES


def test_no_redirect_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = httpx.Response(302, headers={"location": "https://evil.example/"})
    forge = Forge(monkeypatch, lambda request: elsewhere)
    assert forge.post() == "again"
    assert len(forge.requests) == 1


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"values": [{}]}', b'{"values": 7}'])
def test_a_list_that_cannot_be_read_is_weather(
    monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    forge = Forge(monkeypatch, lambda request: httpx.Response(200, content=body))
    assert (forge.post(), forge.urls("POST")) == ("again", [])


def test_an_answer_without_an_end_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dcanary.reporter.posting.MAX_ANSWER_BYTES", 1_000)
    forge = Forge(monkeypatch, lambda request: httpx.Response(200, content=b" " * 2_000))
    assert forge.post() == "again"


def test_no_post_is_begun_that_the_lease_may_not_outlast(monkeypatch: pytest.MonkeyPatch) -> None:
    forge = Forge(monkeypatch, lambda request: page())
    assert (forge.post(until=10.0), forge.urls("POST")) == ("late", [])
    assert (forge.post(until=20.0), len(forge.urls("GET"))) == ("posted", 1)
    body = json.loads(forge.requests[-1].content)
    assert body["url"] == f"https://bitbucket.org/w/r/commits/{SHA}"


def test_a_lease_that_runs_low_is_renewed_and_the_post_is_made(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Poster.shown
    slow = iter([50.0])

    def slowly(self: Any, *arguments: Any) -> Any:
        world.pass_time(next(slow, 0.0))
        return read(self, *arguments)

    monkeypatch.setattr(Poster, "shown", slowly)
    world.tell("Queued")
    chain = world.chain()
    reporter = world.reporter("one", chain)
    assert reporter.round() == 0.0
    assert world.shown() == []
    reporter.round()
    reporter.close()
    assert (world.shown(), chain.calls.count("lease")) == (["dcanary/main pending"], 2)
