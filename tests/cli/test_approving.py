"""Approving: one request, several, or all that a run has, each by its own digest."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest

from dcanary.candid import Interface, parse_interface
from dcanary.candid.text import encode_untyped
from dcanary.cli import approval, approval_decision
from dcanary.cli.context import Context
from dcanary.cli.operations.watch import Ended
from dcanary.cli.orders import arguments, target_now
from dcanary.cli.output import Output, Refusal
from dcanary.client.errors import ClientError, RefusedError
from dcanary.client.identity import create_identity
from tests.cli.approving import (
    BOTH,
    CANISTER,
    OTHER,
    Installed,
    approve,
    asked,
    status,
)
from tests.cli.test_orders import as_ordered
from tests.cli.test_waiting import run


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the targets run now is not what is tested here."""
    interface: Interface | None = None
    monkeypatch.setattr(arguments, "interface_of", lambda system, order: interface)
    monkeypatch.setattr(target_now, "look", lambda system, order: as_ordered(order))


def test_all_requests_of_a_run_are_approved_each_with_its_own_digest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    installed = Installed([BOTH])
    approve(installed, "run-7")
    names = [name for name, _ in installed.decided]
    assert names == ["approval-1", "approval-2"]
    assert len({digest for _, digest in installed.decided}) == 2
    told = capsys.readouterr()
    # Once, of both.
    assert told.err.count("it is released now; to the end: dcanary run watch run-7") == 1
    assert told.out.count("The order, all of it bound by the digest") == 2
    assert "c: asked about when what they depend on is released" in told.err


def test_who_says_no_to_the_second_request_has_decided_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\nn\n"))
    installed = Installed([BOTH])
    with pytest.raises(Refusal):
        approve(installed, "run-7", yes=False)
    assert [name for name, _ in installed.decided] == ["approval-1"]


@dataclass
class Voted(Installed):
    """Requests that the caller has voted on before, with a second vote missing."""

    voted: tuple[str, ...] = ()

    def get_approval(self, name: str, certified: bool = False) -> Any:
        vote = {"approver": "aaaaa-aa", "approve": True, "comment": "", "at_ns": 0}
        return {**asked(name), "votes": [vote] if name in self.voted else []}


def test_requests_that_the_caller_has_voted_on_are_passed_over(
    capsys: pytest.CaptureFixture[str],
) -> None:
    installed = Voted([BOTH], voted=("approval-1",))
    approve(installed, "run-7")
    assert [name for name, _ in installed.decided] == ["approval-2"]
    assert "approval-1" not in capsys.readouterr().out
    everywhere = Voted([BOTH], voted=("approval-1", "approval-2"))
    with pytest.raises(ClientError, match="voted on approval-1, approval-2 already"):
        approve(everywhere, "run-7")
    # The order is not shown, and nobody is asked, before that is said.
    with pytest.raises(RefusedError, match="has voted on approval-1 already"):
        approve(installed, "approval-1")
    assert "The order" not in capsys.readouterr().out


def test_following_is_taken_up_again_after_the_vote(capsys: pytest.CaptureFixture[str]) -> None:
    later = run("Succeeded", targets=[status("a", "Released", "approval-1")])
    installed = Voted([BOTH, later], voted=("approval-1",))
    approve(installed, "run-7", follow=True)
    assert [name for name, _ in installed.decided] == ["approval-2"]
    assert "approval-1: you have voted already" in capsys.readouterr().err


def test_a_request_of_another_run_is_not_approved_for_the_one_that_was_named() -> None:
    """Which requests a run has comes from a query, whose node may lie."""
    other = {**BOTH, "run": "run-8"}

    class Lied(Installed):
        def get_run(self, name: str) -> Any:
            return other

    with pytest.raises(ClientError, match="approval-1 is no request of run-8"):
        approve(Lied([other]), "run-8")


@pytest.mark.parametrize(
    ("did", "fits"),
    [
        ("service : (opt text) -> {}", False),
        ("service : (text) -> {}", False),
        ("service : (opt int, int) -> {}", True),
        ("service : {}", True),
    ],
)
def test_an_argument_that_the_module_does_not_read_is_not_approved(
    did: str, fits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arguments, "interface_of", lambda system, order: parse_interface(did))

    class Sent(Installed):
        def get_approval(self, name: str, certified: bool = False) -> Any:
            return asked(name, argument=encode_untyped("(opt (1 : int), 2 : int)"))

    installed = Sent([BOTH])
    if not fits:
        with pytest.raises(Ended, match="does not read all of its arguments"):
            approve(installed, "approval-1")
        assert installed.decided == []
    approve(installed, "approval-1", anyway=not fits)
    assert [name for name, _ in installed.decided] == ["approval-1"]


def test_votes_before_one_that_is_refused_are_told_in_json(
    capsys: pytest.CaptureFixture[str],
) -> None:
    installed = Voted([BOTH], voted=("approval-2",))
    with pytest.raises(RefusedError):
        approve(installed, "approval-1", "approval-2", as_json=True)
    assert [one["approval"] for one in json.loads(capsys.readouterr().out)] == ["approval-1"]


def test_following_goes_on_with_what_is_asked_about_later() -> None:
    later = run(
        "Approving",
        targets=[
            status("a", "Released", "approval-1"),
            status("b", "Released", "approval-2"),
            status("c", "Approving", "approval-3"),
        ],
    )
    installed = Installed([BOTH, BOTH, later, run("Succeeded")])
    approve(installed, "run-7", follow=True)
    assert [name for name, _ in installed.decided] == ["approval-1", "approval-2", "approval-3"]


WHY = "upgrade trapped"


def of_one(state: str, target: str, why: str | None = None) -> Any:
    named = {**status("a", target, "approval-1", why), "release": "release-10"}
    return run(state, targets=[named])


ASKED = run("Approving", approval="approval-1", targets=[status("a", "Approving", "approval-1")])


@dataclass
class Going(Installed):
    """Runs that go on by themselves once a decision is made, a step a look."""

    def get_run(self, name: str) -> Any:
        return self.forms.pop(0) if self.decided and len(self.forms) > 1 else self.forms[0]


@pytest.mark.parametrize("how", [{}, {"as_json": True}, {"quiet": True}])
def test_a_failed_release_is_no_success_of_the_command_that_follows_it(
    how: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It ended with 0 and `run-7: a Releasing (release-10)`."""
    monkeypatch.setattr("time.sleep", lambda _: None)
    forms = [ASKED, of_one("Releasing", "Releasing"), of_one("Failed", "Failed", WHY)]
    with pytest.raises(Ended, match="run-7 ended as Failed") as raised:
        approve(Going(forms), "run-7", follow=True, **how)
    assert raised.value.exit_code == 1
    told = capsys.readouterr()
    if how:
        assert "run-7 ended as Failed: why" in str(raised.value)
    else:
        assert f"run-7: a Failed: {WHY} (release-10)" in told.err
    if "as_json" in how:
        assert json.loads(told.out)[0]["approval"] == "approval-1"


def test_following_ends_when_the_release_has_and_tells_each_step(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    forms = [ASKED, of_one("Releasing", "Releasing"), of_one("Succeeded", "Released")]
    approve(Going(forms), "run-7", follow=True)
    assert capsys.readouterr().err.splitlines()[-3:] == [
        "run-7: a Releasing (release-10)",
        "run-7: a Released (release-10)",
        "run-7: Succeeded",
    ]


def test_a_run_without_requests_says_what_it_is() -> None:
    with pytest.raises(ClientError, match="no approval request of run-7 waits: it is Releasing"):
        approve(Installed([run("Releasing", targets=[status("a", "Releasing")])]), "run-7")


def test_several_requests_are_named_one_by_one(capsys: pytest.CaptureFixture[str]) -> None:
    installed = Installed([BOTH])
    approve(installed, "approval-5", "approval-6", as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert [one["approval"] for one in found] == ["approval-5", "approval-6"]
    approve(installed, "approval-7", as_json=True)
    assert json.loads(capsys.readouterr().out)["approval"] == "approval-7"


@pytest.mark.parametrize(
    ("ids", "how"),
    [
        (("run-7",), {"digest": "0" * 64}),
        (("approval-1", "approval-2"), {"sha256": "0" * 64}),
        (("approval-1",), {"follow": True}),
    ],
)
def test_what_holds_for_one_order_is_not_asked_of_several(ids: Any, how: Any) -> None:
    installed = Installed([BOTH])
    with pytest.raises(click.UsageError):
        approve(installed, *ids, **how)
    assert installed.decided == []


@pytest.mark.parametrize("yes", [True, False])
def test_an_order_that_is_not_carried_out_is_approved_only_when_that_is_wanted(
    yes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ended with 0 and `Approved`, below the words that it would not be carried out."""
    elsewhere: Any = {"canister": OTHER, "network": "local"}
    monkeypatch.setattr(
        target_now, "look", lambda system, order: target_now.TargetNow(target=elsewhere)
    )
    installed = Installed([BOTH])
    monkeypatch.setattr(approval_decision, "print_request", lambda context, found: None)
    with pytest.raises(Ended, match=r"(?s)order is not carried out.*run retry") as raised:
        approve(installed, "approval-1", yes=yes)
    assert raised.value.exit_code == 1
    assert installed.decided == []
    approve(installed, "approval-1", anyway=True)
    assert [name for name, _ in installed.decided] == ["approval-1"]


def test_a_request_that_needs_further_votes_says_so_after_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def voted(installed: Installed, decision: Any) -> Any:
        return {**asked(decision["approval"]), "state": {"Pending": None}}

    monkeypatch.setattr(Installed, "decide_approval", voted)
    approve(Installed([BOTH]), "approval-1")
    told = capsys.readouterr().err
    assert "approval-1 needs further approvers: dcanary approval show approval-1" in told
    assert "released" not in told


@pytest.mark.parametrize(
    ("approvers", "told"),
    [
        ([CANISTER], f"approvers: {CANISTER}; approve as one of them: --identity NAME"),
        ([CANISTER] * 5, f"approvers: {', '.join([CANISTER] * 3)} and 2 more; approve as one"),
        (None, "here: --identity approver"),
    ],
    ids=["one", "five", "one of this folder"],
)
def test_who_is_no_approver_is_told_who_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, approvers: list[str] | None, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    ours = create_identity(Path("identities") / "approver.pem").principal
    Path("identities", "broken.pem").write_text("no key")
    policy = {"approvers": approvers or [ours], "threshold": 1, "ttl_seconds": 60}
    monkeypatch.setattr(Installed, "get_approval", lambda *_, **__: asked_of(policy))
    monkeypatch.setattr(Installed, "connection", SimpleNamespace(sender=OTHER))
    with pytest.raises(RefusedError, match="is not an approver of approval-1") as raised:
        approve(Installed([BOTH]), "approval-1")
    assert told in raised.value.hint


def asked_of(policy: Any) -> Any:
    return {**asked("approval-1"), "policy": policy}


def test_who_is_no_approver_is_told_so_before_the_order(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stranger = SimpleNamespace(sender=OTHER)
    monkeypatch.setattr(Installed, "connection", stranger)
    installed = Installed([BOTH])
    with pytest.raises(RefusedError, match=f"{OTHER} is not an approver of approval-1"):
        approve(installed, "approval-1")
    assert capsys.readouterr().out == ""
    assert installed.decided == []


@pytest.mark.parametrize("state", [{"Approved": None}, {"Rejected": None}])
def test_no_question_is_asked_about_a_request_that_is_decided(
    state: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The question came first, and the answer was refused."""
    installed = Installed([BOTH])
    monkeypatch.setattr(
        installed, "get_approval", lambda name, certified: {**asked(name), "state": state}
    )
    context = Context(Path(), "default", Output())
    context.__dict__["system"] = installed
    reject: Any = approval.reject
    with pytest.raises(RefusedError, match="approval-1 is not to be decided any more"):
        reject.callback.__wrapped__(context, "approval-1", None, None, "", False)
    printed = capsys.readouterr()
    assert printed.out + printed.err == ""


def test_the_requests_of_a_run_are_shown_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    context = Context(Path(), "default", Output())
    context.__dict__["system"] = Installed([BOTH])
    show: Any = approval.show_approval
    show.callback.__wrapped__(context, "run-7")
    printed = capsys.readouterr().out
    assert printed.index("approval   approval-1") < printed.index("approval   approval-2")
    context.__dict__["system"] = Installed([run("Running")])
    with pytest.raises(ClientError, match="run-7 has asked for no approval: it is Running"):
        show.callback.__wrapped__(context, "run-7")
