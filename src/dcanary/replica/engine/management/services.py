"""Services of the subnet: randomness, HTTPS outcalls, information."""

from __future__ import annotations

from typing import Any

from dcanary.candid import CandidError
from dcanary.replica.api import Reject, Reply
from dcanary.replica.engine.core import Core
from dcanary.replica.engine.management.context import Call, Operation, refused, reply
from dcanary.replica.engine.management.types import (
    HTTP_REQUEST,
    HTTP_RESULT,
    RANDOM_BYTES,
    SUBNET_INFO,
    SUBNET_INFO_REPLY,
    TRANSFORM_ARGS,
)
from dcanary.replica.engine.queries import Queries
from dcanary.replica.state import limits
from dcanary.replica.state.errors import CallError, ErrorCode
from dcanary.replica.state.records import Answer, Outcall

_HEADER_TOTAL = 48 * limits.KIB
_HEADER_PART = 8 * limits.KIB
_MAX_BODY = 2_000_000


def raw_rand(call: Call, _arg: None) -> Reply:
    return reply(RANDOM_BYTES, call.core.random(b"raw_rand"))


def _check_http(arg: dict[str, Any], sender: bytes) -> str:
    """Checks the request; returns its method in capitals. Raises `CallError`."""
    ((method, _),) = arg["method"].items()
    if len(arg["url"]) > limits.MAX_HTTP_URL:
        raise refused(f"url of {len(arg['url'])} characters, at most {limits.MAX_HTTP_URL}")
    if not arg["url"].startswith("https://") and not arg["url"].startswith("http://"):
        raise refused("the url must begin with https:// (or http:// on a local network)")
    if len(arg["headers"]) > limits.MAX_HTTP_HEADERS:
        raise refused(f"{len(arg['headers'])} headers, at most {limits.MAX_HTTP_HEADERS}")
    total = 0
    for header in arg["headers"]:
        for part in (header["name"], header["value"]):
            if len(part.encode()) > _HEADER_PART:
                raise refused(f"a header name or value has more than {_HEADER_PART} bytes")
            total += len(part.encode())
    if total > _HEADER_TOTAL:
        raise refused(f"headers of {total} bytes, at most {_HEADER_TOTAL}")
    if len(arg["body"] or b"") + total > _MAX_BODY:
        raise refused(f"the request is larger than {_MAX_BODY} bytes")
    wanted = arg["max_response_bytes"]
    if wanted is not None and wanted > limits.MAX_HTTP_RESPONSE:
        raise refused(f"max_response_bytes of {wanted}, at most {limits.MAX_HTTP_RESPONSE}")
    if method in ("put", "delete", "patch") and arg["is_replicated"] is not False:
        raise refused(f"method {method} needs is_replicated = opt false")
    transform = arg["transform"]
    if transform is not None and transform["function"][0] != sender:
        raise refused("the transform function must be of the calling canister")
    return str(method).upper()


def http_request(call: Call, arg: dict[str, Any]) -> None:
    method = _check_http(arg, call.sender)
    size = (
        len(arg["url"])
        + len(arg["body"] or b"")
        + sum(len(h["name"]) + len(h["value"]) for h in arg["headers"])
    )
    wanted = arg["max_response_bytes"]
    price = call.core.costs.http_request(
        size, limits.MAX_HTTP_RESPONSE if wanted is None else wanted
    )
    if call.available < price:
        raise refused(
            f"http_request request sent with {call.available} cycles, but {price} cycles are "
            "required."
        )
    call.accept(price)
    subnet = call.core.subnet
    transform = arg["transform"]
    number = subnet.next_outcall
    subnet.next_outcall += 1
    subnet.outcalls[number] = Outcall(
        id=number,
        canister=call.sender,
        caller=call.caller,
        refund=call.available,
        method=method,
        url=arg["url"],
        headers=[[h["name"], h["value"]] for h in arg["headers"]],
        body=arg["body"] or b"",
        max_response_bytes=wanted,
        transform_method=transform["function"][1] if transform else "",
        transform_context=transform["context"] if transform else b"",
        since=subnet.now,
    )
    call.available = 0


def finish_outcall(core: Core, queries: Queries, given: Answer) -> None:
    """Pass the answer of an outcall through the transform function and on to the canister."""
    outcall = given.outcall
    answer: Reply | Reject
    if given.reply is None:
        answer = Reject(given.reject_code, given.message, given.error_code)
    else:
        answer = _transformed(queries, outcall, Reply(given.reply))
    core.respond(outcall.caller, answer, outcall.refund)


def check_http_result(data: bytes) -> dict[str, Any]:
    """Decode the answer of an outcall. Raises ValueError."""
    try:
        (result,) = HTTP_RESULT.decode(data)
    except CandidError as error:
        raise ValueError(f"the answer is no http_request_result: {error}") from None
    checked: dict[str, Any] = result
    return checked


def _transformed(queries: Queries, outcall: Outcall, answer: Reply) -> Reply | Reject:
    result = check_http_result(answer.data)
    most = outcall.max_response_bytes
    most = limits.MAX_HTTP_RESPONSE if most is None else most
    if len(result["body"]) > most:
        code = ErrorCode.CANISTER_REJECTED
        return Reject(1, f"Http body exceeds size limit of {most} bytes.", code.text)
    if not outcall.transform_method:
        return answer
    arg = TRANSFORM_ARGS.encode(({"response": result, "context": outcall.transform_context},))
    transformed = queries.transform(
        b"outcall %d" % outcall.id, outcall.canister, outcall.transform_method, arg
    )
    if isinstance(transformed, Reply):
        try:
            HTTP_RESULT.decode(transformed.data)
        except CandidError as error:
            return CallError(
                ErrorCode.CANISTER_REJECTED,
                f"the transform function returned no http_request_result: {error}",
            ).reject()
    return transformed


def subnet_info(call: Call, _arg: dict[str, Any]) -> Reply:
    return reply(SUBNET_INFO_REPLY, {"replica_version": "dcanary", "registry_version": 1})


OPERATIONS = {
    "raw_rand": Operation(None, raw_rand, ingress=False),
    "http_request": Operation(HTTP_REQUEST, http_request, ingress=False),
    "subnet_info": Operation(SUBNET_INFO, subnet_info, ingress=False),
}
