"""Posts statuses, and knows what each commit shows already: nothing is posted twice.

What a commit shows is read before the first post, and again after each one whose answer is not
known to have been a success: a process that was killed, or an answer that was lost, may have left a
status there.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httpx

from dcanary.client.http import client
from dcanary.reporter.forges import FORGES, Seen, StatusForge
from dcanary.reporter.places import Place, Tokens
from dcanary.reporter.statuses import Status
from dcanary.reporter.weather import Outcome, no_answer, outcome_of

REQUEST_SECONDS = 15.0
"""For one request with its answer."""
MAX_ANSWER_BYTES = 4 << 20
MAX_PAGES = 10
MAX_KNOWN_COMMITS = 1_000


class Poster:
    """One connection for each forge. Not for several threads."""

    def __init__(self, tokens: Tokens, clock: Callable[[], float] = time.time) -> None:
        self._tokens = tokens
        self._clock = clock
        self._clients: dict[str, httpx.Client] = {}
        self._known: OrderedDict[tuple[str, str, str], dict[str, Seen]] = OrderedDict()

    def close(self) -> None:
        for one in self._clients.values():
            one.close()
        self._clients.clear()

    def forget(self) -> None:
        """Another reporter may have posted meanwhile: what commits show is read anew."""
        self._known.clear()

    def post(self, place: Place, status: Status, until: float) -> Outcome:
        """Post a status unless the commit shows it already; `late` when that could take longer
        than `until`, after which another reporter may post. Raises PlaceProblem without a token.
        """
        _, token = self._tokens.for_place(place)
        forge = FORGES[place.provider]
        commit = (place.host, place.path, status.sha)
        known = self._known.get(commit)
        if known is None:
            read = self.shown(forge, place, status.sha, token)
            if isinstance(read, Outcome):
                return read
            known = self._remember(commit, read)
        wanted = forge.wanted(status)
        if _shows(forge, known.get(wanted.context), wanted):
            return Outcome("posted", "it was there already")
        if self._clock() + REQUEST_SECONDS > until:
            return Outcome("late")
        url, body = forge.post_of(place, status)
        # Until the answer is known the commit may show either.
        self._known.pop(commit, None)
        answer = self.exchange("POST", url, forge.headers_of(token), body)
        if isinstance(answer, Outcome):
            return answer
        code, headers, text = answer
        if forge.is_repeat(code, text):
            read = self.shown(forge, place, status.sha, token)
            if isinstance(read, Outcome):
                return read
            if _shows(forge, read.get(wanted.context), wanted):
                self._remember(commit, read)
                return Outcome("posted", "it was there already")
        outcome = self._outcome(code, headers, text)
        if outcome.kind == "posted":
            self._remember(commit, {**known, wanted.context: wanted})
        return outcome

    def _remember(self, commit: tuple[str, str, str], seen: dict[str, Seen]) -> dict[str, Seen]:
        self._known[commit] = seen
        self._known.move_to_end(commit)
        while len(self._known) > MAX_KNOWN_COMMITS:
            self._known.popitem(last=False)
        return seen

    def _outcome(self, code: int, headers: dict[str, str], text: str) -> Outcome:
        # A forge, or what answers in its place, may send back what it was sent.
        return outcome_of(code, headers, self._tokens.hide(text), self._clock())

    def shown(
        self, forge: StatusForge, place: Place, sha: str, token: str
    ) -> dict[str, Seen] | Outcome:
        """What the commit shows, by context; else why that is not known."""
        found: dict[str, Seen] = {}
        url = forge.list_url(place, sha)
        root = _root(url)
        for _ in range(MAX_PAGES):
            answer = self.exchange("GET", url, forge.headers_of(token))
            if isinstance(answer, Outcome):
                return answer
            outcome = self._outcome(*answer)
            if outcome.kind != "posted":
                return outcome
            try:
                page = forge.page_of(json.loads(answer[2]))
            except (ValueError, KeyError, TypeError, AttributeError):
                return Outcome("again", "the forge's list of statuses cannot be read")
            for seen in page.items:
                found.setdefault(seen.context, seen)
            if not page.next_url or _root(page.next_url) != root:
                break
            url = page.next_url
        return found

    def exchange(
        self, method: str, url: str, headers: dict[str, str], body: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], str] | Outcome:
        """One request: status, headers and text of the answer, else why there is none."""
        root = _root(url)
        if root not in self._clients:
            self._clients[root] = client(root, REQUEST_SECONDS, User_Agent="dcanary-reporter")
        deadline = time.monotonic() + REQUEST_SECONDS
        content: dict[str, Any] = {} if body is None else {"json": body}
        received = bytearray()
        try:
            with self._clients[root].stream(method, url, headers=headers, **content) as answer:
                for part in answer.iter_bytes():
                    received += part
                    if len(received) > MAX_ANSWER_BYTES:
                        return Outcome("again", "the forge's answer is too large")
                    if time.monotonic() > deadline:
                        raise httpx.ReadTimeout("the answer takes too long")
                named = {name.lower(): value for name, value in answer.headers.items()}
                return answer.status_code, named, received.decode("utf-8", "replace")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # The connection may be half used.
            with contextlib.suppress(Exception):
                self._clients.pop(root).close()
            return no_answer(error)


def _root(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _shows(forge: StatusForge, seen: Seen | None, wanted: Seen) -> bool:
    if seen is None or seen.state != wanted.state:
        return False
    return forge.only_state or seen.description == wanted.description
