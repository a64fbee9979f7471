"""The HTTP gateway protocol's records (Internet Computer HTTP Gateway Protocol Specification)."""

from kybra import Opt, Record, Tuple, Vec, blob, nat16, text


class HttpRequest(Record):
    method: text
    url: text
    headers: Vec[Tuple[text, text]]
    body: blob
    certificate_version: Opt[nat16]


class HttpResponse(Record):
    """`upgrade` true asks the gateway to repeat the request as an update call."""

    status_code: nat16
    headers: Vec[Tuple[text, text]]
    body: blob
    upgrade: Opt[bool]
