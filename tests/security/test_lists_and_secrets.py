"""Lists against hostile pages, and every text that leaves the canisters against the secret."""

from __future__ import annotations

import base64
import logging
from typing import Any

import pytest

from dcanary.client.system import CANISTERS
from dcanary.testing.native import CanisterReject, CanisterTrap
from tests.canisters.installation import SECRET, delivery_headers, ok, push_payload
from tests.canisters.pipeline_config.templates.samples import template
from tests.security.system import (
    APPROVER,
    EXECUTORS,
    OWNER,
    System,
    argument_types,
    interface,
    smallest,
)

LISTS = [
    (name, method.name)
    for name in CANISTERS
    for method in interface(name).methods.values()
    if method.name.startswith("list_")
]
CURSORS = (
    *("", "-1", "+1", " 1", "1 ", "0x1", "1.0", "1e3", "\u0661", "\xb2", "9" * 18, "9" * 5_000),
    *("0" * 30, "\0", "release-1", "a/b", "\U0001f600" * 1_000, "None"),
)


@pytest.fixture(scope="module")
def system() -> System:
    """Has been used once from push to decision, rightly and wrongly."""
    made = System()
    made.prepare()
    made.push()
    made.upload(made.vote()[0])
    decision = {
        "approval": "approval-1",
        "digest": made.digest(),
        "approve": True,
        "comment": "good",
    }
    ok(made.canisters["verification"].update("decide_approval", decision, caller=APPROVER))
    copy = {"recipient": EXECUTORS[0], "key": bytes(32), "sealed": bytes(300)}
    secret = {
        "repository": None,
        "name": "TOKEN",
        "version": 1,
        "restricted": False,
        "copies": [copy],
    }
    ok(made.canisters["pipeline_config"].update("set_secret", secret, caller=OWNER))
    ok(made.canisters["pipeline_config"].update("create_template", template(), caller=OWNER))
    made.run_until_idle()
    return made


def arguments_of(name: str, method: str, page: Any) -> list[Any]:
    first: dict[str, list[Any]] = {
        "list_jobs": ["run-1"],
        "list_deliveries": ["demo"],
        "list_pipeline_versions": ["demo"],
        "list_runs": [None],
        "list_releases": [None],
        "list_secrets": [None],
        "list_templates": [None],
        "list_template_versions": ["starter"],
        "list_secret_uses": [None, "TOKEN"],
        "list_usage": [{"Repository": "demo"}],
    }
    types = argument_types(name, method)
    return [page] if len(types) == 1 else [*first[method], page]


def test_there_are_lists_in_every_canister() -> None:
    assert {name for name, _ in LISTS} == set(CANISTERS)


@pytest.mark.parametrize(("name", "method"), LISTS)
def test_a_list_refuses_every_cursor_and_limit_that_it_did_not_give_out(
    system: System, name: str, method: str
) -> None:
    canister = system.canisters[name]

    def ask(cursor: str | None, limit: int) -> Any:
        page = {"cursor": cursor, "limit": limit}
        return canister.query(method, *arguments_of(name, method, page), caller=OWNER)

    first = ok(ask(None, 0))
    assert len(first["items"]) <= 20
    for cursor in CURSORS:
        answer = ask(cursor, 1)
        assert "Invalid" in answer["Err"], (cursor, answer)
        assert len(answer["Err"]["Invalid"]) < 200
    for limit in (101, 1_000, 2**16 - 1):
        answer = ask(None, limit)
        assert "Invalid" in answer["Err"]
    assert "Ok" in ask(None, 100)


@pytest.mark.parametrize("name", CANISTERS)
def test_no_query_traps_whatever_text_it_is_asked_for(system: System, name: str) -> None:
    canister = system.canisters[name]
    for method in interface(name).methods.values():
        if not method.is_query:
            continue
        types = argument_types(name, method.name)
        for text in ("", "/", "..", "\0", "run-1/build/0", "x" * 100_000, "\U0001f600" * 5_000):
            values = [text if smallest(node) == "" else smallest(node) for node in types]
            if any(isinstance(value, dict) for value in values):
                values = [
                    {key: text if part == "" else part for key, part in value.items()}
                    if isinstance(value, dict)
                    else value
                    for value in values
                ]
            try:
                canister.query(method.name, *values)
            except CanisterTrap as trap:
                pytest.fail(f"{name}.{method.name}({text[:20]!r}) traps: {trap}")


def forms(secret: bytes) -> list[str]:
    return [
        secret.decode("latin-1"),
        secret.hex(),
        base64.b64encode(secret).decode(),
        repr(secret)[2:-1],
        repr(list(secret)),
    ]


def test_no_reply_error_trap_or_log_holds_a_webhook_secret(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    system = System()
    newest = b"the newest secret of the demo"
    heard: list[str] = []

    def note(call: Any) -> None:
        try:
            heard.append(repr(call()))
        except CanisterReject as reject:
            heard.append(str(reject))

    webhook = system.canisters["webhook"]
    system.prepare()
    repository = {
        "repository": "demo",
        "provider": {"GitHub": None},
        "clone_url": "https://example.org/demo.git",
        "secret": SECRET,
    }
    for changed in (
        {},
        {"repository": "a/b"},
        {"provider": {"GitLab": None}, "secret": b"whsec_" + SECRET},
        {"clone_url": "https://user:word@example.org/x"},
        {"repository": "x" * 300},
    ):
        value = {**repository, **changed}
        note(lambda v=value: webhook.update("register_repository", v, caller=OWNER))
        note(lambda v=value: webhook.update("register_repository", v, caller=EXECUTORS[0]))
    note(lambda: webhook.update("rotate_secret", "unknown", newest, caller=OWNER))
    note(lambda: webhook.update("rotate_secret", "demo", newest * 20, caller=OWNER))
    note(lambda: webhook.update("rotate_secret", "demo", newest, caller=OWNER))
    for secret in (SECRET, newest, b"wrong"):
        body = push_payload(compare=secret.hex()[:4])
        headers = delivery_headers(body, f"d-{len(heard)}", secret=secret)
        request = {
            "method": "POST",
            "url": "/webhook/github/demo",
            "headers": headers,
            "body": body,
        }
        note(lambda r=request: webhook.http_update(r))
    note(lambda: webhook.submit_raw("rotate_secret", b"DIDL\0\2\x71\x71" + newest).result())
    arg = webhook.encode_arguments("rotate_secret", ["demo", newest])
    for cut in (arg[:-3], arg + b"\0", arg.replace(b"DIDL", b"DIDM")):
        note(lambda c=cut: webhook.submit_raw("rotate_secret", c, caller=OWNER).result())
    system.run_until_idle()
    for name, canister in system.canisters.items():
        for method in interface(name).methods.values():
            if not method.is_query:
                continue
            values = [
                "demo" if smallest(node) == "" else smallest(node)
                for node in argument_types(name, method.name)
            ]
            note(lambda c=canister, m=method.name, v=values: c.query(m, *v))
    output = capfd.readouterr()
    everything = "\n".join([*heard, output.out, output.err, caplog.text])
    assert len(heard) > 60
    assert "run-1" in everything
    for secret in (SECRET, newest):
        for form in forms(secret):
            assert form not in everything
