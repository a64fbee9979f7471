"""Real clients against a running network: ic-py, icp, browsers' HTTP, outcalls."""

from __future__ import annotations

import hashlib
import http.server
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cbor2
import httpx
import pytest
from ic import system_state
from ic.canister import Canister
from ic.identity import Identity
from ic.principal import Principal

from dcanary.candid import principal
from tests.replica.helpers import certificates
from tests.replica.helpers.client import Client
from tests.replica.helpers.deploy import agent_of, create, install_by_chunks
from tests.replica.helpers.motoko import COUNTER, COUNTER_DID, ROOT, compile_motoko

pytestmark = [
    pytest.mark.replica,
    # ic-py calls httpx in a way that httpx warns of.
    pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning"),
]
ICP = ROOT / "node_modules" / "@icp-sdk" / "icp-cli-linux-x64" / "bin" / "icp"


def proxy(counter: Any, identity: Identity | None = None) -> Any:
    running, canister, owner = counter
    return Canister(agent_of(running.url, identity or owner), canister, COUNTER_DID)


@pytest.mark.parametrize("kind", ["anonymous", "ed25519", "secp256k1"])
def test_ic_py_calls_and_queries_under_its_identity(counter: Any, kind: str) -> None:
    anonymous = kind == "anonymous"
    identity = Identity(anonymous=True) if anonymous else Identity(type=kind)
    canister = proxy(counter, identity)
    before = canister.get()[0]
    assert canister.inc()[0] == before + 1
    assert canister.get()[0] == before + 1
    assert canister.whoami()[0].to_str() == identity.sender().to_str()


def test_ic_py_is_told_why_a_call_failed(counter: Any) -> None:
    with pytest.raises(Exception, match="failed on purpose"):
        proxy(counter).fail()


def test_ic_py_reads_the_state(counter: Any) -> None:
    running, canister, identity = counter
    agent = agent_of(running.url, identity)
    digest = hashlib.sha256(compile_motoko(COUNTER)).hexdigest()
    assert system_state.canister_module_hash(agent, canister) == digest
    controllers = system_state.canister_controllers(agent, canister)
    assert [item.to_str() for item in controllers] == [identity.sender().to_str()]
    assert abs(system_state.time(agent, canister) - time.time_ns()) < 5 * 10**9


def test_the_canister_sees_the_time_of_the_wall_clock(counter: Any) -> None:
    assert abs(proxy(counter).now()[0] - time.time_ns()) < 5 * 10**9


def test_a_module_installs_by_chunks(counter: Any) -> None:
    running, _, identity = counter
    agent = agent_of(running.url, identity)
    canister = create(agent)
    module = compile_motoko(COUNTER)
    install_by_chunks(agent, canister, module, size=100_000)
    digest = system_state.canister_module_hash(agent, canister)
    assert digest == hashlib.sha256(module).hexdigest()


def test_the_certificate_that_a_canister_sees_is_over_its_data(counter: Any) -> None:
    running, canister_id, _ = counter
    canister = proxy(counter)
    canister.set_certified()
    blob = bytes(canister.certificate()[0][0])
    tree = certificates.open_certificate(blob, bytes.fromhex(running.root_key))
    path = (b"canister", principal.from_text(canister_id), b"certified_data")
    assert certificates.lookup(tree, *path) == b"\x01\x02"


def test_the_candid_interface_is_public_metadata(counter: Any) -> None:
    running, canister_id, _ = counter
    raw = principal.from_text(canister_id)
    path = [b"canister", raw, b"metadata", b"candid:service"]
    response = Client(running.url).read_state(raw, path)
    tree = certificates.open_certificate(
        cbor2.loads(response.content)["certificate"], bytes.fromhex(running.root_key)
    )
    assert b"inc: () -> (nat)" in certificates.lookup(tree, *path)


def test_a_synchronous_call_takes_a_few_milliseconds(counter: Any) -> None:
    running, canister_id, _ = counter
    client, raw = Client(running.url), principal.from_text(canister_id)
    times = []
    for _ in range(20):
        start = time.perf_counter()
        assert client.call(raw, "inc", b"DIDL\x00\x00").status_code == 200
        times.append(time.perf_counter() - start)
    # Typically 5 ms; the bound leaves room for a busy machine.
    assert sorted(times)[5] < 0.1, times


def test_the_gateway_passes_requests_and_upgrades(counter: Any) -> None:
    running, canister_id, _ = counter
    page = httpx.get(
        f"{running.url}/some/path?q=1", headers={"host": f"{canister_id}.localhost:{running.port}"}
    )
    assert (page.status_code, page.text) == (203, "page")
    assert page.headers["x-url"] == "/some/path?q=1"
    before = proxy(counter).get()[0]
    body = bytes(range(256))
    posted = httpx.post(f"{running.url}/hook?canisterId={canister_id}", content=body)
    assert (posted.status_code, posted.content) == (201, body)
    assert proxy(counter).get()[0] == before + 1


class _Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(404)
        self.end_headers()
        self.wfile.write(b"not here, but reached")

    def log_message(self, format: str, *args: Any) -> None:
        return


@pytest.fixture
def site() -> Iterator[str]:
    server = http.server.HTTPServer(("127.0.0.1", 0), _Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_canister_fetches_a_page(counter: Any, site: str) -> None:
    status, body = proxy(counter).fetch(site)
    assert status == 404
    assert body == ["not here, but reached"]


def test_a_canister_may_not_use_plain_http_elsewhere(counter: Any) -> None:
    with pytest.raises(Exception, match="must start with https"):
        proxy(counter).fetch("http://example.org/")


@pytest.fixture
def icp(counter: Any, tmp_path: Path) -> Any:
    running, _, _ = counter
    if not ICP.exists():
        pytest.skip("icp is not installed: run `make setup`")
    env = {**os.environ, "ICP_HOME": str(tmp_path / "icp"), "DO_NOT_TRACK": "1"}
    home = tmp_path / "project"
    home.mkdir()

    def run(*args: str) -> subprocess.CompletedProcess[str]:
        command = [str(ICP), *args, "-n", running.url, "-k", running.root_key]
        return subprocess.run(
            command, capture_output=True, text=True, env=env, cwd=home, timeout=60
        )

    return run


def test_icp_calls_and_queries_with_verified_certificates(counter: Any, icp: Any) -> None:
    canister_id = counter[1]
    before = proxy(counter).get()[0]
    called = icp("canister", "call", canister_id, "inc", "()")
    assert called.returncode == 0, called.stderr
    assert str(before + 1) in called.stdout.replace("_", "")
    queried = icp("canister", "call", canister_id, "get", "()", "--query")
    assert queried.returncode == 0, queried.stderr
    assert str(before + 1) in queried.stdout.replace("_", "")


def test_icp_refuses_another_root_key(counter: Any, icp: Any) -> None:
    running, canister_id, _ = counter
    # A valid key of another subnet: the certificate must not verify under it.
    from dcanary.replica.certification.keys import SubnetKeys

    other = SubnetKeys(bytes(32)).root_key.hex()
    env = {**os.environ, "DO_NOT_TRACK": "1"}
    command = [str(ICP), "canister", "call", canister_id, "inc", "()", "-n", running.url]
    result = subprocess.run(
        [*command, "-k", other], capture_output=True, text=True, env=env, timeout=60
    )
    assert result.returncode != 0


def test_icp_shows_the_status(counter: Any, icp: Any) -> None:
    canister_id = counter[1]
    status = icp("canister", "status", canister_id)
    assert status.returncode == 0, status.stderr
    digest = hashlib.sha256(compile_motoko(COUNTER)).hexdigest()
    assert digest in status.stdout
    assert Principal.from_str(canister_id).to_str() in status.stdout
