"""The kinds of forges: a new one is a module with the members of `Provider`, named in SUPPORTED."""

from typing import Protocol

from canisters.webhook.providers import github
from canisters.webhook.providers.push import Push

KNOWN = ("github", "gitlab", "bitbucket")
"""The providers that a path may name."""


class Provider(Protocol):
    """How one kind of forge signs, names and words its deliveries."""

    SIGNATURE_HEADER: str
    DELIVERY_HEADER: str
    EVENT_HEADER: str
    PING: str
    PUSH: str

    def is_signed(self, body: bytes, signature: "str | None", secrets: "list[bytes]") -> bool:
        """Whether the signature is the raw body's under one of the live secrets."""

    def json_of(self, body: bytes) -> bytes:
        """The JSON in a body; raises PayloadError."""

    def identity_problem(self, payload: "dict[str, object]", clone_url: str) -> "str | None":
        """Why the payload is not of the repository with this clone URL, or None."""

    def read_push(self, payload: "dict[str, object]") -> "Push | str":
        """The push in a payload, or a sentence saying which field is wrong."""


SUPPORTED: "dict[str, Provider]" = {"github": github}
