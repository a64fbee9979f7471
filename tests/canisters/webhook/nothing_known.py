"""What the rules of deliveries ask of a canister that has heard of no delivery yet."""

from __future__ import annotations


class NothingKnown:
    """Base of those that know a repository, and say so in `registered` and `triggers_of`."""

    def run_of(self, repository: str, delivery: str) -> tuple[bool, str | None]:
        """No delivery has a run."""
        return False, None

    def is_held(self, repository: str, delivery: str) -> bool:
        """None is held."""
        return False

    def received_ns(self, repository: str, delivery: str) -> int | None:
        """None was received."""
        return None

    def delivery_of_body(self, repository: str, digest: str) -> str | None:
        """No body was seen."""
        return None

    def open_deliveries(self) -> int:
        """None waits."""
        return 0

    def open_deliveries_of(self, repository: str) -> int:
        """None waits."""
        return 0
