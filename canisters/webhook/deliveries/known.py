"""What the decision about a request may look up. Plain Python."""

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from shared.types.pipeline import Trigger


class Registered:
    """What is known of a registered repository; `provider` as in paths."""

    __slots__ = ("clone_url", "provider", "secrets")

    def __init__(self, provider: str, clone_url: str, secrets: "list[bytes]") -> None:
        self.provider = provider
        self.clone_url = clone_url
        self.secrets = secrets


class Known(Protocol):
    """What the decision may look up."""

    def registered(self, repository: str) -> "Registered | None":
        """A registered repository, or None."""

    def run_of(self, repository: str, delivery: str) -> "tuple[bool, str | None]":
        """Whether the delivery was recorded before, and the run that it started."""

    def is_held(self, repository: str, delivery: str) -> bool:
        """Whether the delivery was recorded, and waits for an admin to allow its commit."""

    def received_ns(self, repository: str, delivery: str) -> "int | None":
        """When a delivery was recorded, in nanoseconds since 1970; None if it was not."""

    def delivery_of_body(self, repository: str, digest: str) -> "str | None":
        """The delivery that was recorded with a body of this sha256, or None."""

    def triggers_of(self, repository: str) -> "list[Trigger]": ...

    def open_deliveries(self) -> int: ...

    def open_deliveries_of(self, repository: str) -> int: ...
