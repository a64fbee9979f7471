"""Certificates over a hash tree, and signatures of query responses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import cbor2

from ..wire.request_id import hash_of_map
from .hash_tree import Node, Wanted, witness
from .keys import SubnetKeys

STATE_ROOT_DOMAIN = b"\x0dic-state-root"
RESPONSE_DOMAIN = b"\x0bic-response"
_SELF_DESCRIBED = 55799


def tagged_cbor(value: object) -> bytes:
    """CBOR behind the self-describing tag, as nested blobs of the interface are encoded."""
    return cbor2.dumps(cbor2.CBORTag(_SELF_DESCRIBED, value))


class Certifier:
    """Makes certificates; the signature of the last root is kept, as many requests share it."""

    def __init__(self, keys: SubnetKeys) -> None:
        self.keys = keys
        self._last: tuple[bytes, bytes] = (b"", b"")

    def _signature(self, root: bytes) -> bytes:
        last = self._last
        if last[0] != root:
            last = (root, self.keys.sign_certificate(STATE_ROOT_DOMAIN + root))
            self._last = last
        return last[1]

    def certificate(self, tree: Node, paths: Iterable[Sequence[bytes]]) -> bytes:
        """Certificate (tagged CBOR, no delegation) that reveals `paths` of `tree`."""
        return tagged_cbor(
            {
                "tree": witness(tree, Wanted.of(paths)),
                "signature": self._signature(tree.digest),
            }
        )


def sign_query_response(
    keys: SubnetKeys, response: Mapping[str, object], request_id: bytes, timestamp: int
) -> dict[str, object]:
    """Element of `signatures`: the node's word that `response` answers `request_id`.

    `response` holds status and reply, or status, reject_code, reject_message and error_code.
    """
    signed: dict[object, object] = {"timestamp": timestamp, "request_id": request_id}
    signed.update(response.items())
    return {
        "timestamp": timestamp,
        "signature": keys.sign_response(RESPONSE_DOMAIN + hash_of_map(signed)),
        "identity": keys.node_id,
    }
