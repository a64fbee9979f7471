"""Measures a delivery until its first job is queued against the cheapest update there is."""

from __future__ import annotations

import functools
import hashlib
import hmac
import json
import secrets
import time
import uuid

import httpx
import wasmtime

from bench.figures import Delivering
from bench.installation import Installation, wait_for
from dcanary.cli.operations.network import effective_canister
from dcanary.cli.operations.register import webhook_url
from dcanary.cli.operations.shipped import shipped_folder
from dcanary.client import principal
from dcanary.client.errors import ClientError
from dcanary.client.management import Management

REPOSITORY = "bench-delivery"
CLONE_URL = f"https://example.org/{REPOSITORY}.git"
PIPELINE = "counter-motoko"
DELIVERIES = 8
NOOP_UPDATES = 20
QUEUED_SECONDS = 30.0

NO_OP = """
(module
  (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
  (import "ic0" "msg_reply" (func $reply))
  (memory 1)
  (data (i32.const 0) "DIDL\\00\\00")
  (func (export "canister_update noop")
    (call $append (i32.const 0) (i32.const 6))
    (call $reply)))
"""
"""An update that answers `()` and does nothing else: what remains is the network's own time."""

EMPTY = b"DIDL\x00\x00"


def measure(installation: Installation) -> Delivering:
    """No executor may be registered yet, so that the jobs stay queued; the runs are cancelled."""
    installation.progress(f"{NOOP_UPDATES} no-op updates")
    updates = _noop_updates(installation)
    installation.progress(f"{DELIVERIES} signed deliveries")
    return Delivering(updates, _deliveries(installation))


def _noop_updates(installation: Installation) -> list[float]:
    connection = installation.system.connection
    management = Management(connection)
    canister = management.create(effective_canister(installation.address.url))
    management.install(canister, bytes(wasmtime.wat2wasm(NO_OP)), EMPTY, "install")
    raw = principal.from_text(canister)
    seconds = []
    for _ in range(NOOP_UPDATES + 1):
        begun = time.monotonic()
        connection.update(raw, "noop", EMPTY)
        seconds.append(time.monotonic() - begun)
    return seconds[1:]  # the first one opens the connection


def _deliveries(installation: Installation) -> list[float]:
    secret = secrets.token_hex(32).encode()
    installation.register(
        REPOSITORY, CLONE_URL, secret, shipped_folder("examples", PIPELINE) / PIPELINE
    )
    wait_for(
        lambda: installation.system.webhook.get_repository(REPOSITORY)["triggers"],
        f"the triggers of {REPOSITORY}",
        QUEUED_SECONDS,
    )
    address = webhook_url(installation.config, "github", REPOSITORY)
    seconds = []
    with httpx.Client(timeout=QUEUED_SECONDS, trust_env=False) as client:
        for _ in range(DELIVERIES + 1):
            request = push_request(client, address, secret)
            begun = time.monotonic()
            run = _accepted(client.send(request))
            queued = functools.partial(_queued, installation, run)
            wait_for(queued, f"a job of {run}", QUEUED_SECONDS, pause=0.002)
            seconds.append(time.monotonic() - begun)
            installation.system.build_executor.cancel_run(run)
    return seconds[1:]


def push_request(client: httpx.Client, address: str, secret: bytes) -> httpx.Request:
    """A push of a commit that nobody will ever fetch, as GitHub would send it."""
    sha = secrets.token_hex(20)
    body = json.dumps(
        {
            "ref": "refs/heads/main",
            "before": "0" * 40,
            "after": sha,
            "head_commit": {"id": sha, "message": "Measure", "author": {"name": "bench"}},
            "pusher": {"name": "bench"},
            "repository": {"clone_url": CLONE_URL},
        }
    ).encode()
    signature = hmac.new(secret, body, hashlib.sha256).hexdigest()
    url = httpx.URL(address)
    headers = {
        "content-type": "application/json",
        "host": url.netloc.decode("ascii"),  # the name says which canister; no resolver is asked
        "x-github-event": "push",
        "x-github-delivery": str(uuid.uuid4()),
        "x-hub-signature-256": f"sha256={signature}",
    }
    return client.build_request(
        "POST", url.copy_with(host="127.0.0.1"), headers=headers, content=body
    )


def _accepted(reply: httpx.Response) -> str:
    if reply.status_code != 202:
        raise ClientError(f"the delivery was answered {reply.status_code}: {reply.text.strip()}")
    return str(reply.json()["run"])


def _queued(installation: Installation, run: str) -> bool:
    page = installation.system.build_executor.list_jobs(run, {"cursor": None, "limit": 10})
    return any("Queued" in job["state"] for job in page["items"])
