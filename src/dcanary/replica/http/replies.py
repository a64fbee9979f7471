"""Replies of the HTTPS interface (interface specification, "HTTPS interface").

The outermost map carries no self-describing tag: some clients misread tagged replies. Blobs inside
(certificates, ranges, controllers) are tagged as everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping

import cbor2
from starlette.responses import Response

from ..api import Reject, Reply
from ..certification.certificate import sign_query_response
from ..certification.keys import SubnetKeys

CBOR = "application/cbor"


def cbor_response(value: Mapping[str, object], status: int = 200) -> Response:
    """A CBOR reply."""
    return Response(cbor2.dumps(value), status, media_type=CBOR)


def text_response(status: int, message: str) -> Response:
    """A refusal in plain text."""
    return Response(message, status, media_type="text/plain")


def reject_fields(reject: Reject) -> dict[str, object]:
    """The fields by which a rejection is told."""
    return {
        "reject_code": reject.code,
        "reject_message": reject.message,
        "error_code": reject.error_code,
    }


def query_response(
    keys: SubnetKeys, result: Reply | Reject, request_id: bytes, timestamp: int
) -> Response:
    """Signed reply of a query."""
    body: dict[str, object]
    if isinstance(result, Reply):
        body = {"status": "replied", "reply": {"arg": result.data}}
    else:
        body = {"status": "rejected", **reject_fields(result)}
    body["signatures"] = [sign_query_response(keys, body, request_id, timestamp)]
    return cbor_response(body)
