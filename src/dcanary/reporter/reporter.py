"""The loop of a reporter: hold the lease, read what is new, post what is due, tell the chain.

One reporter of several posts at a time, by a lease on chain; the others stand by. A post is told to
the chain after it was made: a reporter that is killed between the two, and the one after it, read
what the commit shows before they post.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from dcanary.client.errors import ClientError, NetworkError, RefusedError, RejectedError
from dcanary.client.types.webhook import PostedReport
from dcanary.reporter.chain import Chain
from dcanary.reporter.places import Place, PlaceProblem, Tokens, place_of
from dcanary.reporter.posting import Poster
from dcanary.reporter.waiting import Waiting, WaitingReports, told
from dcanary.reporter.weather import GIVE_UP_SECONDS, Outcome, clock_text, wait_seconds

POLL_SECONDS = 2.0
STAND_BY_SECONDS = 10.0
MAX_CHAIN_WAIT_SECONDS = 60.0
FINAL = ("Denied", "Invalid", "TooLarge", "NotFound")
"""Refusals that waiting does not mend."""
MAX_POSTS = 20
"""Of one round, after which the chain is told."""
MAX_BATCHES = 10
RENEW_SECONDS = 25.0
"""The lease is renewed when less of it is left: more than one request takes."""
REPOSITORY_SECONDS = 300.0
"""How long a repository's clone URL is taken to be what it was."""


@dataclass(frozen=True)
class Settings:
    """`name` tells reporters of one identity apart; `link` is where statuses lead to."""

    name: str
    link: str = ""
    poll_seconds: float = POLL_SECONDS


@dataclass
class _Repository:
    place: Place
    until: float


@dataclass
class _Round:
    """What one round has to tell the chain."""

    posts: list[PostedReport] = field(default_factory=list)
    tried: int = 0


class Reporter:
    """Posts reports until it is told to stop. `report` is told what happens, a line each."""

    def __init__(
        self,
        chain: Chain,
        tokens: Tokens,
        settings: Settings,
        report: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._chain = chain
        self._tokens = tokens
        self._settings = settings
        self._report = report
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter
        self._poster = Poster(tokens, clock)
        self._waiting = WaitingReports(settings.link)
        self._lease_until = 0.0
        self._repositories: dict[str, _Repository] = {}
        self._quiet: dict[str, float] = {}
        self._said = ""

    # Rounds

    def run_forever(self) -> None:
        """Work until it is interrupted. A network that is away, a canister that is being upgraded
        and a lease that was lost are waited for. Raises RefusedError for the kinds of FINAL."""
        failures = 0
        try:
            while True:
                try:
                    pause = self.round()
                    failures = 0
                except (NetworkError, RejectedError, RefusedError) as error:
                    if isinstance(error, RefusedError) and error.kind in FINAL:
                        raise
                    failures += 1
                    pause = min(MAX_CHAIN_WAIT_SECONDS, float(2 ** min(failures, 10)))
                    self._say(f"waiting for the chain: {error.message}")
                self._sleep(pause)
        finally:
            self.close()

    def run_once(self) -> int:
        """Post what is due now; how many reports still wait. Raises ClientError when another
        reporter has the lease."""
        try:
            while True:
                if not self._hold_lease():
                    raise ClientError(self._said, "one reporter posts at a time: stop the other")
                if not self._post_due():
                    return len(self._waiting)
        finally:
            self.close()

    def round(self) -> float:
        """One round; how long to wait until the next, in seconds."""
        if not self._hold_lease():
            return STAND_BY_SECONDS
        return 0.0 if self._post_due() else self._settings.poll_seconds

    def close(self) -> None:
        """Let another reporter go on at once."""
        self._poster.close()
        if self._lease_left() > 0:
            # Else it runs out by itself.
            with contextlib.suppress(ClientError):
                self._chain.leave(self._settings.name)
        self._lease_until = 0.0

    # The lease

    def _lease_left(self) -> float:
        return self._lease_until - self._clock()

    def _hold_lease(self) -> bool:
        """Whether this reporter may post. Who comes to hold the lease begins where `done` says."""
        left = self._lease_left()
        if left >= RENEW_SECONDS:
            return True
        begun = self._clock()
        try:
            lease = self._chain.lease(self._settings.name)
        except RefusedError as error:
            self._lease_until = 0.0
            if error.kind != "Conflict":
                raise
            self._say(f"standing by: {error.sentence}")
            return False
        # Counted from before the call on this machine's clock: never longer than the chain's.
        self._lease_until = begun + _LEASE_SECONDS
        if left <= 0:
            self._say(f"posting reports from number {lease['done']} on")
            self._waiting.begin(lease["done"])
            self._poster.forget()
        return True

    # Posting

    def _post_due(self) -> bool:
        """Read what is new and post what is due; whether there may be more to do at once."""
        this = _Round()
        more = self._read(this)
        try:
            for waiting in self._waiting.due(self._clock(), MAX_POSTS):
                if not self._try(waiting, this):
                    more = True
                    break
        finally:
            self._tell(this)
        return more or this.tried > 0

    def _read(self, this: _Round) -> bool:
        for _ in range(MAX_BATCHES):
            batch = self._chain.read(self._waiting.next)
            if batch["first"] > self._waiting.next:
                missed = batch["first"] - self._waiting.next
                self._report(f"{missed} reports are not kept any more: they were not posted")
            for report in batch["items"]:
                overtaken = self._waiting.add(report)
                if overtaken is not None:
                    number, attempts = overtaken.number, overtaken.attempts
                    this.posts.append(told(number, {"Superseded": None}, attempts))
            self._waiting.next = batch["next"]
            if batch["next"] >= batch["total"]:
                return False
        return True

    def _try(self, waiting: Waiting, this: _Round) -> bool:
        """Post one report, unless its forge is to be left alone for now; False when the lease has
        to be renewed before."""
        now = self._clock()
        try:
            place = self._place(waiting.report["repository"], now)
            key, _ = self._tokens.for_place(place)
        except PlaceProblem as problem:
            self._refused(waiting, str(problem), this)
            return True
        quiet = max(self._quiet.get(key, 0.0), self._quiet.get(place.root, 0.0))
        if quiet > now:
            # Not tried, and so not told: its forge said when, or does not answer others either.
            waiting.due = quiet
            return True
        outcome = self._poster.post(place, waiting.status, self._lease_until)
        if outcome.kind == "late":
            return False
        this.tried += 1
        if outcome.kind == "posted":
            self._waiting.end(waiting)
            this.posts.append(told(waiting.number, {"Posted": None}, waiting.attempts + 1))
            self._report(f"{_named(waiting)}: {outcome.reason or 'posted'}")
        elif outcome.kind == "refused":
            waiting.attempts += 1
            self._refused(waiting, outcome.reason, this)
        else:
            self._again(waiting, outcome, place, key, this)
        return True

    def _again(
        self, waiting: Waiting, outcome: Outcome, place: Place, key: str, this: _Round
    ) -> None:
        now = self._clock()
        waiting.attempts += 1
        if now - waiting.report["at_ns"] / 1e9 > GIVE_UP_SECONDS:
            self._refused(waiting, f"given up after a day: {outcome.reason}", this)
            return
        waiting.due = now + wait_seconds(outcome, waiting.attempts, now, self._jitter())
        if outcome.of_token:
            self._quiet[key] = waiting.due
        elif outcome.of_host:
            self._quiet[place.root] = waiting.due
        this.posts.append(
            told(waiting.number, {"Waiting": None}, waiting.attempts, outcome.reason, waiting.due)
        )
        self._report(
            f"{_named(waiting)}: {outcome.reason}; tried again at {clock_text(waiting.due)}"
        )

    def _refused(self, waiting: Waiting, reason: str, this: _Round) -> None:
        self._waiting.end(waiting)
        this.posts.append(told(waiting.number, {"Refused": reason}, waiting.attempts, reason))
        self._report(f"{_named(waiting)}: not posted: {reason}")

    def _tell(self, this: _Round) -> None:
        """Tell the chain what became of reports. Should that fail, it is found out anew."""
        done = self._waiting.done()
        try:
            for first in range(0, len(this.posts), _POSTS_A_CALL):
                part = this.posts[first : first + _POSTS_A_CALL]
                last = first + _POSTS_A_CALL >= len(this.posts)
                self._chain.record(self._settings.name, part, done if last else 0)
        except ClientError:
            self._lease_until = 0.0
            raise

    def _place(self, repository: str, now: float) -> Place:
        known = self._repositories.get(repository)
        if known is None or known.until <= now:
            try:
                provider, clone_url = self._chain.repository(repository)
            except RefusedError as error:
                raise PlaceProblem(error.sentence) from None
            known = _Repository(place_of(provider, clone_url), now + REPOSITORY_SECONDS)
            self._repositories[repository] = known
        return known.place

    def _say(self, text: str) -> None:
        """Report what goes on for long once."""
        if text.partition(" runs out in ")[0] != self._said.partition(" runs out in ")[0]:
            self._report(text)
        self._said = text


_LEASE_SECONDS = 60.0
"""REPORT_LEASE_NS of shared/rules/limits.py."""
_POSTS_A_CALL = 100
"""MAX_POSTED_REPORTS of shared/rules/limits.py."""


def _named(waiting: Waiting) -> str:
    status = waiting.status
    return f"{waiting.report['repository']} {status.sha[:8]} {status.context} {status.state}"
