"""The two forms in which GitHub and those that follow it send a payload. Plain Python."""

from urllib.parse import unquote_to_bytes

from canisters.webhook.deliveries.payload import PayloadError

FORM_START = b"payload="
JSON_OR_FORM = "application/json, or a form with the field payload"
JSON_ONLY = "application/json"


def json_or_form(body: bytes) -> bytes:
    """The JSON in a body: the body itself, or the field `payload` of a form (GitHub's default).

    The body tells which it is, for it is signed and the content type is not.
    """
    if not body.startswith(FORM_START):
        return body
    if b"&" in body:
        raise PayloadError("the form has other fields beside `payload`")
    return unquote_to_bytes(body[len(FORM_START) :].replace(b"+", b" "))
