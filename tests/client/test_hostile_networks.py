"""A network, or somebody between, that answers what it likes: an error of ours, never belief."""

from __future__ import annotations

import time
from typing import Any

import cbor2
import httpx
import pytest

from dcanary.client import certificate
from dcanary.client.errors import CertificateError, ClientError, NetworkError, RejectedError
from dcanary.client.transport import Connection, NetworkAddress
from tests.client.test_certificate import CANISTER, HIGH, LOW, ROOT, Key, Tree

HUGE = 10**12


def tree_of(request_id: bytes, reply: bytes = b"yes", made_ns: int | None = None) -> Tree:
    now = time.time_ns() if made_ns is None else made_ns
    raw = bytearray()
    while now > 0x7F:
        raw.append(now & 0x7F | 0x80)
        now >>= 7
    raw.append(now)
    answered: Tree = [1, [2, b"reply", [3, reply]], [2, b"status", [3, b"replied"]]]
    status: Tree = [2, b"request_status", [2, request_id, answered]]
    return [1, status, [2, b"time", [3, bytes(raw)]]]


class Hostile(Connection):
    """Every POST is answered by `answer`, a CBOR value made of the request's id."""

    def __init__(self, answer: Any) -> None:
        super().__init__(NetworkAddress("http://localhost:1", ROOT.der))
        self._answer = answer

    def _post(self, path: str, envelope: bytes) -> httpx.Response:
        content = cbor2.loads(envelope)
        content = getattr(content, "value", content)["content"]
        given = self._answer(request_id_of(content)) if callable(self._answer) else self._answer
        return httpx.Response(200, content=cbor2.dumps(given))


def request_id_of(content: dict[str, Any]) -> bytes:
    from dcanary.replica.wire.request_id import hash_of_map

    return hash_of_map(content)


def replied(tree: Tree, key: Key = ROOT, delegation: Any = None) -> dict[str, Any]:
    return {"status": "replied", "certificate": key.certify(tree, delegation)}


def delegation_for(ranges: list[list[bytes]], subnet: Key) -> dict[str, bytes]:
    listed = cbor2.dumps(ranges)
    inner: Tree = [1, [2, b"canister_ranges", [3, listed]], [2, b"public_key", [3, subnet.der]]]
    return {"subnet_id": b"S", "certificate": ROOT.certify([2, b"subnet", [2, b"S", inner]])}


def test_an_answer_that_the_root_key_signs_is_believed() -> None:
    with Hostile(lambda rid: replied(tree_of(rid))) as connection:
        assert connection.update(CANISTER, "m", b"") == b"yes"


def test_an_answer_of_another_key_is_not_believed() -> None:
    with (
        Hostile(lambda rid: replied(tree_of(rid), Key(8))) as connection,
        pytest.raises(CertificateError, match="not signed"),
    ):
        connection.update(CANISTER, "m", b"")


def test_an_old_certificate_is_not_believed() -> None:
    old = time.time_ns() - certificate.MAX_SKEW_NS - 10**9
    with (
        Hostile(lambda rid: replied(tree_of(rid, made_ns=old))) as connection,
        pytest.raises(CertificateError, match="replay"),
    ):
        connection.update(CANISTER, "m", b"")


def test_the_certificate_of_an_earlier_call_answers_no_later_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("dcanary.client.transport.UPDATE_TIMEOUT_SECONDS", 0.5)
    kept: list[Any] = []

    def answer(rid: bytes) -> Any:
        kept.append(replied(tree_of(rid)))
        return kept[0]

    with Hostile(answer) as connection:
        assert connection.update(CANISTER, "m", b"") == b"yes"
        with pytest.raises(NetworkError, match="no answer"):
            connection.update(CANISTER, "m", b"")


@pytest.mark.parametrize(
    ("ranges", "believed"), [([[LOW, HIGH]], True), ([[LOW, LOW]], False), ([], False)]
)
@pytest.mark.parametrize("management", [False, True])
def test_only_the_subnet_of_the_canister_in_question_is_believed(
    ranges: list[list[bytes]], believed: bool, management: bool
) -> None:
    """Also of calls to the management canister, whose own id is in no range."""
    subnet = Key(99)
    delegation = delegation_for(ranges, subnet)

    def answer(rid: bytes) -> Any:
        return replied(tree_of(rid), subnet, delegation)

    with Hostile(answer) as connection:
        called = (b"", "stop_canister", b"", CANISTER) if management else (CANISTER, "m", b"")
        if believed:
            assert connection.update(*called) == b"yes"
            return
        with pytest.raises(CertificateError, match="not one of the subnet's"):
            connection.update(*called)


NONSENSE: list[Any] = [
    {},
    [],
    7,
    None,
    "text",
    {"status": "replied"},
    {"status": "replied", "reply": {}},
    {"status": "replied", "reply": {"arg": HUGE}},
    {"status": "replied", "reply": 7},
    {"status": "replied", "certificate": HUGE},
    {"certificate": None},
    {"certificate": b""},
    {"certificate": cbor2.dumps({"tree": [0], "signature": HUGE})},
    {"certificate": cbor2.dumps({"tree": [0], "signature": b"", "delegation": 7})},
    {"certificate": cbor2.dumps({"tree": 7, "signature": b""})},
    {
        "status": "replied",
        "certificate": cbor2.dumps(
            {"tree": [0], "signature": b"", "delegation": {"subnet_id": HUGE, "certificate": 1}}
        ),
    },
    {"status": "rejected", "reject_code": "x", "reject_message": 7, "error_code": HUGE},
]


@pytest.mark.parametrize("answer", NONSENSE, ids=range(len(NONSENSE)))
@pytest.mark.parametrize("kind", ["query", "update", "module_hash", "controllers"])
def test_nonsense_is_an_error_that_says_so(answer: Any, kind: str) -> None:
    with Hostile(answer) as connection, pytest.raises(ClientError) as raised:
        if kind in ("query", "update"):
            getattr(connection, kind)(CANISTER, "m", b"")
        else:
            getattr(connection, kind)(CANISTER)
    assert isinstance(raised.value, (NetworkError, RejectedError))


def test_a_tree_without_end_is_refused() -> None:
    tree: list[Any] = [1]
    tree += [tree, [0]]
    blob = cbor2.dumps({"tree": tree, "signature": b""}, value_sharing=True)
    with pytest.raises(CertificateError):
        certificate.verify(blob, ROOT.der)
