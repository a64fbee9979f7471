"""What the bench sends is a delivery that the webhook canister takes."""

from __future__ import annotations

import json

import httpx

from bench.delivering import CLONE_URL, push_request
from canisters.webhook.providers import github


def test_the_push_of_the_bench_names_the_repository_that_it_registers() -> None:
    with httpx.Client() as client:
        request = push_request(client, "http://canister.localhost:1/webhook/github/x", b"secret")
    assert github.identity_problem(json.loads(request.content), CLONE_URL) is None
