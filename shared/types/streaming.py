"""HTTP responses of more than one message (HTTP Gateway Protocol Specification, "Streaming")."""

from kybra import Func, Opt, Query, Record, Tuple, Variant, Vec, blob, nat16, nat32, text


class StreamToken(Record):
    """Which piece of a stored file comes next."""

    run: text
    stage: text
    path: text
    index: nat32


class StreamPiece(Record):
    """A piece of a body; without a token it was the last."""

    body: blob
    token: Opt[StreamToken]


StreamCallback = Func(Query[[StreamToken], Opt[StreamPiece]])  # type: ignore[misc] # an alias is no value to mypy


class StreamSource(Record):
    """The query that gives the rest, and its argument."""

    callback: StreamCallback  # type: ignore[valid-type] # to mypy what Func gives is a value
    token: StreamToken


class StreamingStrategy(Variant, total=False):
    Callback: StreamSource


class FileResponse(Record):
    """The answer to a request for a file; `body` is its beginning."""

    status_code: nat16
    headers: Vec[Tuple[text, text]]
    body: blob
    streaming_strategy: Opt[StreamingStrategy]
