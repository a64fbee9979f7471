"""Proxies of the environment are for the outside: the forge on this machine is reached directly."""

from __future__ import annotations

from pathlib import Path

import pytest

from dcanary.cli.demo.examples import EXAMPLES, make_working_copy, push
from dcanary.forge import Forge
from tests.forge.conftest import Receiver, ended_deliveries
from tests.replica.helpers.proxies import PROXIES, set_proxies


@pytest.mark.parametrize("settings", PROXIES.values(), ids=PROXIES)
def test_the_demos_pushes_and_their_deliveries_take_no_proxy(
    tmp_path: Path,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, str],
) -> None:
    set_proxies(monkeypatch, settings)
    with Forge(tmp_path / "forge") as forge:
        made = forge.create_repository("demo")
        forge.set_webhook("demo", receiver.url("abcde-cai.localhost"), "a secret of the demo")
        copy = tmp_path / "copy"
        make_working_copy(EXAMPLES["counter-motoko"], copy, made.clone_url)
        sha = push(copy)
        (delivery,) = ended_deliveries(forge, "demo", 1)
    assert (delivery.after, delivery.state) == (sha, "delivered")
