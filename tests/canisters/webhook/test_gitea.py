"""Signatures, forms and pushes of Gitea and Forgejo."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest

from canisters.webhook.providers.change import Change
from canisters.webhook.providers.gitea import (
    delivery_of,
    digest_of,
    identity_problem,
    is_signed,
    read_changes,
)
from shared.rules.limits import MAX_INSPECTED_BYTES
from tests.canisters.webhook.forges import NONE, OLD, SECRET, SHA, gitea_push, hex_of

BODY = b'{"ref": "refs/heads/main"}'


def one(payload: dict[str, object]) -> Change:
    read = read_changes("push", payload)
    assert not isinstance(read, str), read
    (push,) = read
    return push


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        ("X-Gitea-Signature", ""),
        ("X-Forgejo-Signature", ""),
        ("X-Hub-Signature-256", "sha256="),
    ],
)
def test_each_of_the_signatures_is_enough_by_itself(name: str, prefix: str) -> None:
    good = prefix + hex_of(BODY, SECRET)
    assert is_signed([(name, good)], BODY, [b"an older secret", SECRET], 0)
    assert not is_signed([(name, good)], BODY + b" ", [SECRET], 0)
    assert not is_signed([(name, hex_of(BODY, b"wrong"))], BODY, [SECRET], 0)
    assert not is_signed([(name, good), (name, good)], BODY, [SECRET], 0)
    assert not is_signed([("X-Gogs-Signature", good)], BODY, [SECRET], 0)


def test_a_wrong_signature_is_not_made_up_for_by_another() -> None:
    good = hex_of(BODY, SECRET)
    headers = [("X-Gitea-Signature", good[::-1]), ("X-Forgejo-Signature", good)]
    assert not is_signed(headers, BODY, [SECRET], 0)


def test_the_json_in_a_form_is_what_is_signed() -> None:
    """Source: Gitea, `services/webhook/deliver.go`, which signs `PayloadContent`."""
    form = urlencode({"payload": BODY}).encode()
    headers = [("X-Gitea-Signature", hex_of(BODY, SECRET))]
    assert is_signed(headers, form, [SECRET], 0)
    assert not is_signed([("X-Gitea-Signature", hex_of(form, SECRET))], form, [SECRET], 0)
    assert not is_signed(headers, form + b"&payload={}", [SECRET], 0)


def test_one_json_is_one_delivery_in_whatever_form_it_is_posted() -> None:
    """The form is not signed: written otherwise, it must not start a second run."""
    everything = "payload=" + "".join(f"%{byte:02x}" for byte in BODY)
    forms = [urlencode({"payload": BODY}).encode(), everything.encode(), BODY]
    assert len({digest_of("d", form) for form in forms}) == 1


def test_a_form_that_is_too_long_to_be_read_unsigned_is_not_read() -> None:
    body = json.dumps({"x": "y" * MAX_INSPECTED_BYTES}).encode()
    headers = [("X-Gitea-Signature", hex_of(body, SECRET))]
    assert is_signed(headers, body, [SECRET], 0)
    assert not is_signed(headers, b"payload=" + body, [SECRET], 0)


def test_the_id_is_giteas_or_forgejos() -> None:
    assert delivery_of([("X-Forgejo-Delivery", "a")]) == "a"
    assert delivery_of([("X-Forgejo-Delivery", "a"), ("X-Gitea-Delivery", "b")]) == "b"
    assert delivery_of([("X-Gitea-Delivery", "b"), ("X-Gitea-Delivery", "b")]) is None
    assert delivery_of([("X-GitHub-Delivery", "c")]) is None


def test_a_branch_push_is_read() -> None:
    push = one(gitea_push("refs/heads/feature/x", OLD, SHA))
    assert (push.kind, push.name, push.sha) == ("branch", "feature/x", SHA)
    assert (push.message, push.author) == ("Webhooks Yay!\n", "Gitea")


def test_without_head_commit_the_list_of_commits_tells_the_message() -> None:
    """As before Gitea 1.12."""
    payload = gitea_push("refs/heads/main", OLD, SHA)
    del payload["head_commit"]
    assert one(payload).message == "Webhooks Yay!\n"
    payload["commits"] = [{"id": OLD, "message": "another"}, "none"]
    assert (one(payload).message, one(payload).author) == ("", "gitea")


def test_an_annotated_tag_names_its_commit_not_the_tag_object() -> None:
    head = {"id": SHA, "message": "Count"}
    push = one(gitea_push("refs/tags/v1", NONE, OLD, head_commit=head))
    assert (push.kind, push.sha) == ("tag", SHA)


def test_a_deletion_has_no_commit() -> None:
    push = one(gitea_push("refs/tags/v1", SHA, NONE))
    assert (push.deleted, push.sha) == (True, "")


@pytest.mark.parametrize(
    "change", [{"ref": "main"}, {"ref": None}, {"after": SHA[:7]}, {"after": None}]
)
def test_a_push_with_a_wrong_field_is_refused(change: dict[str, object]) -> None:
    problem = read_changes("push", {**gitea_push("refs/heads/main", OLD, SHA), **change})
    assert isinstance(problem, str)
    assert f"`{next(iter(change))}`" in problem


def test_the_repository_must_be_the_registered_one() -> None:
    url = "https://git.example.org/ada/shop.git"
    own: dict[str, object] = {"clone_url": "http://git.example.org/Ada/Shop.git"}
    assert identity_problem({"repository": own}, url) is None
    for other in (
        {"clone_url": "https://git.example.org/eve/shop.git", "full_name": "ada/shop"},
        {"full_name": "eve/shop"},
        {"name": "shop"},
    ):
        assert identity_problem({"repository": other}, url) is not None
