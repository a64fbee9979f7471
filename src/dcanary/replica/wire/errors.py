"""The one exception by which a request from outside is refused."""

from __future__ import annotations


class RequestRefused(Exception):
    """A request answered with an HTTP error: `status` (4xx or 5xx) and a text for people."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def bad_request(message: str) -> RequestRefused:
    """400: the request is malformed, unsigned, expired or asks for what nobody may ask."""
    return RequestRefused(400, message)
