"""Signed calls to one network over the IC HTTP interface; their answers are verified.

Updates use the synchronous call endpoint and fall back to polling; every answer is taken from a
certificate that the root key signs. Queries are answered by one node and are not certified: what
matters is read back through certified state or an update.
Source: IC interface specification, "HTTPS interface".
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import cbor2
import httpx

from dcanary.client import certificate, http, principal
from dcanary.client.clock import clock_error
from dcanary.client.envelope import Value, sign_request
from dcanary.client.errors import (
    CertificateError,
    ConfigError,
    NetworkError,
    RejectedError,
    Unreachable,
)
from dcanary.client.identity import Anonymous, Signer

INGRESS_EXPIRY_SECONDS = 240
UPDATE_TIMEOUT_SECONDS = 300.0
POLL_SECONDS = 0.2


@dataclass(frozen=True)
class NetworkAddress:
    """Where a network answers and the key that certifies it. `root_key` is DER."""

    url: str
    root_key: bytes

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(f"{self.url!r} is not the address of a network", "use http(s)://…")


def fetch_root_key(url: str, timeout: float = 5.0) -> bytes:
    """Ask the network itself for its root key: right for a network of one's own, never mainnet.

    Raises NetworkError when it does not answer.
    """
    try:
        with http.client(url, timeout) as client:
            reply = client.get("/api/v2/status")
        status = _map(cbor2.loads(reply.content))
        return bytes(status["root_key"])
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Unreachable(url, error) from None
    except (KeyError, ValueError, TypeError, cbor2.CBORDecodeError):
        raise NetworkError(f"{url} does not answer like the Internet Computer") from None


class Connection:
    """One identity on one network. Not thread-safe; make one per thread."""

    def __init__(self, network: NetworkAddress, identity: Signer | None = None) -> None:
        self.network = network
        self.identity: Signer = identity or Anonymous()
        timeout = httpx.Timeout(120.0, connect=3.0)
        self._http = http.client(network.url, timeout, content_type="application/cbor")
        self._sync_calls = True

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def sender(self) -> str:
        """Principal of the identity, as text."""
        return principal.to_text(self.identity.sender())

    # -- calls -----------------------------------------------------------------------------------

    def query(self, canister: bytes, method: str, arg: bytes) -> bytes:
        """Reply bytes of a query. Raises RejectedError, NetworkError."""
        content = self._content("query", canister_id=canister, method_name=method, arg=arg)
        _, envelope = sign_request(content, self.identity)
        reply = self._post(f"/api/v3/canister/{principal.to_text(canister)}/query", envelope)
        if reply.status_code == 404:
            reply = self._post(f"/api/v2/canister/{principal.to_text(canister)}/query", envelope)
        answer = self._cbor(reply)
        if answer.get("status") == "replied":
            reply_record = answer.get("reply")
            value = reply_record.get("arg") if isinstance(reply_record, dict) else None
            if not isinstance(value, bytes):
                raise NetworkError(f"{self._where(canister, method)}: a reply without its value")
            return value
        raise self._rejection(answer, canister, method)

    def update(
        self, canister: bytes, method: str, arg: bytes, effective: bytes | None = None
    ) -> bytes:
        """Reply bytes of an update, taken from a verified certificate.

        Raises RejectedError, CertificateError, NetworkError (also after UPDATE_TIMEOUT_SECONDS).
        """
        content = self._content("call", canister_id=canister, method_name=method, arg=arg)
        # Two equal calls within the same second are two calls, not one sent twice.
        content["nonce"] = os.urandom(16)
        request_id, envelope = sign_request(content, self.identity)
        target = canister if effective is None else effective
        where = principal.to_text(target)
        deadline = time.monotonic() + UPDATE_TIMEOUT_SECONDS
        if self._sync_calls:
            reply = self._post(f"/api/v4/canister/{where}/call", envelope)
            if reply.status_code in (404, 405):
                self._sync_calls = False
            else:
                done = self._sync_answer(reply, request_id, canister, method, target)
                if done is not None:
                    return done
        if not self._sync_calls:
            reply = self._post(f"/api/v2/canister/{where}/call", envelope)
            if reply.status_code == 200:
                raise self._rejection(self._cbor(reply), canister, method)
            self._check_status(reply)
        while time.monotonic() < deadline:
            tree = self.read_state(target, [[b"request_status", request_id]])
            answer = self._outcome(tree, request_id, canister, method)
            if answer is not None:
                return answer
            time.sleep(POLL_SECONDS)
        raise NetworkError(
            f"{self._where(canister, method)}: no answer within {UPDATE_TIMEOUT_SECONDS:.0f} s",
            "the call may still take effect: look at the state before trying again",
        )

    def read_state(self, effective: bytes, paths: Sequence[Sequence[bytes]]) -> Sequence[Any]:
        """Hash tree of the paths, verified. Raises CertificateError, NetworkError."""
        content = self._content("read_state", paths=[list(path) for path in paths])
        _, envelope = sign_request(content, self.identity)
        where = principal.to_text(effective)
        reply = self._post(f"/api/v3/canister/{where}/read_state", envelope)
        if reply.status_code == 404:
            reply = self._post(f"/api/v2/canister/{where}/read_state", envelope)
        return self._verified(self._cbor(reply).get("certificate"), effective)

    # -- what the certified state says of a canister ---------------------------------------------

    def module_hash(self, canister: bytes) -> bytes | None:
        """sha256 of the installed module, None when there is none. Certified."""
        return self._canister_value(canister, [b"module_hash"])

    def metadata(self, canister: bytes, name: str) -> bytes | None:
        """A public custom section of the installed module, None when there is none. Certified."""
        return self._canister_value(canister, [b"metadata", name.encode()])

    def controllers(self, canister: bytes) -> list[str]:
        """Principals that control the canister. Certified."""
        value = self._canister_value(canister, [b"controllers"])
        if value is None:
            return []
        listed = cbor2.loads(value)
        return [principal.to_text(bytes(raw)) for raw in getattr(listed, "value", listed)]

    def exists(self, canister: bytes) -> bool:
        """Whether the network has the canister. Certified, unless its id is in none of the
        network's ranges, of which it certifies nothing."""
        try:
            return self._canister_value(canister, [b"controllers"]) is not None
        except NetworkError as error:
            if error.is_of_no_canister:
                return False
            raise

    def _canister_value(self, canister: bytes, path: Sequence[bytes]) -> bytes | None:
        full = [b"canister", canister, *path]
        try:
            return certificate.lookup(self.read_state(canister, [full]), full)
        except certificate.Unknown:
            raise CertificateError(
                f"the network does not say {path[0].decode()} of {principal.to_text(canister)}"
            ) from None

    # -- inside ----------------------------------------------------------------------------------

    def _content(self, request_type: str, **fields: Value) -> dict[str, Value]:
        expiry = (int(time.time()) + INGRESS_EXPIRY_SECONDS) * 1_000_000_000
        return {
            "request_type": request_type,
            "sender": self.identity.sender(),
            "ingress_expiry": expiry,
            **fields,
        }

    def _post(self, path: str, envelope: bytes) -> httpx.Response:
        try:
            return self._http.post(path, content=envelope)
        except httpx.HTTPError as error:
            raise Unreachable(self.network.url, error) from None

    def _check_status(self, reply: httpx.Response) -> None:
        if reply.status_code >= 400:
            wrong_clock = clock_error(reply.text, time.time())
            if wrong_clock is not None:
                raise wrong_clock
            raise NetworkError(
                f"{self.network.url} answered {reply.status_code}: {reply.text.strip()[:300]}"
            )

    def _cbor(self, reply: httpx.Response) -> dict[str, Any]:
        self._check_status(reply)
        try:
            return _map(cbor2.loads(reply.content))
        except (ValueError, TypeError, cbor2.CBORDecodeError):
            raise NetworkError(
                f"{self.network.url} does not answer like the Internet Computer"
            ) from None

    def _sync_answer(
        self,
        reply: httpx.Response,
        request_id: bytes,
        canister: bytes,
        method: str,
        effective: bytes,
    ) -> bytes | None:
        if reply.status_code == 202:
            return None
        answer = self._cbor(reply)
        if answer.get("status") != "replied":
            raise self._rejection(answer, canister, method)
        # A call of the management canister is answered by the subnet of the canister it is about.
        tree = self._verified(answer.get("certificate"), effective)
        return self._outcome(tree, request_id, canister, method)

    def _verified(self, given: object, canister: bytes) -> Sequence[Any]:
        blob = certificate.blob_of(given, "the certificate of the answer")
        tree = certificate.verify(blob, self.network.root_key, canister)
        certificate.check_freshness(tree, time.time_ns())
        return tree

    def _outcome(
        self, tree: Sequence[Any], request_id: bytes, canister: bytes, method: str
    ) -> bytes | None:
        base = [b"request_status", request_id]
        try:
            status = certificate.lookup(tree, [*base, b"status"])
            if status == b"replied":
                return certificate.lookup(tree, [*base, b"reply"]) or b""
            if status == b"rejected":
                code = certificate.lookup(tree, [*base, b"reject_code"]) or b"\0"
                text = certificate.lookup(tree, [*base, b"reject_message"]) or b""
                error = certificate.lookup(tree, [*base, b"error_code"]) or b""
                raise RejectedError(
                    code[0],
                    text.decode(errors="replace"),
                    error.decode(errors="replace"),
                    self._where(canister, method),
                )
            if status == b"done":
                raise NetworkError(
                    f"{self._where(canister, method)}: the answer is no longer kept",
                    "the call took effect: look at the state",
                )
        except certificate.Unknown:
            raise CertificateError("the certificate hides the state of our own request") from None
        return None

    def _rejection(self, answer: Mapping[str, Any], canister: bytes, method: str) -> RejectedError:
        error_code = str(answer.get("error_code") or "")
        code = answer.get("reject_code")
        rejected = RejectedError(
            code if isinstance(code, int) else 0,
            str(answer.get("reject_message", "the network gave no reason")),
            error_code,
            self._where(canister, method),
        )
        if error_code == "IC0406":
            rejected.hint = (
                "the canister takes no such update from anonymous callers: choose an --identity"
                if self.identity.sender() == principal.ANONYMOUS
                else "the canister refused to look at it: is an argument above its limit?"
            )
        return rejected

    def _where(self, canister: bytes, method: str) -> str:
        return f"{principal.to_text(canister) if canister else 'management canister'}.{method}"


def _map(value: Any) -> dict[str, Any]:
    value = getattr(value, "value", value)
    return dict(value)
