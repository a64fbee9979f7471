"""The kinds of forges: a new one is a module with the members of `Provider`, named in SUPPORTED."""

from typing import Protocol

from canisters.webhook.providers import bitbucket, gitea, github, gitlab
from canisters.webhook.providers.change import Change
from shared.rules.not_yet import NotYet


class Provider(Protocol):
    """How one kind of forge signs, names and words its deliveries.

    SIGNATURE, DELIVERY and BODIES are words for sentences: what a request lacks. EVENT_HEADER holds
    the event, of EVENT_LETTERS. EVENTS may start runs; PING ("": none) asks for an answer. IGNORED
    says why an event starts nothing; PLANNED what the answer is to one that is not supported yet.
    """

    SIGNATURE: str
    DELIVERY: str
    BODIES: str
    EVENT_HEADER: str
    EVENT_LETTERS: "frozenset[str]"
    PING: str
    EVENTS: "tuple[str, ...]"
    IGNORED: "dict[str, str]"
    PLANNED: "dict[str, NotYet]"

    def is_signed(
        self, headers: "list[tuple[str, str]]", body: bytes, secrets: "list[bytes]", now_ns: int
    ) -> bool:
        """Whether the request shows that its sender has one of the live secrets."""

    def hash_count(self, secrets: "list[bytes]") -> int:
        """How many times `is_signed` hashes the body at most."""

    def delivery_of(self, headers: "list[tuple[str, str]]") -> "str | None":
        """The delivery's id, the same however often it is sent; None when there is none."""

    def digest_of(self, delivery: str, body: bytes) -> str:
        """What one delivery alone has, whichever id it is posted under: 64 hexadecimal digits."""

    def json_of(self, body: bytes) -> bytes:
        """The JSON in a body; raises PayloadError."""

    def identity_problem(self, payload: "dict[str, object]", clone_url: str) -> "str | None":
        """Why the payload is not of the repository with this clone URL, or None."""

    def read_changes(self, event: str, payload: "dict[str, object]") -> "list[Change] | str":
        """What an event of EVENTS changed, or a sentence saying which field is wrong."""


SUPPORTED: "dict[str, Provider]" = {
    "github": github,
    "gitlab": gitlab,
    "bitbucket": bitbucket,
    "gitea": gitea,
}
"""The providers that a path may name."""
