"""Reading request bodies within a limit."""

from __future__ import annotations

from starlette.requests import ClientDisconnect, Request

from .errors import RequestRefused, bad_request


def _too_large(limit: int) -> RequestRefused:
    return RequestRefused(413, f"Request body is too large: at most {limit} bytes are accepted.")


async def read_body(request: Request, limit: int) -> bytes:
    """The raw body, exactly as sent. Raises RequestRefused: 413 above `limit` bytes, 400 when the
    client went away."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)
    parts = []
    size = 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > limit:
                raise _too_large(limit)
            parts.append(part)
    except ClientDisconnect as error:
        raise bad_request("the client closed the connection before the body ended") from error
    return b"".join(parts)
