"""The Candid page in a real Chromium: `make nightly`, where one is installed."""

from __future__ import annotations

from pathlib import Path

import pytest
from ic.identity import Identity

from dcanary.replica import network
from tests.replica.helpers.browser import Browser
from tests.replica.helpers.deploy import agent_of, create, install
from tests.replica.helpers.motoko import COUNTER, compile_motoko

pytestmark = [
    pytest.mark.nightly,
    # ic-py calls httpx in a way that httpx warns of.
    pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning"),
]
UI = "a4gq6-oaaaa-aaaab-qaa4q-cai"
METHOD = "document.querySelector('details[data-name={}]')"


def test_the_printed_address_lists_and_calls_methods(tmp_path: Path) -> None:
    running = network.start(tmp_path / "network")
    browser = Browser(tmp_path / "profile")
    try:
        agent = agent_of(running.url, Identity())
        canister = create(agent)
        install(agent, canister, compile_motoko(COUNTER))
        browser.open(f"http://{UI}.localhost:{running.port}/?id={canister}")
        browser.wait_for(METHOD.format("inc"))
        assert browser.value("document.title") == canister
        for method, result in (("inc", "(1 : nat)"), ("inc", "(2 : nat)"), ("get", "(2 : nat)")):
            node = METHOD.format(method)
            browser.value(f"{node}.open = true; {node}.querySelector('button').click()")
            browser.wait_for(f"{node}.querySelector('pre').textContent.startsWith('{result}')")
        node = METHOD.format("fail")
        browser.value(f"{node}.querySelector('button').click()")
        browser.wait_for(f"{node}.querySelector('pre').className === 'error'")
        assert "failed on purpose" in browser.value(f"{node}.querySelector('pre').textContent")
    finally:
        browser.close()
        network.stop(tmp_path / "network")
