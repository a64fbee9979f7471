"""The providers that `repository add` offers are those that the webhook canister understands."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import urlsplit

import pytest

from canisters.webhook.deliveries.routing import route_of
from canisters.webhook.providers.supported import SUPPORTED
from dcanary.cli.operations.register import PROVIDERS, webhook_url
from shared.types.pipeline import Provider


def test_every_provider_can_be_registered_and_no_other() -> None:
    assert set(PROVIDERS) == set(SUPPORTED)
    variants = [next(iter(variant)) for variant in PROVIDERS.values()]
    assert sorted(variants) == sorted(Provider.__annotations__)
    assert [variant.lower() for variant in variants] == list(PROVIDERS)


@pytest.mark.parametrize("provider", sorted(PROVIDERS))
def test_the_printed_url_leads_to_that_providers_front_door(provider: str) -> None:
    network = SimpleNamespace(url="http://127.0.0.1:4943")
    config: Any = SimpleNamespace(network=network, canisters={"webhook": "aaaaa-aa"})
    url = urlsplit(webhook_url(cast(Any, config), provider, "counter"))
    assert url.netloc == "aaaaa-aa.localhost:4943"
    route = route_of(url.path)
    assert route is not None
    assert (route.provider, route.repository) == (provider, "counter")
