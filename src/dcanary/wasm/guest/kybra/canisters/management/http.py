"""Records of the management canister's `http_request`."""

from __future__ import annotations

from ... import Func, Opt, Query, Record, Variant, Vec, blob, nat, nat64, null


class HttpMethod(Variant, total=False):
    get: null
    head: null
    post: null


class HttpHeader(Record):
    name: str
    value: str


class HttpResponse(Record):
    status: nat
    headers: Vec[HttpHeader]
    body: blob


class HttpTransformArgs(Record):
    response: HttpResponse
    context: blob


HttpTransformFunc = Func(Query[[HttpTransformArgs], HttpResponse])  # type: ignore


class HttpTransform(Record):
    function: HttpTransformFunc  # type: ignore[valid-type]
    context: blob


class HttpRequestArgs(Record):
    url: str
    max_response_bytes: Opt[nat64]
    method: HttpMethod
    headers: Vec[HttpHeader]
    body: Opt[blob]
    transform: Opt[HttpTransform]
