"""Our own client and `canister call` against a running network: text, clock, proxies."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from dcanary.cli.operations.calls import call
from dcanary.client import transport
from dcanary.client.errors import ClockError, RejectedError
from dcanary.client.identity import create_identity
from dcanary.client.transport import Connection, NetworkAddress, fetch_root_key

pytestmark = [
    pytest.mark.replica,
    pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning"),
]


@pytest.fixture
def connection(counter: Any, tmp_path: Path) -> Any:
    running, _, _ = counter
    address = NetworkAddress(running.url, fetch_root_key(running.url))
    with Connection(address, create_identity(tmp_path / "someone.pem")) as made:
        yield made


def test_a_call_is_read_and_printed_by_the_canisters_own_interface(
    counter: Any, connection: Connection
) -> None:
    _, canister, _ = counter
    before = call(connection, canister, "get", "()").json()
    assert call(connection, canister, "inc", "()").text() == f"({before + 1:_} : nat)"
    assert call(connection, canister, "get", "[]").json() == before + 1


@pytest.mark.parametrize(("ahead", "way"), [(200, "ahead of"), (-400, "behind")])
@pytest.mark.parametrize("method", ["inc", "get"])
def test_a_wrong_clock_is_named_with_the_seconds(
    counter: Any,
    connection: Connection,
    monkeypatch: pytest.MonkeyPatch,
    ahead: int,
    way: str,
    method: str,
) -> None:
    _, canister, _ = counter
    true_time = time.time
    monkeypatch.setattr(transport.time, "time", lambda: true_time() + ahead)
    raw = transport.principal.from_text(canister)
    send = connection.update if method == "inc" else connection.query
    with pytest.raises(ClockError, match=f"s {way} the network's") as raised:
        send(raw, method, b"DIDL\x00\x00")
    assert abs(raised.value.ahead_seconds - ahead) < 30


def test_loopback_is_reached_whatever_proxies_are_named(
    counter: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    running, canister, _ = counter
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "socks5://127.0.0.1:9")
    address = NetworkAddress(running.url, fetch_root_key(running.url))
    with Connection(address) as made:
        assert isinstance(call(made, canister, "get", "()").json(), int)


def test_what_the_network_rejects_says_so(counter: Any, connection: Connection) -> None:
    _, canister, _ = counter
    raw = transport.principal.from_text(canister)
    with pytest.raises(RejectedError) as rejected:
        connection.update(raw, "no_such_method", b"DIDL\x00\x00")
    assert rejected.value.details()["error_code"] == "IC0536"
