"""`canister call`: arguments and answers as text, over a connection that keeps what it is sent."""

from __future__ import annotations

import pytest

from dcanary.candid import parse_interface
from dcanary.cli.errors import UsageTrouble
from dcanary.cli.operations.calls import call
from dcanary.client.errors import ClientError
from dcanary.client.transport import Connection, NetworkAddress

CANISTER = "rrkah-fqaaa-aaaaa-aaaaq-cai"
DID = """service : {
  store : (record { key : text; value : blob }) -> (variant { Ok : nat; Err : text });
  size : () -> (nat) query;
}"""
METHODS = parse_interface(DID).methods


class Echoing(Connection):
    """One canister that answers every call with `reply`; what it was sent is kept."""

    def __init__(self, did: str | None, reply: bytes) -> None:
        super().__init__(NetworkAddress("http://localhost:1", b""))
        self._did, self._reply = did, reply
        self.sent: list[tuple[str, str, bytes]] = []

    def metadata(self, canister: bytes, name: str) -> bytes | None:
        return None if self._did is None else self._did.encode()

    def query(self, canister: bytes, method: str, arg: bytes) -> bytes:
        self.sent.append(("query", method, arg))
        return self._reply

    def update(
        self, canister: bytes, method: str, arg: bytes, effective: bytes | None = None
    ) -> bytes:
        self.sent.append(("update", method, arg))
        return self._reply


OK = METHODS["store"].results.encode([{"Ok": 5}])
SENT = METHODS["store"].encode([{"key": "a", "value": b"\x00\xff"}])


@pytest.mark.parametrize(
    "arguments",
    [r'(record { key = "a"; value = blob "\00\ff" })', '[{"key": "a", "value": "00ff"}]'],
)
def test_a_blob_can_be_passed_in_either_form(arguments: str) -> None:
    connection = Echoing(DID, OK)
    answer = call(connection, CANISTER, "store", arguments)
    assert connection.sent == [("update", "store", SENT)]
    assert answer.text() == "(variant { Ok = 5 : nat })"
    assert answer.json() == {"Ok": 5}


def test_a_query_goes_as_a_query() -> None:
    connection = Echoing(DID, METHODS["size"].results.encode([3]))
    assert call(connection, CANISTER, "size", "()").text() == "(3 : nat)"
    assert [how for how, _, _ in connection.sent] == ["query"]


@pytest.mark.parametrize("arguments", ["(true)", "[true]", "(1", "[1e400]", '("a")'])
def test_arguments_that_do_not_fit_are_a_mistake_of_the_caller(arguments: str) -> None:
    connection = Echoing(DID, OK)
    with pytest.raises(UsageTrouble, match="the arguments do not fit") as refused:
        call(connection, CANISTER, "store", arguments)
    assert refused.value.exit_code == 2
    assert connection.sent == []


def test_a_method_that_is_not_there_is_named_beside_those_that_are() -> None:
    with pytest.raises(ClientError, match="it has: size, store"):
        call(Echoing(DID, OK), CANISTER, "stoer", "()")


def test_a_canister_without_an_interface_is_called_by_what_the_text_says() -> None:
    connection = Echoing(None, OK)
    answer = call(connection, CANISTER, "anything", "(5 : nat8)")
    assert connection.sent == [("update", "anything", b"DIDL\x00\x01\x7b\x05")]
    assert answer.text() == "(variant { 17_724 = 5 : nat })"
